"""Bundles put back: what comes out of the store is what was in the file."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from bundles import AGENT, SCOPE, STANDARD, START_NS, Contents, span
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.import_bundle import import_bundle, import_spans
from tracefoundry.bundle.import_options import ImportNotPossible, ImportOptions, ImportTarget
from tracefoundry.bundle.members import RedactionNote, TraceFacts
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.genai import registry
from tracefoundry.model.payload import digest_of
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Mode, Policy
from tracefoundry.store.api import ImportConflict, Store

MESSAGES = '[{"role":"user","parts":[{"type":"text","content":"%s"}]}]'
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bD4fG6hJ8kL0nP2rS4tU6"


def target(name: str = "default", *, number: int = 1, mode: str = "standard") -> ImportTarget:
    """A project to import into."""
    return ImportTarget(number, name, mode, lambda: Redactor(Policy.of(Mode(mode))))


def options(*targets: ImportTarget, **fields: object) -> ImportOptions:
    """Options with these projects, by default one."""
    known = {one.name: one for one in targets or (target(),)}
    return ImportOptions(projects=known, **fields)  # type: ignore[arg-type]


@pytest.fixture
def payloads(tmp_path: Path) -> PayloadWriter:
    """An empty payload store."""
    keys = KeyRing()
    return PayloadWriter(FilesystemStore(tmp_path / "payloads"), BlobCodec(keys), previews=True)


def trace_id(number: int) -> bytes:
    """A trace id."""
    return number.to_bytes(16, "big")


def call(number: int, trace: int, text: str, **fields: object) -> Span:
    """A model call whose prompt has left its row, with its content."""
    made = span(
        number,
        trace_id=trace_id(trace),
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.input.messages": MESSAGES % text,
        },
        policy_version=STANDARD.policy_version,
        **fields,
    )
    made.genai = registry.derive(
        made.attributes, made.events, "", span_name=made.name, start_time_ns=made.start_time_ns
    )
    Offloader().offload_span(made)
    return made


def event(trace: int, number: int = 1) -> LogRecord:
    """A GenAI event without content."""
    return LogRecord(
        trace_id(trace), number.to_bytes(8, "big"), "gen_ai.choice", START_NS, 0, 9, "INFO", None,
        {"gen_ai.system": "x"}, AGENT, SCOPE, policy_version=STANDARD.policy_version,
        genai=registry.derive_from_event(
            "gen_ai.choice", {"gen_ai.system": "x"}, None, START_NS
        ),
    )  # fmt: skip


def bundle_of(
    traces: Sequence[tuple[str, list[Span], list[LogRecord]]],
    *,
    with_payloads: bool = True,
    redaction: RedactionNote = STANDARD,
) -> io.BytesIO:
    """A bundle of traces, each of a project."""
    out = io.BytesIO()
    values = [content.value for _, spans, _ in traces for one in spans for content in one.contents]
    contents = Contents(values) if with_payloads else None
    writer = BundleWriter(out, contents=contents, redaction=redaction)
    for project, spans, logs in traces:
        writer.add_trace(
            TraceFacts(
                trace_id=spans[0].trace_id.hex(),
                project=project,
                status="unset",
                start_time_ns=str(spans[0].start_time_ns),
                end_time_ns=str(spans[-1].end_time_ns),
                environment="prod",
            ),
            [spans],
            [logs] if logs else [],
        )
    writer.finish()
    writer.close()
    out.seek(0)
    return out


def stored(store: Store, trace: int, project: int = 1) -> tuple[list[Span], list[LogRecord]]:
    """What the store has of a trace."""
    with store.reader.snapshot() as snapshot:
        (one,) = snapshot.find_traces([project], trace_id(trace))
        spans = [span for chunk in snapshot.model_spans(one) for span in chunk]
        logs = [log for chunk in snapshot.model_logs(project, one.trace_id) for log in chunk]
    return spans, logs


def bare(spans: Sequence[Span]) -> list[Span]:
    """Spans as a store gives them back: without what is on its way to the payload store."""
    for one in spans:
        one.contents = ()
        one.encoded_attributes = b""
    return list(spans)


def run(store: Store, payloads: PayloadWriter | None, file: io.BytesIO, given: ImportOptions):  # type: ignore[no-untyped-def]
    """An import."""
    return import_bundle(store, payloads, file, given, now_ns=time.time_ns())


def test_what_is_imported_equals_what_was_exported(store: Store, payloads: PayloadWriter) -> None:
    """Span by span, log by log, GenAI view and contents too; a second import changes nothing."""
    spans = [call(1, 1, "hello"), call(2, 1, "again")]
    refs = [one.payloads[0].ref or "" for one in spans]
    file = bundle_of([("default", spans, [event(1)]), ("default", [call(1, 2, "hello")], [])])
    report = run(store, payloads, file, options())
    assert (2, 3, 1, 2, 0) == (
        report.traces, report.spans, report.logs, report.payloads, report.already_present,
    )  # fmt: skip
    assert (bare(spans), [event(1)]) == stored(store, 1)
    with store.reader.snapshot() as snapshot:
        (one,) = snapshot.find_traces([1], trace_id(1))
        assert ("bundle_import", "offline", "prod") == (
            one.source, one.summary.environment, one.original_environment,
        )  # fmt: skip
        assert 3 == one.summary.input_tokens  # the second call is part of the first
        places = snapshot.payload_places(1, one.import_day or 0, [digest_of(ref) for ref in refs])
        assert 2 == len(places)
    again = run(store, payloads, file, options())
    assert (0, 0, 0, 2) == (again.traces, again.spans, again.payloads, again.already_present)


def test_a_bundle_without_payloads_keeps_its_entries(store: Store) -> None:
    """Their refs are keyed hashes, and their state says why there is no content."""
    one = call(1, 1, "x")
    keyed = f"hmac-sha256:{'0' * 64}"
    one.payloads = tuple(msgspec.structs.replace(entry, ref=keyed) for entry in one.payloads)
    run(store, None, bundle_of([("default", [one], [])], with_payloads=False), options())
    ((found,), _) = stored(store, 1)
    assert ["excluded"] == [entry.state for entry in found.payloads]


def test_weaker_redaction_needs_consent(store: Store, payloads: PayloadWriter) -> None:
    """With it, the project's policy is applied to attributes and contents alike."""
    weak = RedactionNote("off", 1)
    spans = [call(1, 1, KEY)]
    file = bundle_of([("default", spans, [])], redaction=weak)
    with pytest.raises(ImportNotPossible) as caught:
        run(store, payloads, file, options())
    assert "weaker_redaction" == caught.value.code
    report = run(store, payloads, file, options(redact=True))
    assert sum(report.redactions.values())
    ((found,), _) = stored(store, 1)
    assert [entry.ref for entry in found.payloads] != [entry.ref for entry in spans[0].payloads]
    assert found.redactions


