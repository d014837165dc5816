"""Bundles: how fast they are written, verified and read, and how much memory that takes.

Each step runs in a process of its own, so that its peak of memory is its own. Spans and payloads
are generated while they are written. Without arguments: a million spans, each with a payload.

    PYTHONPATH=services/tests .venv/bin/python bench/bundle.py [--spans N] [--folder PATH]
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import bundles
from tracefoundry.bundle.members import TraceFacts
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.payload import ref_of
from tracefoundry.model.span import Span

TRACE_SPANS = 10_000
BATCH = 1_000
WORDS = [f"word{number}" for number in range(5_000)]


def payload(number: int) -> bytes:
    """The payload of a span: some text, no two the same."""
    words = random.Random(number).choices(WORDS, k=60)
    return f"{number} {' '.join(words)}".encode()


class Generated:
    """Contents made again when they are asked for."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def __call__(self, _trace: TraceFacts, refs: Collection[str]) -> Iterable[tuple[str, bytes]]:
        for ref in refs:
            yield ref, self.values.pop(ref)


def batches(trace: int, count: int, contents: Generated) -> Iterator[list[Span]]:
    """The spans of a trace."""
    for first in range(0, count, BATCH):
        made = []
        for number in range(first, min(count, first + BATCH)):
            content = payload(trace * TRACE_SPANS + number)
            contents.values[ref_of(content)] = content
            made.append(
                bundles.span(
                    number + 1,
                    trace_id=(trace + 1).to_bytes(16, "big"),
                    attributes={
                        "gen_ai.operation.name": "chat",
                        "gen_ai.request.model": "gpt-large",
                        "gen_ai.usage.input_tokens": number,
                        "gen_ai.usage.output_tokens": number % 977,
                        "server.address": "api.example.com",
                        "step": f"step {number} of agent {trace}",
                    },
                    payloads=(bundles.entry(content),),
                )
            )
        yield made


def write(path: Path, spans: int) -> None:
    """Write a bundle."""
    contents = Generated()
    with path.open("wb") as out:
        writer = BundleWriter(
            out, contents=contents, redaction=bundles.STANDARD, spool_folder=path.parent
        )
        for trace in range(-(-spans // TRACE_SPANS)):
            count = min(TRACE_SPANS, spans - trace * TRACE_SPANS)
            facts = bundles.facts((trace + 1).to_bytes(16, "big"))
            writer.add_trace(facts, batches(trace, count, contents), [])
        writer.finish()
        writer.close()


def prove(path: Path, _spans: int) -> None:
    """Verify it."""
    verdict = verify(path)
    assert verdict.valid, verdict


def read(path: Path, spans: int) -> None:
    """Read all spans and payloads of it."""
    with Bundle(path) as bundle:
        assert spans == sum(len(chunk) for chunk in bundle.spans())
        assert spans == sum(1 for _ in bundle.payloads())


STEPS = {"write": write, "verify": prove, "read": read}


def main() -> None:
    """Run one step, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = (options.folder if options.step else Path(folder)) / "bundle.zip"
        if options.step:
            run_step(options.step, path, options.spans)
            return
        for step in STEPS:
            subprocess.run(
                [sys.executable, __file__, "--spans", str(options.spans), "--step", step,
                 "--folder", folder],
                check=True,
            )  # fmt: skip


def run_step(step: str, path: Path, spans: int) -> None:
    """Measure one step in this process, and print a line."""
    before, cpu = time.perf_counter(), time.process_time()
    STEPS[step](path, spans)
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
    with Bundle(path) as bundle:
        inflated = sum(member.bytes for member in bundle.manifest.members)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{step:<7} {seconds:7.1f} s ({cpu:.1f} s CPU)  {spans / seconds:9,.0f} spans/s"
        f"  {inflated / seconds / 1e6:6.0f} MB/s of {inflated / 1e6:,.0f} MB inflated"
        f" ({path.stat().st_size / 1e6:,.0f} MB)  {memory:5.0f} MiB"
    )


if __name__ == "__main__":
    main()
