"""Spans, logs and references to payloads expire, and with them the summaries of traces.

The order makes every moment, and every crash, tell the truth: first all traces that lose spans
are marked, which readers see and writers respect; then the days go; then the mark is repeated for
traces that got an expired span from a writer in between; at last the summaries go of which no span
is left.
"""

from __future__ import annotations

from tracefoundry.model.times import date_of
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs, ProjectCutoff
from tracefoundry.retention.report import ProjectSpans
from tracefoundry.store.deletion_records import ExpiredTraces


def expire_spans(run: Run, cutoffs: Cutoffs) -> None:
    """Drop and delete what is older than each project keeps.

    Raises:
        Stopped: asked to end; running again goes on.
        StoreUnavailable: the same.
    """
    reports = {project.project_id: _report_of(run, project) for project in cutoffs.projects}
    partitions = run.data.partitions("spans")
    _mark(run, cutoffs, reports)
    _delete_imports(run, cutoffs, reports, rows_from=cutoffs.spans_day if partitions else 0)
    expired = [one for one in partitions if one.day < cutoffs.spans_day]
    in_use = run.drop_partitions(expired, run.report.spans)
    # Days before went as a whole, where the store drops days.
    first_day = cutoffs.spans_day if partitions else 0
    for project in cutoffs.projects:
        _delete_rows(run, project, first_day, reports[project.project_id])
    if not run.dry_run:
        _mark(run, cutoffs, reports)
    # Summaries of a day that could not be dropped stay with it.
    in_use_from = min((one.day for one in in_use if one.table == "spans"), default=None)
    for project in cutoffs.projects:
        day = project.spans_day if in_use_from is None else min(project.spans_day, in_use_from)
        _delete_summaries(run, project, day, reports[project.project_id])


def _report_of(run: Run, project: ProjectCutoff) -> ProjectSpans:
    """The report's line of a project; the disk rule goes on with the one that is there."""
    for line in run.report.spans.projects:
        if line.project == project.name:
            line.keeps_from = date_of(project.spans_day).isoformat()
            return line
    line = ProjectSpans(project=project.name, keeps_from=date_of(project.spans_day).isoformat())
    run.report.spans.projects.append(line)
    return line


def _mark(run: Run, cutoffs: Cutoffs, reports: dict[int, ProjectSpans]) -> None:
    for project in cutoffs.projects:
        cut = run.data.mark_expired_traces(project.project_id, before_day=project.spans_day)
        reports[project.project_id].traces_cut += cut
        run.report.traces.cut += cut


def _delete_imports(
    run: Run, cutoffs: Cutoffs, reports: dict[int, ProjectSpans], *, rows_from: int
) -> None:
    """Remove traces that were imported too long ago, before the days of their spans go."""
    for project in cutoffs.projects:
        removed = run.data.delete_expired_imports(
            project.project_id, before_day=project.spans_day, rows_from=rows_from
        )
        _add(run, removed, reports[project.project_id])


def _delete_rows(run: Run, project: ProjectCutoff, first_day: int, report: ProjectSpans) -> None:
    days = range(first_day, project.spans_day)
    report.spans += run.data.delete_rows("spans", project.project_id, days)
    report.logs += run.data.delete_rows("span_logs", project.project_id, days)
    report.payload_refs += run.data.delete_rows("span_payload_refs", project.project_id, days)


def _delete_summaries(
    run: Run, project: ProjectCutoff, before_day: int, report: ProjectSpans
) -> None:
    removed = run.data.delete_expired_traces(project.project_id, before_day=before_day)
    _add(run, removed, report)


def _add(run: Run, removed: ExpiredTraces, report: ProjectSpans) -> None:
    report.traces_deleted += removed.traces
    report.spans += removed.spans
    report.logs += removed.logs
    report.payload_refs += removed.payload_refs
    run.report.traces.deleted += removed.traces
    run.report.traces.spans += removed.span_count
