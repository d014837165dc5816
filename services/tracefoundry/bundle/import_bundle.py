"""A bundle put back into a store, or the traces of another platform's file.

The whole file is proven first. Then everything is staged, and published at once: whatever fails
before leaves nothing behind. Memory holds one batch of records and one chunk of the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, TypeVar

from tracefoundry.bulk_work import bulk_work
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.import_content import ContentFile
from tracefoundry.bundle.import_options import (
    STRICTNESS,
    ImportNotPossible,
    ImportOptions,
    ImportReport,
    ImportTarget,
)
from tracefoundry.bundle.import_pipeline import ImportPipeline
from tracefoundry.bundle.members import kind_of
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.disk_space import free_bytes, kept_free_bytes
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.engine import Redactor
from tracefoundry.store.api import Store
from tracefoundry.store.import_api import Published

DEFAULT_PROJECT = "default"

_Record = TypeVar("_Record", Span, LogRecord)


class _TraceOfFile(NamedTuple):
    """A trace of a bundle, and where it goes."""

    trace_id: bytes
    target: ImportTarget
    spans: int
    logs: int


class SpansAndLogs(Protocol):
    """A chunk of another platform's file."""

    spans: list[Span]
    logs: list[LogRecord]


def import_bundle(
    store: Store,
    payloads: PayloadWriter | None,
    file: Path | BinaryIO,
    options: ImportOptions,
    *,
    now_ns: int,
    folder: Path | None = None,
) -> ImportReport:
    """Import a bundle, whole or not at all. A second import of the same file changes nothing.

    Args:
        payloads: stores contents; None where there is no payload store.
        file: the bundle; a file must be seekable.
        folder: for temporary files.

    Raises:
        NotABundle: the file breaks the rules of bundles; nothing was stored.
        ImportNotPossible: it cannot be imported as asked.
        ImportConflict: a trace of one of its ids is there already, with other content.
        ImportRefused: the database can never take it.
        ObjectStoreError: contents cannot be stored now.
        StoreUnavailable: rows cannot be stored now; or another import is at work.
    """
    with bulk_work():
        verdict = verify(file)
        if not verdict.valid:
            raise NotABundle(verdict.reason or "is not valid", member=verdict.member)
        return _import_bundle(store, payloads, file, options, now_ns, folder)


def _import_bundle(
    store: Store,
    payloads: PayloadWriter | None,
    file: Path | BinaryIO,
    options: ImportOptions,
    now_ns: int,
    folder: Path | None,
) -> ImportReport:
    """The import of a bundle that was verified."""
    with Bundle(file) as bundle:
        traces = _traces_of(bundle, options)
        redactors = _redactors(bundle, traces, options)
        _check_room(bundle, folder)
        policy = bundle.manifest.redaction.policy_version
        with (
            ContentFile(bundle.payloads(), folder) as contents,
            store.imports.open(now_ns) as run,
            ImportPipeline(run, payloads, contents.find) as pipeline,
        ):
            pipeline.admit({(one.target.project_id, one.trace_id) for one in traces})
            for target, spans in _by_target(bundle.spans(), [(t.target, t.spans) for t in traces]):
                redactor = redactors.get(target.name)
                pipeline.add_spans(target, spans, redactor=redactor, policy=policy)
            for target, logs in _by_target(bundle.logs(), [(t.target, t.logs) for t in traces]):
                redactor = redactors.get(target.name)
                pipeline.add_logs(target, logs, redactor=redactor, policy=policy)
            pipeline.finish()
            report = _report(run.publish("bundle_import"), pipeline)
            report.payloads = len(contents) if report.traces else 0
    if payloads is None and report.payloads:
        report.payloads = 0
        report.notes.append("there is no payload store: contents were left out")
    return report


def import_spans(
    store: Store,
    payloads: PayloadWriter | None,
    chunks: Iterable[SpansAndLogs],
    options: ImportOptions,
    *,
    now_ns: int,
) -> ImportReport:
    """Import the spans and logs of another platform's file, redacted by the policy of their
    project. That is ``options.project``, else the one that their resource names, else the default.

    Raises:
        As :func:`import_bundle`, and what ``chunks`` raises; nothing was stored.
    """
    redactors: dict[str, Redactor] = {}
    with (
        bulk_work(),
        store.imports.open(now_ns) as run,
        ImportPipeline(run, payloads) as pipeline,
    ):
        for chunk in chunks:
            for target, spans in _by_project(chunk.spans, options):
                redactor = _redactor_of(target, redactors)
                pipeline.add_spans(target, spans, redactor=redactor, policy=0)
            for target, logs in _by_project(chunk.logs, options):
                redactor = _redactor_of(target, redactors)
                pipeline.add_logs(target, logs, redactor=redactor, policy=0)
        pipeline.finish()
        report = _report(run.publish("file_import"), pipeline)
        report.payloads = pipeline.contents
    return report


