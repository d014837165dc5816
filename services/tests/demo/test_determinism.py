"""The same seed and time give the same bytes; anything else would double traces in a store."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from tracefoundry.demo.recording import Recorder

AT_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z

PRINT_DIGEST = """
import hashlib, sys
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from tracefoundry.demo.recording import Recorder
digest = hashlib.sha256()
for spans in Recorder(seed=7, at_ns=%d).record(40):
    digest.update(encode_spans(spans).SerializeToString())
print(digest.hexdigest())
"""


def digests(seed: int, at_ns: int, traces: int) -> list[str]:
    """What each trace is on the wire."""
    return [
        hashlib.sha256(encode_spans(spans).SerializeToString()).hexdigest()
        for spans in Recorder(seed=seed, at_ns=at_ns).record(traces)
    ]


def digest_in_a_process(**environment: str) -> str:
    """What all traces are on the wire, made by a process of its own."""
    shown = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST % AT_NS],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
        text=True,
    )
    return shown.stdout


def test_processes_give_the_same_bytes() -> None:
    """Whatever the order of hashes, the host, and the settings of the SDK in the environment."""
    hostile = {
        "PYTHONHASHSEED": "2",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=x,host.name=y",
        "OTEL_SERVICE_NAME": "other",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1",
        "TZ": "Pacific/Auckland",
    }
    assert digest_in_a_process(PYTHONHASHSEED="1") == digest_in_a_process(**hostile)


def test_more_traces_are_the_same_ones_and_some_more() -> None:
    """The number asked for changes no trace."""
    assert digests(7, AT_NS, 12) == digests(7, AT_NS, 25)[:12]


def test_another_time_gives_other_traces_with_the_same_story() -> None:
    """A demo an hour later adds traces of its own instead of mixing into the old ones."""
    now = list(Recorder(seed=7, at_ns=AT_NS).record(12))
    later = list(Recorder(seed=7, at_ns=AT_NS + 1).record(12))
    assert [[span.name for span in spans] for spans in now] == [
        [span.name for span in spans] for spans in later
    ]
    assert set() == {span.context.trace_id for spans in now for span in spans} & {
        span.context.trace_id for spans in later for span in spans
    }


def test_another_seed_gives_another_day() -> None:
    """No trace in common."""
    assert set() == set(digests(1, AT_NS, 12)) & set(digests(2, AT_NS, 12))
