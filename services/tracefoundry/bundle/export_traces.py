"""Exports stored traces into a bundle: one snapshot in, one stream of bytes out.

Content that is gone by now (expired, deleted, missing, damaged) does not end an export: its entry
says what became of it. Memory stays flat: one batch of spans, and the summaries of the traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracefoundry.bulk_work import bulk_work
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.export_batches import ExportedProject, TraceBatches
from tracefoundry.bundle.export_contents import ContentReader
from tracefoundry.bundle.export_redaction import ExportRedaction
from tracefoundry.bundle.export_spool import ContentSpool
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.members import (
    MAX_TRACES,
    Manifest,
    RedactionCount,
    RedactionNote,
    TraceFacts,
)
from tracefoundry.bundle.writing import BundleWriter, SupportsWrite
from tracefoundry.model.span import StatusCode
from tracefoundry.redaction.policy import Mode, Policy
from tracefoundry.store.api import Snapshot
from tracefoundry.store.records import StoredTrace

_WEAKEST_FIRST = (Mode.OFF, Mode.STANDARD, Mode.STRICT)
_STATUS: Mapping[int, Literal["ok", "error", "unset"]] = {
    StatusCode.OK: "ok",
    StatusCode.ERROR: "error",
    StatusCode.UNSET: "unset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectExport:
    """What holds for the traces of one project.

    Attributes:
        name: its name.
        policy: what is redacted; the caller makes sure that it is not weaker than the project's.
        ref_key: the project's export key; needed where payloads are left out.
    """

    name: str
    policy: Policy
    ref_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What the bundle is to hold.

    Attributes:
        payloads: whether contents go with it.
        projects: the projects of the traces, by id.
        json_copies: whether spans are written as OTLP/JSON too.
        signing_key: signs the bundle.
        spool_folder: where contents wait, in unlinked files.
    """

    payloads: bool
    projects: Mapping[int, ProjectExport]
    json_copies: bool = False
    signing_key: SigningKey | None = None
    spool_folder: Path | None = None


def export_traces(
    snapshot: Snapshot,
    contents: ContentReader,
    traces: Sequence[StoredTrace],
    options: ExportOptions,
    out: SupportsWrite,
) -> Manifest:
    """Write a bundle of traces of one snapshot, given in any order.

    Raises:
        BundleError: more than a bundle may hold.
        StoreUnavailable, ObjectStoreUnavailable: the bundle is incomplete; try again.
        UnknownKey: a payload needs a key that is not configured; the bundle is incomplete.
    """
    if len(traces) > MAX_TRACES:
        raise BundleError(
            f"{len(traces):,} traces do not fit into one bundle: export at most {MAX_TRACES:,}"
        )
    projects = _projects(traces, options)
    with bulk_work(), ContentSpool(options.spool_folder) as spool:
        batches = TraceBatches(snapshot, contents, spool)
        writer = BundleWriter(
            out,
            contents=batches.contents if options.payloads else None,
            redaction=_note(projects.values()),
            json_copies=options.json_copies,
            spool_folder=options.spool_folder,
            signing_key=options.signing_key,
        )
        try:
            for trace in sorted(
                traces, key=lambda one: (one.trace_id, projects[one.project_id].name)
            ):
                project = projects[trace.project_id]
                batches.begin_trace(trace, project)
                writer.add_trace(
                    _facts(trace, project), batches.spans(), batches.logs(),
                    standing=batches.standing,
                )  # fmt: skip
            return writer.finish(redaction=_note(projects.values()))
        finally:
            writer.close()


def _projects(traces: Iterable[StoredTrace], options: ExportOptions) -> dict[int, ExportedProject]:
    found = {}
    for project_id in sorted({trace.project_id for trace in traces}):
        project = options.projects[project_id]
        if not options.payloads and project.ref_key is None:
            raise ValueError(f"an export without payloads needs the key of {project.name}")
        found[project_id] = ExportedProject(
            name=project.name,
            redaction=ExportRedaction(project.policy),
            ref_key=None if options.payloads else project.ref_key,
        )
    return found


def _facts(trace: StoredTrace, project: ExportedProject) -> TraceFacts:
    summary = trace.summary
    # An imported trace goes on as what it was where it came from.
    imported = trace.import_day is not None
    environment = trace.original_environment if imported else summary.environment
    return TraceFacts(
        trace_id=trace.trace_id.hex(),
        project=project.name,
        status=_STATUS[summary.status],
        start_time_ns=str(summary.start_time_ns),
        end_time_ns=str(summary.end_time_ns),
        environment=environment,
    )


def _note(projects: Iterable[ExportedProject]) -> RedactionNote:
    """How the traces are redacted: the weakest of the projects' policies, and what the export
    itself took out."""
    redactions = [project.redaction for project in projects]
    policy = Policy(Mode.STRICT)
    taken: Counter[str] = Counter()
    for redaction in redactions:
        taken.update(redaction.taken_out)
    if redactions:
        policy = min(
            (redaction.policy for redaction in redactions),
            key=lambda one: _WEAKEST_FIRST.index(one.mode),
        )
    report = [RedactionCount(rule, taken[rule]) for rule in sorted(taken)]
    return RedactionNote(policy.mode.value, policy.version, report)
