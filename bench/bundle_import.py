"""Import rates: spans a second, and the memory of the importing process.

    PYTHONPATH=services/tests .venv/bin/python bench/bundle_import.py --spans 200000 --payloads

One process imports a generated bundle into a new PostgreSQL server (or ``--sqlite``), payloads into
a folder. Proving the file is part of the time.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bundles import Contents, span
from platform_under_test import postgres, server_cpu_s
from postgres_server import PostgresServer
from stores import prepare_database
from tracefoundry.bundle.import_bundle import import_bundle
from tracefoundry.bundle.import_options import ImportOptions, ImportTarget
from tracefoundry.bundle.members import RedactionNote, TraceFacts
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.genai import registry
from tracefoundry.model.payload import ref_of
from tracefoundry.model.span import Span
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy
from tracefoundry.store.api import open_store

SPANS_PER_TRACE = 100


def main() -> None:
    """Make a bundle, import it, print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--payloads", action="store_true", help="a content of its own in each span")
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "bundle.zip"
        _write(file, arguments.spans, with_payloads=arguments.payloads)
        if arguments.sqlite:
            _import(f"sqlite:///{folder}/bench.db", None, folder, file, arguments)
            return
        with postgres() as server:
            _import(server.create_database("bench"), server, folder, file, arguments)


def _import(
    url: str,
    server: PostgresServer | None,
    folder: Path,
    file: Path,
    arguments: argparse.Namespace,
) -> None:
    prepare_database(url)
    objects = FilesystemStore(folder / "payloads")
    payloads = PayloadWriter(objects, BlobCodec(KeyRing()), previews=True)
    target = ImportTarget(1, "default", "standard", lambda: Redactor(Policy()))
    options = ImportOptions(projects={"default": target})
    store = open_store(url)
    _load_prices()
    profile = None
    if arguments.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    database = server_cpu_s(server) if server else 0.0
    started, processor = time.perf_counter(), time.process_time()
    report = import_bundle(store, payloads, file, options, now_ns=time.time_ns())
    seconds = time.perf_counter() - started
    processor = time.process_time() - processor
    database = (server_cpu_s(server) if server else 0.0) - database
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if profile is not None:
        import pstats

        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    store.close()
    print(
        f"{report.spans:,} spans, {report.payloads:,} payloads of {file.stat().st_size:,} bytes:"
        f" {seconds:.1f} s, {report.spans / seconds:,.0f} spans/s; CPU {processor:.1f} s,"
        f" of the database {database:.1f} s;"
        f" memory {peak_kib / 1024:.0f} MiB ({before_kib / 1024:.0f} MiB before)"
    )


def _load_prices() -> None:
    """Load the list of prices, as the first import of a process does: half a second of CPU."""
    registry.derive(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5",
         "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1},
        [], "", span_name="chat", start_time_ns=time.time_ns(),
    )  # fmt: skip


def _write(file: Path, count: int, *, with_payloads: bool) -> None:
    contents = Contents()
    with file.open("wb") as out:
        writer = BundleWriter(
            out,
            contents=contents if with_payloads else None,
            redaction=RedactionNote("standard", 3),
        )
        for number in range(count // SPANS_PER_TRACE):
            spans = list(_spans(number, contents, with_payloads=with_payloads))
            writer.add_trace(_facts(spans), [spans], [])
        writer.finish()
        writer.close()


def _facts(spans: list[Span]) -> TraceFacts:
    return TraceFacts(
        trace_id=spans[0].trace_id.hex(),
        project="default",
        status="unset",
        start_time_ns=str(spans[0].start_time_ns),
        end_time_ns=str(spans[-1].end_time_ns),
        environment="prod",
    )


def _spans(number: int, contents: Contents, *, with_payloads: bool) -> Iterator[Span]:
    contents.by_ref.clear()
    for index in range(1, SPANS_PER_TRACE + 1):
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 1_200,
            "gen_ai.usage.output_tokens": 80,
            "step": index,
        }
        if with_payloads:
            text = f"turn {index} of run {number}: " + "the quick brown fox " * 20
            attributes["gen_ai.input.messages"] = (
                '[{"role":"user","parts":[{"type":"text","content":"' + text + '"}]}]'
            )
        made = span(index, trace_id=(number + 1).to_bytes(16, "big"), attributes=attributes)
        if with_payloads:
            Offloader().offload_span(made)
            contents.by_ref |= {ref_of(one.value): one.value for one in made.contents}
        yield made


if __name__ == "__main__":
    main()
