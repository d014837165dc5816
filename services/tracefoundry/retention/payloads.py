"""Payloads expire by project and day: the mark first, then objects, then rows.

The mark is the tombstone that readers show. With it written first, a run that ends anywhere leaves
a day that is marked and not yet empty; marked days are gone through in every run until spans have
expired too, which finishes what was left, and removes what a writer still had under way.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.model.times import date_of
from tracefoundry.payloads.objects import ObjectStore, day_prefix
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs, ProjectCutoff
from tracefoundry.retention.report import PayloadDay, Reason


def expire_payloads(run: Run, cutoffs: Cutoffs) -> None:
    """Expire every day that is older than its project keeps payloads.

    Raises:
        ObjectStoreUnavailable: days before are done; running again goes on.
        Stopped: the same.
        StoreUnavailable: the same.
    """
    marked = run.data.expired_payload_days()
    partitions = run.data.partitions("payloads")
    droppable = {one.day for one in partitions if one.day < cutoffs.payloads_day}
    for project in cutoffs.projects:
        due = set(run.data.payload_days(project.project_id, before_day=project.payloads_day))
        again = {day for of, day in marked if of == project.project_id}
        if run.objects is None:
            run.report.payloads.waiting += len(due)
            continue
        for day in sorted(due | again):
            by_row = day not in droppable
            if day not in again:
                _mark(run, project, day, "retention")
            by_disk = marked.get((project.project_id, day)) == "disk"
            report = _empty_day(run, run.objects, project, day, by_row=by_row)
            report.reason = "disk" if by_disk else "retention"
            if day in due or report.objects or report.list_parts:
                run.report.payloads.days.append(report)
    _drop_days(run, cutoffs, sorted(droppable))


def expire_day(run: Run, objects: ObjectStore, cutoffs: Cutoffs, day: int) -> int:
    """Expire a day of all projects before its time; returns the bytes of its objects.

    Raises:
        ObjectStoreUnavailable: the day is marked; running again goes on.
        Stopped: the same.
        StoreUnavailable: the same.
    """
    freed = 0
    going = [one for one in cutoffs.projects if not (run.dry_run and day < one.payloads_day)]
    for project in going:
        # Also those that have nothing on that day: a writer may be about to change that.
        _mark(run, project, day, "disk")
    droppable = {one.day for one in run.data.partitions("payloads")}
    for project in going:
        report = _empty_day(run, objects, project, day, by_row=day not in droppable)
        freed += report.bytes
        if report.objects or report.blobs or report.list_parts:
            report.reason = "disk"
            run.report.payloads.days.append(report)
    _drop_days(run, cutoffs, [day])
    return freed


def oldest_day(run: Run, cutoffs: Cutoffs, after: int) -> int | None:
    """The oldest day after one, and before today, of which any project has payloads."""
    days = [
        day
        for project in cutoffs.projects
        for day in run.data.payload_days(project.project_id, before_day=cutoffs.today)
        if day > after
    ]
    return min(days, default=None)


def _mark(run: Run, project: ProjectCutoff, day: int, reason: Reason) -> None:
    run.data.mark_payloads_expired(project.project_id, day, now_ns=run.now_ns, reason=reason)


def _empty_day(
    run: Run, objects: ObjectStore, project: ProjectCutoff, day: int, *, by_row: bool
) -> PayloadDay:
    """Delete the objects of a marked day and, with ``by_row``, its rows."""
    run.check()
    report = PayloadDay(project=project.name, day=date_of(day).isoformat(), reason="retention")
    prefix = day_prefix(project.name, date_of(day))
    for stored in objects.list(prefix):
        report.objects += 1
        report.bytes += stored.size_bytes
    if report.objects and not run.dry_run:
        objects.delete_prefix(prefix)
    if by_row:
        days = range(day, day + 1)
        report.blobs = run.data.delete_rows("payload_blobs", project.project_id, days)
        report.list_parts = run.data.delete_rows("payload_list_parts", project.project_id, days)
    run.check()
    return report


def _drop_days(run: Run, cutoffs: Cutoffs, days: Sequence[int]) -> None:
    """Drop the partitions of days that are past for all projects.

    Writers keep a partition ready for every day of which they take spans, longer than payloads are
    kept. The empty ones stay, or they would be dropped and made again every hour. Without a payload
    store the full ones stay too: their rows are all that tells of the objects.
    """
    expired = [
        one
        for one in run.data.partitions("payloads")
        if one.day in days
        and (run.objects is not None if one.filled else one.day < cutoffs.window_day)
    ]
    run.drop_partitions(expired, run.report.payloads)