def _traces_of(bundle: Bundle, options: ImportOptions) -> list[_TraceOfFile]:
    """The traces in their order, each with the project it goes to."""
    traces: list[_TraceOfFile] = []
    seen: set[tuple[int, bytes]] = set()
    for facts in bundle.traces():
        target = options.target(facts.project)
        trace_id = bytes.fromhex(facts.trace_id)
        if (target.project_id, trace_id) in seen:
            raise ImportNotPossible(
                "ambiguous_trace",
                f"trace {facts.trace_id} stands in two projects of the bundle",
                "Leave project= out, so that each goes to its own project.",
            )
        seen.add((target.project_id, trace_id))
        traces.append(_TraceOfFile(trace_id, target, facts.spans, facts.logs))
    return traces


def _redactors(
    bundle: Bundle, traces: Sequence[_TraceOfFile], options: ImportOptions
) -> dict[str, Redactor]:
    """What redacts the traces of each project; nothing where they stay as they are.

    Raises:
        ImportNotPossible: they were redacted less than the project asks for.
    """
    targets = {trace.target.name: trace.target for trace in traces}
    if options.redact:
        return {name: target.redactor() for name, target in targets.items()}
    recorded = bundle.manifest.redaction.mode
    for name, target in sorted(targets.items()):
        # A mode of a newer version counts as the strictest.
        asked = STRICTNESS.index(target.mode) if target.mode in STRICTNESS else len(STRICTNESS)
        if STRICTNESS.index(recorded) < asked:
            raise ImportNotPossible(
                "weaker_redaction",
                f"the bundle was redacted in mode {recorded}, and project {name} asks for"
                f" {target.mode}",
                "Import it with redact=true (--redact), which applies the project's policy.",
            )
    return {}


def _redactor_of(target: ImportTarget, made: dict[str, Redactor]) -> Redactor:
    if target.name not in made:
        made[target.name] = target.redactor()
    return made[target.name]


def _check_room(bundle: Bundle, folder: Path | None) -> None:
    """Raise if the contents do not fit on the disk of the temporary folder."""
    needed = sum(
        member.bytes
        for member in bundle.manifest.members
        if kind_of(member.path) in ("payload", "pack")
    )
    place = folder or Path(tempfile.gettempdir())
    if needed > max(0, free_bytes(place) - kept_free_bytes(place)):
        raise ImportNotPossible(
            "no_room",
            f"the bundle holds {needed:,} bytes of payloads, which do not fit on the disk of"
            " temporary files",
            "Make room on the server's disk for temporary files, or import a smaller bundle.",
        )


def _by_target(
    chunks: Iterator[list[_Record]], order: Sequence[tuple[ImportTarget, int]]
) -> Iterator[tuple[ImportTarget, list[_Record]]]:
    """Records with their project. They come trace by trace in the order of the bundle's traces,
    whose numbers of records are proven by the reader."""
    places = iter(order)
    target: ImportTarget | None = None
    left = 0
    for chunk in chunks:
        done = 0
        while done < len(chunk):
            while not left:
                target, left = next(places)
            taken = min(left, len(chunk) - done)
            if target is not None:
                yield target, chunk[done : done + taken]
            done += taken
            left -= taken


def _by_project(
    records: Sequence[_Record], options: ImportOptions
) -> Iterator[tuple[ImportTarget, list[_Record]]]:
    def project_of(record: _Record) -> str:
        return record.resource.project or DEFAULT_PROJECT

    for name, group in groupby(records, key=project_of):
        yield options.target(name), list(group)


def _report(published: Published, pipeline: ImportPipeline) -> ImportReport:
    report = ImportReport(
        traces=len(published.traces),
        spans=published.spans,
        logs=published.logs,
        already_present=len(published.present),
        redactions=dict(sorted(pipeline.redactions.items())),
    )
    if published.without_spans:
        report.notes.append(
            f"logs of {len(published.without_spans)} traces without spans were left out"
        )
    return report
