"""Refuses an export with contents of which none is left, because all of it has expired.

A bundle that lacks some contents says which; that is still what somebody wanted to keep. One that
lacks them all is not what was asked for, and whoever hands it over should learn that before, not
from the person who opens it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.times import day_of
from tracefoundry.query.errors import ApiError
from tracefoundry.store.api import Snapshot
from tracefoundry.store.records import StoredTrace

_MOST_DAYS: Final = 366
"""Days of one trace that are looked up; one that says it ran for longer is exported."""


def refuse_expired(snapshot: Snapshot, traces: Sequence[StoredTrace]) -> None:
    """Nothing where at least one content of the traces may be left, or where they never had any.

    Raises:
        ApiError: 410 ``contents_expired``.
    """
    if not all(_all_days_expired(snapshot, trace) for trace in traces):
        return
    had_content = False
    for entry in chain.from_iterable(_entries(snapshot, trace) for trace in traces):
        # What a sender points at may be stored on any day.
        if entry.state == "reference":
            return
        had_content = had_content or entry.state in ("present", "expired")
    if had_content:
        which = "the trace" if len(traces) == 1 else f"all {len(traces):,} traces"
        raise ApiError(
            410,
            "contents_expired",
            f"the contents of {which} have expired, so an export with payloads would have none",
            "Export without payloads: names, times, tokens, errors and sizes are still there.",
        )


def _all_days_expired(snapshot: Snapshot, trace: StoredTrace) -> bool:
    summary = trace.summary
    first, last = day_of(summary.start_time_ns), day_of(summary.end_time_ns)
    if trace.import_day is not None:
        first = last = trace.import_day
    if last - first >= _MOST_DAYS:
        return False
    days = range(first, last + 1)
    return len(snapshot.expired_days(trace.project_id, days)) == len(days)


def _entries(snapshot: Snapshot, trace: StoredTrace) -> Iterator[PayloadEntry]:
    for spans in snapshot.model_spans(trace):
        for span in spans:
            yield from span.payloads
    for logs in snapshot.model_logs(trace.project_id, trace.trace_id):
        for log in logs:
            yield from log.payloads
