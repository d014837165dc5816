"""Spans, logs and refs of payloads expire, and with them the summaries of traces.

The order makes every moment, and every crash, tell the truth: first all traces that lose spans
are marked, which readers see and writers respect; then the days go; then the mark is repeated for
traces that got an expired span from a writer meanwhile; at last the summaries go of which no span
is left.
"""

from __future__ import annotations

from tracefoundry.model.times import DAY_NS, date_of
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs, ProjectCutoff
from tracefoundry.retention.partitions import SPAN_TABLES, days_of, drop
from tracefoundry.retention.report import ProjectSpans
from tracefoundry.store.sql.expiry import rows, traces
from tracefoundry.store.sql.expiry.partitions import Partition
from tracefoundry.store.sql.tables import span_logs, span_payload_refs, spans


def expire_spans(run: Run, cutoffs: Cutoffs) -> None:
    """Drop and delete what is older than each project keeps.

    Raises:
        Stopped: asked to end; running again goes on.
        StoreUnavailable: the same.
    """
    found = days_of(run, SPAN_TABLES)
    reports = {project.project_id: _report_of(run, project) for project in cutoffs.projects}
    if run.dry_run:
        _count_traces(run, cutoffs, reports)
    else:
        _mark(run, cutoffs, reports)
    dropped, held = drop(run, [one for one in found if one.day < cutoffs.spans_day])
    run.report.spans.partitions += dropped
    run.report.spans.in_use += [one.name for one in held]
    for project in cutoffs.projects:
        kept = [one for one in found if cutoffs.spans_day <= one.day < project.spans_day]
        if run.session.connection is None:
            _delete_by_trace(run, project, reports[project.project_id])
        else:
            _delete_by_day(run, project, kept, reports[project.project_id])
    if run.dry_run:
        return
    _mark(run, cutoffs, reports)
    held_from = min((one.day for one in held if one.table == "spans"), default=None)
    for project in cutoffs.projects:
        _remove(run, project, held_from, reports[project.project_id])


def _report_of(run: Run, project: ProjectCutoff) -> ProjectSpans:
    """The report's line of a project; the disk rule goes on with the one that is there."""
    for line in run.report.spans.projects:
        if line.project == project.name:
            line.keeps_from = date_of(project.spans_day).isoformat()
            return line
    line = ProjectSpans(project=project.name, keeps_from=date_of(project.spans_day).isoformat())
    run.report.spans.projects.append(line)
    return line


def _count_traces(run: Run, cutoffs: Cutoffs, reports: dict[int, ProjectSpans]) -> None:
    for project in cutoffs.projects:
        run.check()
        deleted, of_spans, cut = traces.count_expired(
            run.session.engine, project.project_id, project.spans_day * DAY_NS
        )
        reports[project.project_id].traces_deleted = deleted
        reports[project.project_id].traces_cut = cut
        run.report.traces.deleted += deleted
        run.report.traces.spans += of_spans
        run.report.traces.cut += cut


def _mark(run: Run, cutoffs: Cutoffs, reports: dict[int, ProjectSpans]) -> None:
    for project in cutoffs.projects:
        _, cut = traces.mark_expired(
            run.session.engine, project.project_id, project.spans_day * DAY_NS, run.check
        )
        reports[project.project_id].traces_cut += cut
        run.report.traces.cut += cut


def _delete_by_day(
    run: Run, project: ProjectCutoff, found: list[Partition], report: ProjectSpans
) -> None:
    """A project's rows in partitions that other projects still need."""
    for partition in found:
        start_ns, end_ns = partition.day * DAY_NS, (partition.day + 1) * DAY_NS
        if partition.table == "spans":
            report.spans += run.delete(
                spans,
                spans.c.project_id == project.project_id,
                spans.c.start_time_ns >= start_ns,
                spans.c.start_time_ns < end_ns,
            )
        elif partition.table == "span_logs":
            report.logs += run.delete(
                span_logs,
                span_logs.c.project_id == project.project_id,
                span_logs.c.time_ns >= start_ns,
                span_logs.c.time_ns < end_ns,
            )
        else:
            report.payload_refs += run.delete(
                span_payload_refs,
                span_payload_refs.c.project_id == project.project_id,
                span_payload_refs.c.day == partition.day,
            )


def _delete_by_trace(run: Run, project: ProjectCutoff, report: ProjectSpans) -> None:
    """A project's rows in a database without partitions."""
    engine, project_id = run.session.engine, project.project_id
    before_ns = project.spans_day * DAY_NS
    if run.dry_run:
        report.spans += rows.count(
            engine, spans, spans.c.project_id == project_id, spans.c.start_time_ns < before_ns
        )
    else:
        report.spans += traces.delete_spans(engine, project_id, before_ns, run.check)
    report.logs += run.delete(
        span_logs, span_logs.c.project_id == project_id, span_logs.c.time_ns < before_ns
    )
    report.payload_refs += run.delete(
        span_payload_refs,
        span_payload_refs.c.project_id == project_id,
        span_payload_refs.c.day < project.spans_day,
    )


def _remove(run: Run, project: ProjectCutoff, held_from: int | None, report: ProjectSpans) -> None:
    """Summaries without spans; those of a day that could not be dropped stay with it."""
    day = project.spans_day if held_from is None else min(project.spans_day, held_from)
    removed = traces.remove_expired(run.session.engine, project.project_id, day * DAY_NS, run.check)
    report.traces_deleted += removed.traces
    report.spans += removed.spans
    report.logs += removed.logs
    report.payload_refs += removed.payload_refs
    run.report.traces.deleted += removed.traces
    run.report.traces.spans += removed.told_of
