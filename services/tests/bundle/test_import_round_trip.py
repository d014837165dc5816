"""Any trace that decoding can give comes back equal through a bundle and an import."""

from __future__ import annotations

import io
import itertools
import time

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle.test_import_bundle import bare, options
from bundles import STANDARD, Contents
from strategies import logs, spans
from tracefoundry.bundle.import_bundle import import_bundle
from tracefoundry.bundle.members import TraceFacts
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.genai import registry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.store.api import Store

_numbers = itertools.count(1)
_MOST_NS = 2**62


def stored_span(span: Span, trace_id: bytes) -> Span:
    """A span as ingest would store it."""
    span = msgspec.structs.replace(
        span, trace_id=trace_id, start_time_ns=min(span.start_time_ns, _MOST_NS),
        policy_version=STANDARD.policy_version,
    )  # fmt: skip
    span.genai = registry.derive(
        span.attributes, span.events, span.scope.name, span_name=span.name,
        start_time_ns=span.start_time_ns,
    )  # fmt: skip
    Offloader().offload_span(span)
    return span


def stored_log(log: LogRecord, trace_id: bytes) -> LogRecord:
    """A log record as ingest would store it."""
    log = msgspec.structs.replace(
        log, trace_id=trace_id, time_ns=min(log.time_ns, _MOST_NS),
        policy_version=STANDARD.policy_version,
    )  # fmt: skip
    log.genai = registry.derive_from_event(log.name, log.attributes, log.body, log.time_ns)
    Offloader().offload_log(log)
    return log


def unique(records: list[Span] | list[LogRecord]) -> list[object]:
    """Records in the order of a store, each key once."""
    by_key = {
        (one.start_time_ns if isinstance(one, Span) else one.time_ns, one.span_id): one
        for one in reversed(records)
    }
    return [by_key[key] for key in sorted(by_key)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(spans(), min_size=1, max_size=4), st.lists(logs(), max_size=2))
def test_what_goes_through_a_bundle_is_equal(
    store: Store, tmp_path_factory: object, given_spans: list[Span], given_logs: list[LogRecord]
) -> None:
    """Spans, logs, their GenAI views, entries and contents."""
    trace_id = next(_numbers).to_bytes(16, "big")
    some: list[Span] = unique([stored_span(span, trace_id) for span in given_spans])  # type: ignore[assignment]
    events: list[LogRecord] = unique([stored_log(log, trace_id) for log in given_logs])  # type: ignore[assignment]
    values = [content.value for one in (*some, *events) for content in one.contents]
    out = io.BytesIO()
    writer = BundleWriter(out, contents=Contents(values), redaction=STANDARD)
    facts = TraceFacts(
        trace_id=trace_id.hex(), project="default", status="unset", start_time_ns="0",
        end_time_ns="1", environment=None,
    )  # fmt: skip
    writer.add_trace(facts, [some], [events] if events else [])
    writer.finish()
    writer.close()
    out.seek(0)
    folder = tmp_path_factory.mktemp("payloads")  # type: ignore[attr-defined]
    payloads = PayloadWriter(FilesystemStore(folder), BlobCodec(KeyRing()), previews=True)
    report = import_bundle(store, payloads, out, options(), now_ns=time.time_ns())
    assert (1, len(some), len(events)) == (report.traces, report.spans, report.logs)
    with store.reader.snapshot() as snapshot:
        (trace,) = snapshot.find_traces([1], trace_id)
        found = [span for chunk in snapshot.model_spans(trace) for span in chunk]
        found_logs = [log for chunk in snapshot.model_logs(1, trace_id) for log in chunk]
    assert bare(some) == found
    for event in events:
        event.contents = ()
    assert events == found_logs
