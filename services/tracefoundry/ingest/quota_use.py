"""Quotas as a worker applies them: what is used of them, and whose spans are refused.

A worker decides on quotas for a day by what the store had counted when the projects were read last.
Quotas for a second are counted in the listening process, which sends exhausted projects with each
export (:mod:`.quota_ledger`). A project has one answer for a whole body, so a body of one project
is never stored in part because of a quota.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest.messages import Exhausted, IngestRequest, QuotaReport
from tracefoundry.model.quotas import Quotas
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.store.records import ProjectRecord, ProjectUsage

MOST_RETRY_AFTER_S = 300
"""Longest time that a sender is told to wait. A quota may be raised before it comes back by
itself."""


class QuotaUse:
    """The quotas of projects as they were read last, and the counts of one body."""

    def __init__(self, usage: Callable[[int], Mapping[int, ProjectUsage]]) -> None:
        """``usage`` reads what metered projects stored on a day."""
        self._usage = usage
        self._limits: dict[int, Quotas] = {}
        self._day = 0
        self._used: Mapping[int, ProjectUsage] = {}
        self._read_at = 0.0
        self._reports: dict[int, QuotaReport] = {}
        self.any_near = False
        """Whether a project is near to a quota for a day, or over it."""

    @property
    def limited(self) -> bool:
        """Whether any project has a quota."""
        return bool(self._limits)

    def read(self, projects: Iterable[ProjectRecord], rules: ProjectRules) -> None:
        """Take the quotas of all projects, and read what is used of those for a day.

        Raises:
            StoreUnavailable: the usage cannot be read.
        """
        limits = {project.project_id: rules.quotas_of(project) for project in projects}
        limits = {project: quotas for project, quotas in limits.items() if quotas.any}
        day, read_at = day_of(time.time_ns()), time.monotonic()
        counted = any(quotas.any_for_a_day for quotas in limits.values())
        used = self._usage(day) if counted else {}
        self._limits, self._used, self._day, self._read_at = limits, used, day, read_at
        self.any_near = any(
            limits[project].near(*usage) for project, usage in used.items() if project in limits
        )

    def start_body(self) -> None:
        """Forget the counts of the body before."""
        if self._reports:
            self._reports = {}

    def report(self, project: ProjectRecord, request: IngestRequest) -> QuotaReport | None:
        """Where a body's spans of a project are counted; None for a project without quotas."""
        limits = self._limits.get(project.project_id)
        if limits is None:
            return None
        report = self._reports.get(project.project_id)
        if report is None:
            now_ns = time.time_ns()
            today = day_of(now_ns)
            used = self._used.get(project.project_id) if today == self._day else None
            report = QuotaReport(
                project.name,
                project.project_id,
                limits,
                today,
                *(used or (0, 0)),
                self._read_at,
                exceeded_for_a_day(limits, *(used or (0, 0)), now_ns),
            )
            if report.exceeded is None:
                report.exceeded = _known_to_listener(limits, request.exhausted.get(project.name))
            self._reports[project.project_id] = report
        return report

    def reports(self, body_bytes: int, spans: int) -> list[QuotaReport]:
        """The counts of this body, which had so many spans and log records.

        The bytes of a body of several projects are divided by their numbers of spans.
        """
        for report in self._reports.values():
            report.size = body_bytes * report.spans // max(1, spans)
        return [report for report in self._reports.values() if report.spans or report.refused]


def exceeded_for_a_day(
    limits: Quotas, spans: int, content_bytes: int, now_ns: int
) -> Exhausted | None:
    """The quota for a day of which everything is used, given what was stored on it."""
    for name, share in limits.shares(spans, content_bytes).items():
        if share >= 1:
            left_s = (DAY_NS - now_ns % DAY_NS) // 1_000_000_000 + 1
            return Exhausted(name, limits.limit(name) or 0, min(left_s, MOST_RETRY_AFTER_S))
    return None


def over_quota_detail(project: str, exceeded: Exhausted) -> str:
    """What a sender is told."""
    return (
        f"project {project!r} is over its quota of {exceeded.limit}"
        f" {exceeded.quota.replace('_', ' ')}; send again in {exceeded.retry_after_s} s"
    )


def _known_to_listener(limits: Quotas, exhausted: Exhausted | None) -> Exhausted | None:
    """What the listening process says, unless the limit has changed since."""
    if exhausted is None or limits.limit(exhausted.quota) != exhausted.limit:
        return None
    return exhausted
