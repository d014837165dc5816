"""Redaction of what an export takes out: never weaker than what is stored.

A span that was stored under the very policy that the export applies is left as it is. Any other is
redacted again, so that a secret that today's rules know and that an older policy left does not
leave the platform. In mode ``standard`` the contents are put back first, redacted with the span,
and taken out again; a content that changed gets a new ref. In mode ``strict`` no content is read at
all: every payload becomes ``redacted`` without a ref, and status messages go too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import msgspec

from tracefoundry.model.contents import restore_log, restore_span
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.payloads.offload import Offloader
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Mode, Policy
from tracefoundry.redaction.report import NOT_ALLOWED

_Record = TypeVar("_Record", Span, LogRecord)
_Restore = Callable[[_Record, Mapping[str, bytes]], _Record]


class ExportRedaction:
    """Applies one policy to chunks of spans and logs. One instance serves one thread.

    The ``contents`` of a record that was redacted again in mode ``standard`` are the values of its
    new refs: they are in no payload store.

    Attributes:
        policy: what is applied.
        taken_out: rule to count of what was taken out here, beyond what was before storing. What a
            resource or scope lost counts with each of its spans.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.taken_out: Counter[str] = Counter()
        self._version = policy.version
        self._strict = policy.mode is Mode.STRICT
        self._off = policy.mode is Mode.OFF

    def is_settled(self, record: Span | LogRecord) -> bool:
        """Whether a record leaves as it is stored."""
        return self._off or (not self._strict and record.policy_version == self._version)

    @cached_property
    def _redactor(self) -> Redactor:
        """Made when the first record needs it: its patterns take half a second to compile."""
        return Redactor(self.policy)

    @property
    def needs_contents(self) -> bool:
        """Whether records that are not settled need the contents that they refer to."""
        return not self._strict

    def spans(self, spans: Sequence[Span], contents: Mapping[str, bytes]) -> list[Span]:
        """A chunk of spans as they leave, in its order.

        Args:
            spans: as they are stored; they belong to this method afterwards.
            contents: of the spans that are not settled, by ref. One that is not in it keeps its
                entry.
        """
        return self._redacted(spans, contents, restore_span)

    def logs(self, logs: Sequence[LogRecord], contents: Mapping[str, bytes]) -> list[LogRecord]:
        """A chunk of log records, as :meth:`spans`."""
        return self._redacted(logs, contents, restore_log)

    def _redacted(
        self, records: Sequence[_Record], contents: Mapping[str, bytes], restore: _Restore[_Record]
    ) -> list[_Record]:
        left = list(records)
        unsettled = [index for index, one in enumerate(left) if not self.is_settled(one)]
        # Redaction and offloading work on an envelope once and remember the last one. So records
        # of one envelope follow each other here, and each envelope is a copy of its own: the
        # resource and scope of settled records, and of the next chunk, stay as they are.
        unsettled.sort(key=lambda index: (id(records[index].resource), id(records[index].scope)))
        offloader = Offloader()
        envelopes = _EnvelopeCopies()
        for index in unsettled:
            resource, scope = envelopes.of(records[index])
            own = msgspec.structs.replace(records[index], resource=resource, scope=scope)
            left[index] = self._again(own, offloader, contents, restore)
        return left

    def _again(
        self,
        record: _Record,
        offloader: Offloader,
        contents: Mapping[str, bytes],
        restore: _Restore[_Record],
    ) -> _Record:
        stored = record.payloads
        if not self._strict and stored:
            record = restore(record, contents)
        # References of senders stay attributes; their entries are made anew.
        kept: list[PayloadEntry] = [one for one in record.payloads if one.state != "reference"]
        record.payloads = ()
        taken: Counter[str] = Counter()
        if isinstance(record, Span):
            report = self._redactor.redact_span(record)
            if self._strict and record.status_message:
                record.status_message = ""
                taken[NOT_ALLOWED] += 1
            offloader.offload_span(record, report.withheld)
        else:
            report = self._redactor.redact_log(record)
            offloader.offload_log(record, report.withheld)
        entries = [*kept, *record.payloads]
        if self._strict:
            taken[NOT_ALLOWED] += sum(1 for entry in entries if _has_content(entry))
            entries = [_without_content(entry) for entry in entries]
            record.contents = ()
        record.payloads = _in_stored_order(entries, stored)
        taken.update({entry.rule: entry.count for entry in report.counts})
        self.taken_out.update(taken)
        total = Counter(dict(record.redactions)) + taken
        record.redactions = tuple(sorted(total.items()))
        record.policy_version = self._version
        return record


class _EnvelopeCopies:
    """Copies of resources and scopes, one for each pair that follow each other."""

    def __init__(self) -> None:
        self._of: tuple[Resource, Scope] | None = None
        self._copies: tuple[Resource, Scope] | None = None

    def of(self, record: Span | LogRecord) -> tuple[Resource, Scope]:
        """The copies for a record's resource and scope."""
        if self._of is None or self._copies is None or self._of[0] is not record.resource:
            self._copies = (
                msgspec.structs.replace(record.resource),
                msgspec.structs.replace(record.scope),
            )
        elif self._of[1] is not record.scope:
            self._copies = (self._copies[0], msgspec.structs.replace(record.scope))
        self._of = (record.resource, record.scope)
        return self._copies


def _has_content(entry: PayloadEntry) -> bool:
    return entry.state in ("present", "expired", "excluded")


def _without_content(entry: PayloadEntry) -> PayloadEntry:
    """Strict: what it was and where it stood, and nothing that tells of its text."""
    if not _has_content(entry):
        return entry
    return msgspec.structs.replace(entry, ref=None, bytes=None, media_type=None, state="redacted")


def _in_stored_order(
    entries: Iterable[PayloadEntry], stored: Sequence[PayloadEntry]
) -> tuple[PayloadEntry, ...]:
    """Entries in the order in which the record had them, then those that are new."""
    order: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(stored):
        order.setdefault((entry.place, entry.key), index)
    last = len(stored)
    return tuple(sorted(entries, key=lambda entry: order.get((entry.place, entry.key), last)))
