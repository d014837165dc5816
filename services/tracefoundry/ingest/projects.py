"""Which project an envelope belongs to, and the rules that hold for its spans.

A project's settings (redaction, retentions) are read from the database and believed for a few
seconds. Where they cannot be read again, what is known is believed a little longer, and then the
sender is told to come again: content is never stored under a policy that may have changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from tracefoundry.ingest.messages import IngestRequest
from tracefoundry.model.days import DAY_NS, day_of
from tracefoundry.model.span import Resource
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Mode, Policy, UserPatterns
from tracefoundry.store.contract import ProjectRecord, StoreUnavailable
from tracefoundry.store.records import retention_of

DEFAULT_PROJECT = "default"
FRESH_S = 5.0
"""How long the list of projects is believed."""
STALE_S = 60.0
"""How long it is believed where it cannot be read again."""
ASK_AGAIN_S = 1.0
"""Least time between two questions for it: for a name that is not in it, or after a failure."""


class Rules(msgspec.Struct, frozen=True, gc=False):
    """What holds for the spans of one envelope, at the moment of its arrival.

    Attributes:
        oldest_ns: earliest accepted time of a span or log.
        newest_ns: latest accepted one.
        payloads_from_ns: start of the earliest day whose payloads are still kept.
    """

    project_id: int
    project: str
    redactor: Redactor
    oldest_ns: int
    newest_ns: int
    payloads_from_ns: int


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Why an envelope has no project to go to."""

    reason: str
    detail: str


class Projects:
    """The projects as one worker knows them. One instance serves one thread."""

    def __init__(
        self,
        find: Callable[[], Mapping[str, ProjectRecord]],
        *,
        redaction: str,
        patterns: UserPatterns,
        retention_ns: int,
        payload_retention_ns: int,
        ahead_ns: int,
    ) -> None:
        """The settings are those of the platform, for projects that have none of their own."""
        self._find = find
        self._redaction = redaction
        self._patterns = patterns
        self._retention_ns = retention_ns
        self._payload_retention_ns = payload_retention_ns
        self._ahead_ns = ahead_ns
        self._known: Mapping[str, ProjectRecord] = {}
        self._read_at = self._asked_at = float("-inf")
        self._redactors: dict[Mode, Redactor] = {}

    def rules(self, resource: Resource, request: IngestRequest, now_ns: int) -> Rules | Refused:
        """What holds for the spans of a resource.

        Raises:
            StoreUnavailable: the projects or their policies cannot be known now.
        """
        named = resource.project or request.project or request.token_project
        name = named or DEFAULT_PROJECT
        if request.token_project is not None and name != request.token_project:
            return Refused(
                "forbidden_project",
                f"the token is for project {request.token_project!r}, not for {name[:63]!r}",
            )
        record = self._record(name)
        if record is None:
            return Refused(
                "unknown_project",
                f"project {name[:63]!r} does not exist; create it first, or leave the project out",
            )
        retention, kept = retention_of(record, self._retention_ns, self._payload_retention_ns)
        return Rules(
            record.project_id,
            name,
            self._redactor(record),
            now_ns - retention,
            now_ns + self._ahead_ns,
            day_of(now_ns - kept) * DAY_NS,
        )

    def totals(self) -> dict[str, int]:
        """What the redactors took out since this was asked last, by rule."""
        found: dict[str, int] = {}
        for redactor in self._redactors.values():
            for rule, count in redactor.totals.items():
                found[rule] = found.get(rule, 0) + count
            redactor.totals.clear()
        return found

    def _record(self, name: str) -> ProjectRecord | None:
        now = time.monotonic()
        wanted = name not in self._known or now - self._read_at > FRESH_S
        if wanted and now - self._asked_at > ASK_AGAIN_S:
            self._asked_at = now
            try:
                self._known = self._find()
                self._read_at = time.monotonic()
            except StoreUnavailable:
                if name not in self._known or now - self._read_at > STALE_S:
                    # The sender comes again; whether it can be answered then is asked anew.
                    self._asked_at = float("-inf")
                    raise
        elif now - self._read_at > STALE_S:
            raise StoreUnavailable("the settings of the projects cannot be read now")
        return self._known.get(name)

    def _redactor(self, record: ProjectRecord) -> Redactor:
        try:
            mode = Mode(record.redaction or self._redaction)
        except ValueError as error:
            raise StoreUnavailable(
                f"project {record.name!r} asks for a redaction mode that this version does not know"
            ) from error
        redactor = self._redactors.get(mode)
        if redactor is None:
            redactor = self._redactors[mode] = Redactor(Policy.of(mode, self._patterns))
        return redactor
