"""Which project an envelope belongs to, and the rules for its spans.

Settings of projects (redaction, retentions, quotas) are read from the database and cached for
``FRESH_S``, with what was stored today for projects that have a quota for a day. If they cannot be
read again, the cache is used for up to ``STALE_S``. After that exports are answered as unavailable,
because content must not be stored under a policy that may have changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest.messages import IngestRequest, QuotaReport
from tracefoundry.ingest.quota_use import QuotaUse, over_quota_detail
from tracefoundry.model.limits import PROJECT_NAME_CHARACTERS
from tracefoundry.model.span import Resource
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Mode, Policy, UserPatterns
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.records import ProjectRecord, ProjectUsage

DEFAULT_PROJECT = "default"
FRESH_S = 5.0
"""How long the cached list of projects is used without reading it again."""
NEAR_FRESH_S = 1.0
"""The same while a project is near to a quota for a day."""
STALE_S = 60.0
"""How long it is used if it cannot be read again."""
READ_AGAIN_S = 1.0
"""Shortest time between two reads: for a name that is not in the list, or after a failure."""


class Rules(msgspec.Struct, frozen=True, gc=False):
    """The rules for the spans of one envelope, at the time of its arrival.

    Attributes:
        oldest_ns: earliest accepted start of a span, or time of a log.
        newest_ns: latest accepted one.
        payloads_from_ns: start of the earliest day within payload retention.
        quotas: where spans that are accepted are counted; None if the project has no quota.
    """

    project_id: int
    project: str
    redactor: Redactor
    oldest_ns: int
    newest_ns: int
    payloads_from_ns: int
    quotas: QuotaReport | None = None


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Why the spans of an envelope are refused; ``quotas`` counts those refused for a quota."""

    reason: str
    detail: str
    quotas: QuotaReport | None = None


class Projects:
    """The projects in the cache of one worker. One instance serves one thread."""

    def __init__(
        self,
        find: Callable[[], Mapping[str, ProjectRecord]],
        *,
        rules: ProjectRules,
        patterns: UserPatterns,
        ahead_ns: int,
        usage: Callable[[int], Mapping[int, ProjectUsage]] = lambda _day: {},
    ) -> None:
        """``rules`` are the platform's defaults for projects, and the bounds of their settings.
        ``usage`` reads what metered projects stored on a day."""
        self._find = find
        self._rules = rules
        self._patterns = patterns
        self._ahead_ns = ahead_ns
        self._known: Mapping[str, ProjectRecord] = {}
        self._read_at = self._tried_at = float("-inf")
        self._redactors: dict[Mode, Redactor] = {}
        self._quotas = QuotaUse(usage)

    def start_body(self) -> None:
        """Begin to count for the next body."""
        self._quotas.start_body()

    def quota_reports(self, body_bytes: int, spans: int) -> list[QuotaReport]:
        """What projects with quotas sent in this body of so many spans and log records."""
        return self._quotas.reports(body_bytes, spans)

    def rules(self, resource: Resource, request: IngestRequest, now_ns: int) -> Rules | Refused:
        """The rules for the spans of a resource.

        Raises:
            StoreUnavailable: the projects or their policies cannot be read now.
        """
        named = resource.project or request.project or request.token_project
        name = named or DEFAULT_PROJECT
        shown = name[:PROJECT_NAME_CHARACTERS]
        if request.token_project is not None and name != request.token_project:
            return Refused(
                "forbidden_project",
                f"the token is for project {request.token_project!r}, not for {shown!r}",
            )
        record = self._record(name)
        if record is None:
            return Refused(
                "unknown_project",
                f"project {shown!r} does not exist; create it first, or leave the project out",
            )
        quotas = self._quotas.report(record, request) if self._quotas.limited else None
        if quotas is not None and quotas.exceeded is not None:
            return Refused("over_quota", over_quota_detail(name, quotas.exceeded), quotas)
        retention, kept = self._rules.retention_of(record)
        return Rules(
            record.project_id,
            name,
            self._redactor(record),
            now_ns - retention,
            now_ns + self._ahead_ns,
            day_of(now_ns - kept) * DAY_NS,
            quotas,
        )

    def totals(self) -> dict[str, int]:
        """Number of redactions since the last call, by rule."""
        found: dict[str, int] = {}
        for redactor in self._redactors.values():
            for rule, count in redactor.totals.items():
                found[rule] = found.get(rule, 0) + count
            redactor.totals.clear()
        return found

    def _record(self, name: str) -> ProjectRecord | None:
        now = time.monotonic()
        fresh_s = NEAR_FRESH_S if self._quotas.any_near else FRESH_S
        due = name not in self._known or now - self._read_at > fresh_s
        if due and now - self._tried_at > READ_AGAIN_S:
            self._tried_at = now
            try:
                known = self._find()
                self._quotas.read(known.values(), self._rules)
                self._known = known
                self._read_at = time.monotonic()
            except StoreUnavailable:
                if name not in self._known or now - self._read_at > STALE_S:
                    # The next request reads again at once.
                    self._tried_at = float("-inf")
                    raise
        elif now - self._read_at > STALE_S:
            raise StoreUnavailable("the settings of the projects cannot be read now")
        return self._known.get(name)

    def _redactor(self, record: ProjectRecord) -> Redactor:
        try:
            mode = Mode(self._rules.redaction_of(record))
        except ValueError as error:
            trouble = (
                f"project {record.name!r} asks for a redaction mode that this version does not know"
            )
            raise StoreUnavailable(trouble, public=trouble) from error
        redactor = self._redactors.get(mode)
        if redactor is None:
            redactor = self._redactors[mode] = Redactor(Policy.of(mode, self._patterns))
        return redactor
