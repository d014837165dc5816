"""How fast stored traces are exported from PostgreSQL or SQLite, and how much memory that takes.

Spans of agents with a distinct payload each are stored, then exported with payloads and without,
each in a process of its own, so that its peak of memory is its own.

    PYTHONPATH=services/tests .venv/bin/python bench/bundle_export.py [--spans N] [--sqlite]
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bundle.stored_traces import REF_KEY, STANDARD, keep
from platform_under_test import postgres, server_cpu_s
from samples import NOW_NS, make_span
from stores import prepare_database
from tracefoundry.bundle.export_contents import ContentReader
from tracefoundry.bundle.export_traces import ExportOptions, ProjectExport, export_traces
from tracefoundry.model.span import Span
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.store.api import open_store
from tracefoundry.store.records import TraceSelection

TRACE_SPANS = 10_000
BATCH = 2_000


def spans_of(trace: int, first: int, count: int) -> list[Span]:
    """Some spans of a trace, with 600 bytes of content each."""
    return [
        make_span(
            trace + 1,
            number + 1,
            None if number == 0 else 1,
            start=number * 1_000,
            name=f"chat step {number % 50}",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-large",
                "gen_ai.usage.input_tokens": number,
                "gen_ai.usage.output_tokens": number % 977,
                "server.address": "api.example.com",
                "gen_ai.input.messages": f"{trace} {number} " + "some words of a prompt " * 25,
            },
        )
        for number in range(first, first + count)
    ]


def fill(url: str, folder: Path, spans: int) -> None:
    """Store the traces."""
    prepare_database(url)
    store = open_store(url)
    objects = FilesystemStore(folder)
    for start in range(0, spans, BATCH):
        trace, first = divmod(start, TRACE_SPANS)
        keep(store, objects, spans_of(trace, first, min(BATCH, spans - start)))
    store.close()


def export(url: str, folder: Path, *, payloads: bool, profile: bool) -> None:
    """Export all of it, and print a line."""
    store = open_store(url)
    objects = FilesystemStore(folder)
    project = ProjectExport(name="default", policy=STANDARD, ref_key=None if payloads else REF_KEY)
    profiler = cProfile.Profile()
    with store.reader.snapshot() as snapshot, tempfile.TemporaryFile() as out:
        selection = TraceSelection(start_ns=0, end_ns=NOW_NS + 10**15)
        traces = snapshot.traces([1], selection, sort="newest", after=None, limit=1_000).traces
        reader = PayloadReader(store.reader, objects, KeyRing())
        contents = ContentReader(snapshot, objects, KeyRing(), reader.read_from)
        options = ExportOptions(payloads=payloads, projects={1: project})
        before, used, alone = time.perf_counter(), time.process_time(), time.thread_time()
        if profile:
            profiler.enable()
        manifest = export_traces(snapshot, contents, traces, options, out)
        profiler.disable()
        alone = time.thread_time() - alone
        seconds, used = time.perf_counter() - before, time.process_time() - used
    spans = manifest.counts.spans
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"export {'with' if payloads else 'without'} payloads: {spans:,} spans,"
        f" {manifest.counts.payloads:,} payloads in {seconds:.1f} s,"
        f" {spans / seconds:,.0f} spans/s;"
        f" {used:.1f} s of processor time, {alone:.1f} s of it in the thread that exports;"
        f" {memory:.0f} MiB"
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    store.close()


def main() -> None:
    """Fill a database, then export it in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--step", choices=["payloads", "refs"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        export(
            options.url, options.folder,
            payloads=options.step == "payloads", profile=options.profile,
        )  # fmt: skip
        return
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = None if options.sqlite else stack.enter_context(postgres())
        url = server.create_database("bench") if server else f"sqlite:///{folder}/bench.db"
        fill(url, folder / "payloads", options.spans)
        for step in ("payloads", "refs"):
            arguments = [sys.executable, __file__, "--step", step, "--url", url]
            arguments += ["--folder", str(folder / "payloads")]
            arguments += ["--profile"] if options.profile else []
            before = server_cpu_s(server) if server else 0.0
            subprocess.run(arguments, check=True)
            if server:
                print(f"  {server_cpu_s(server) - before:.1f} s of CPU in the database")


if __name__ == "__main__":
    main()
