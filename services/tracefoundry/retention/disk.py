"""The rule by disk percentage: the oldest days go before their time, payloads first.

After each day the disk is looked at again. Today's data is never dropped: a disk that fills within
a day needs to be larger, and the report says so. What may be sent does not change: spans of a day
that went are accepted when somebody sends them again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tracefoundry.model.times import date_of
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs
from tracefoundry.retention.payloads import expire_day, oldest_day
from tracefoundry.retention.report import DiskUse
from tracefoundry.retention.spans import expire_spans
from tracefoundry.settings import Settings
from tracefoundry.store.deletion_api import RetentionRun

Measure = Callable[[], Sequence[DiskUse]]
"""How full everything is now."""


def measure_disks(
    data: RetentionRun, objects: ObjectStore | None, settings: Settings, file: Path | None
) -> Measure:
    """A measure of what can be seen from here: the disk of a payload folder, that of the store's
    file, and a database without a file against the capacity that was set for it."""

    def measure() -> list[DiskUse]:
        found = []
        if isinstance(objects, FilesystemStore):
            found.append(_disk("payload folder", "payloads", objects.root))
        if file is not None:
            found.append(_disk("database file", "database", file.parent))
        elif settings.database_capacity_bytes is not None:
            used_bytes = data.database_bytes()
            if used_bytes is not None:
                found.append(
                    DiskUse(
                        name="database",
                        holds="database",
                        used_bytes=used_bytes,
                        capacity_bytes=settings.database_capacity_bytes,
                    )
                )
        return found

    return measure


def _disk(name: str, holds: str, folder: Path) -> DiskUse:
    usage = shutil.disk_usage(folder)
    # As df counts: what is kept for the system is no room for us.
    return DiskUse(
        name=name,
        holds="payloads" if holds == "payloads" else "database",
        used_bytes=usage.used,
        capacity_bytes=usage.used + usage.free,
    )


def enforce_limit(run: Run, cutoffs: Cutoffs, limit_percent: int, measure: Measure) -> None:
    """Drop the oldest days until everything is below the limit, or nothing is left to drop.

    Raises:
        ObjectStoreUnavailable: days before are gone; running again goes on.
        Stopped: the same.
        StoreUnavailable: the same.
    """
    report = run.report.disk
    report.limit_percent = limit_percent
    uses = list(measure())
    report.before = uses
    if not uses:
        report.message = (
            "nothing can be measured: set TRACEFOUNDRY_DATABASE_CAPACITY, or use a payload folder"
        )
    payloads_after = spans_after = -1
    if run.dry_run:
        # As if what the steps before would drop were gone.
        payloads_after, spans_after = cutoffs.payloads_day - 1, cutoffs.spans_day - 1
        uses = _without(uses, "payloads", sum(one.bytes for one in run.report.payloads.days))
        partitions = [*run.report.spans.partitions, *run.report.payloads.partitions]
        uses = _without(uses, "database", sum(one.bytes for one in partitions))
    while over := [use for use in uses if use.percent > limit_percent]:
        run.check()
        day = None if run.objects is None else oldest_day(run, cutoffs, payloads_after)
        if run.objects is not None and day is not None:
            freed = expire_day(run, run.objects, cutoffs, day)
            payloads_after = day
            report.payload_days.append(date_of(day).isoformat())
            uses = _again(run, measure, uses, "payloads", freed)
            continue
        day = None
        if any(use.holds == "database" for use in over):
            day = _oldest_span_day(run, cutoffs, spans_after)
        if day is None:
            names = ", ".join(f"{use.name} at {use.percent:.0f} percent" for use in over)
            report.message = (
                f"nothing is left to drop and still above {limit_percent} percent ({names}):"
                " make it larger, or send less"
            )
            break
        freed = _expire_span_day(run, cutoffs, day)
        spans_after = day
        report.span_days.append(date_of(day).isoformat())
        uses = _again(run, measure, uses, "database", freed)
        if run.dry_run and freed == 0:
            report.message = "how much this would give back cannot be told; more days may follow"
            break
    report.after = uses


def _again(
    run: Run, measure: Measure, uses: Sequence[DiskUse], holds: str, freed: int
) -> list[DiskUse]:
    """Measure again; in a dry run, reckon."""
    if run.dry_run:
        return _without(uses, holds, freed)
    run.data.reclaim_space()
    return list(measure())


def _without(uses: Sequence[DiskUse], holds: str, freed: int) -> list[DiskUse]:
    return [
        msgspec.structs.replace(use, used_bytes=max(0, use.used_bytes - freed))
        if use.holds == holds
        else use
        for use in uses
    ]


def _oldest_span_day(run: Run, cutoffs: Cutoffs, after: int) -> int | None:
    """The oldest day after one, and before today, that has rows."""
    day = run.data.oldest_span_day(after=after)
    return None if day is None or day >= cutoffs.today else day


def _expire_span_day(run: Run, cutoffs: Cutoffs, day: int) -> int:
    """Expire a day of all projects; returns the bytes of its partitions, 0 where there are none."""
    partitions = [one for one in run.data.partitions("spans") if one.day == day]
    if run.dry_run:
        run.drop_partitions(partitions, run.report.spans)
    else:
        expire_spans(run, cutoffs.without_spans_before(day + 1))
    return sum(one.total_bytes for one in partitions)