def test_strict_projects_keep_no_content(store: Store, payloads: PayloadWriter) -> None:
    """Contents of the file are not stored."""
    file = bundle_of([("default", [call(1, 1, "secret words")], [])])
    run(store, payloads, file, options(target(mode="strict"), redact=True))
    ((found,), _) = stored(store, 1)
    assert ["redacted"] == [entry.state for entry in found.payloads]


def test_projects_are_found_by_name(store: Store, payloads: PayloadWriter) -> None:
    """A project that is not here is named; one project for all is possible if ids allow it."""
    with store.administration.change() as change:
        team = change.add_project("team", created_at_ns=0)
    file = bundle_of([("default", [span(1)], []), ("team", [span(1)], [])])
    with pytest.raises(ImportNotPossible) as caught:
        run(store, payloads, file, options())
    assert "unknown_project" == caught.value.code
    both = (target(), target("team", number=team.project_id))
    with pytest.raises(ImportNotPossible) as caught:
        run(store, payloads, file, options(*both, project="team"))
    assert "ambiguous_trace" == caught.value.code
    assert 2 == run(store, payloads, file, options(*both)).traces


def test_a_conflict_leaves_nothing(store: Store, payloads: PayloadWriter) -> None:
    """Of the other traces of the file neither."""
    run(store, payloads, bundle_of([("default", [call(1, 2, "a")], [])]), options())
    file = bundle_of([("default", [call(1, 1, "x")], []), ("default", [call(1, 2, "b")], [])])
    with pytest.raises(ImportConflict):
        run(store, payloads, file, options())
    with store.reader.snapshot() as snapshot:
        assert [] == snapshot.find_traces([1], trace_id(1))
    assert 0 == store.imports.remove_leftovers()


@pytest.mark.parametrize("place", [30, 400, -200, -30])
def test_a_damaged_file_is_refused_before_anything_is_stored(
    store: Store, payloads: PayloadWriter, place: int
) -> None:
    """Wherever it is damaged."""
    content = bytearray(bundle_of([("default", [call(1, 1, "x")], [])]).getvalue())
    content[place] ^= 1
    with pytest.raises(NotABundle):
        run(store, payloads, io.BytesIO(bytes(content)), options())
    with store.reader.snapshot() as snapshot:
        assert [] == snapshot.find_traces([1], trace_id(1))


class Chunk:
    """A chunk of another platform's file."""

    def __init__(self, spans: list[Span], logs: list[LogRecord]) -> None:
        self.spans, self.logs = spans, logs


def test_files_of_other_platforms_are_redacted_and_offloaded(
    store: Store, payloads: PayloadWriter
) -> None:
    """As if they had come over OTLP, whatever their age."""
    made = span(1, trace_id=trace_id(1), attributes={
        "gen_ai.operation.name": "chat", "gen_ai.input.messages": MESSAGES % KEY,
    })  # fmt: skip
    report = import_spans(
        store, payloads, [Chunk([made], [event(1)])], options(), now_ns=time.time_ns()
    )
    assert (1, 1, 1, 1) == (report.traces, report.spans, report.logs, report.payloads)
    assert sum(report.redactions.values())
    with store.reader.snapshot() as snapshot:
        assert "file_import" == snapshot.find_traces([1], trace_id(1))[0].source
    ((found,), _) = stored(store, 1)
    assert "gen_ai.input.messages" not in found.attributes
    assert "input_messages" == found.payloads[0].slot
