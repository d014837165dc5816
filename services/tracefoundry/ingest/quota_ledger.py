"""Quotas as the listening process counts them: token buckets, and what a day has stored so far.

Workers know the quotas and how many spans a body has; this process sees what all its workers did.
So each outcome carries a :class:`QuotaReport` for each project with quotas, and each request to a
worker carries the projects that have nothing left.

A bucket holds ``BURST_S`` of its rate and may go into debt: a body that is larger than what is left
passes once, and nothing passes until it is paid off. So the rate holds over time, and no body is
too large to ever pass. Bodies that are with workers at the same time add to the debt. Each
process has its own buckets, with its part of the rate.
"""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tracefoundry.ingest.messages import Exhausted, QuotaReport
from tracefoundry.ingest.quota_use import MOST_RETRY_AFTER_S, exceeded_for_a_day
from tracefoundry.model.quotas import QuotaName, Quotas
from tracefoundry.model.times import day_of

BURST_S = 5.0
"""What a bucket holds: exporters of OpenTelemetry send every five seconds."""
MOST_PROJECTS = 10_000
"""Projects that are remembered; the one that was heard of longest ago is forgotten first."""

_FOR_A_SECOND: tuple[QuotaName, ...] = ("spans_per_second", "bytes_per_second")
_NONE: dict[str, Exhausted] = {}
_log = logging.getLogger(__name__)


class Bucket:
    """A token bucket that may go into debt."""

    __slots__ = ("_at", "_level", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._level = rate * BURST_S
        self._at = now

    def take(self, amount: int, now: float) -> None:
        """Take an amount, however much there is."""
        self._refill(now)
        self._level -= amount

    def wait_s(self, now: float) -> int:
        """In how many whole seconds something can be taken again; 0 for now."""
        self._refill(now)
        return 0 if self._level > 0 else max(1, math.ceil(-self._level / self._rate))

    def _refill(self, now: float) -> None:
        self._level = min(self._level + (now - self._at) * self._rate, self._rate * BURST_S)
        self._at = now


@dataclass(slots=True)
class _State:
    """What is known of one project."""

    limits: Quotas
    buckets: dict[QuotaName, Bucket]
    day: int = 0
    spans: int = 0
    """Stored on the day: what the store had counted when it was read, and what came since."""
    content_bytes: int = 0
    """Stored on the day, as the store had counted it."""
    read_at: float = float("-inf")
    warned_day: int = 0


class QuotaLedger:
    """What projects with quotas have used. Belongs to one event loop."""

    def __init__(
        self,
        processes: int = 1,
        *,
        now: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """``processes`` is among how many listening processes quotas for a second are divided."""
        self._processes = processes
        self._now = now
        self._now_ns = now_ns
        self._states: OrderedDict[str, _State] = OrderedDict()
        self._over: set[str] = set()
        """Projects that were over a quota when they were looked at last."""

    def exhausted(self, token_project: str | None) -> dict[str, Exhausted]:
        """The projects that have nothing left of a quota now, among those that a sender's token
        allows (None: all)."""
        if not self._over:
            return _NONE
        wanted = self._over if token_project is None else self._over & {token_project}
        found = {}
        for name in list(wanted):
            over = self._exceeded(self._states[name]) if name in self._states else None
            if over is None:
                self._over.discard(name)
            else:
                found[name] = over
        return found

    def observe(self, reports: Iterable[QuotaReport]) -> None:
        """Count what an export has stored, and warn of projects that are near to a quota."""
        for report in reports:
            state = self._state(report)
            now = self._now()
            for name, bucket in state.buckets.items():
                bucket.take(report.spans if name == "spans_per_second" else report.size, now)
            self._count_for_the_day(state, report)
            if self._exceeded(state) is not None:
                self._over.add(report.project)
            self._warn(report.project, state)

    def shares_today(self) -> Iterator[tuple[str, Quotas, dict[QuotaName, float]]]:
        """Each project that sent today (UTC), its quotas, and the used part of those for a day."""
        today = day_of(self._now_ns())
        for name, state in self._states.items():
            if state.day == today:
                yield name, state.limits, state.limits.shares(state.spans, state.content_bytes)

    def _state(self, report: QuotaReport) -> _State:
        state = self._states.get(report.project)
        if state is None or state.limits != report.limits:
            buckets = {
                name: Bucket(limit / self._processes, self._now())
                for name in _FOR_A_SECOND
                if (limit := report.limits.limit(name)) is not None
            }
            state = self._states[report.project] = _State(report.limits, buckets)
        self._states.move_to_end(report.project)
        if len(self._states) > MOST_PROJECTS:
            forgotten, _ = self._states.popitem(last=False)
            self._over.discard(forgotten)
        return state

    def _count_for_the_day(self, state: _State, report: QuotaReport) -> None:
        if report.day > state.day or (report.day == state.day and report.read_at > state.read_at):
            state.day, state.read_at = report.day, report.read_at
            state.spans, state.content_bytes = report.used_spans, report.used_content_bytes
        state.spans += report.spans

    def _exceeded(self, state: _State) -> Exhausted | None:
        now = self._now()
        for name, bucket in state.buckets.items():
            wait_s = bucket.wait_s(now)
            if wait_s:
                limit = state.limits.limit(name) or 0
                return Exhausted(name, limit, min(wait_s, MOST_RETRY_AFTER_S))
        now_ns = self._now_ns()
        if day_of(now_ns) != state.day:
            return None
        return exceeded_for_a_day(state.limits, state.spans, state.content_bytes, now_ns)

    def _warn(self, project: str, state: _State) -> None:
        near = state.limits.near(state.spans, state.content_bytes)
        if near and state.warned_day != state.day:
            state.warned_day = state.day
            _log.warning(
                "project %s has used 80 percent or more of its quota: %s",
                project,
                ", ".join(name.replace("_", " ") for name in near),
            )
