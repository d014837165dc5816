"""What is stored, as dicts, and the one lock under which it changes.

A change works on a copy of the dicts, which takes the place of the original when it is complete.
So a snapshot is simply the dicts of a moment: nothing that it sees ever changes. Records are never
changed in place; a changed one is a new object.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

import msgspec

from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.run_starts import EVENT_NAME, RunStart
from tracefoundry.model.summary import SpanFacts, TraceKey
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.export_api import StoredBundle
from tracefoundry.store.records import (
    AuditEntry,
    ProjectRecord,
    ProjectUsage,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
    StoredTrace,
    TokenRecord,
)
from tracefoundry.store.run_starts import MOST_RUN_STARTS, read_run_start
from tracefoundry.store.staging import StagedTrace
from tracefoundry.store.transaction import DictionaryKey, ListPart, LogKey, RefRow, SpanKey

_Key = TypeVar("_Key")

LOCK_TIMEOUT_SECONDS = 5.0
"""Longest wait for another change to end."""


class SpanRow(msgspec.Struct, frozen=True, gc=False):
    """A span: as it is answered, what its trace's summary needs of it, and its digest, which tells
    a resend from a conflict."""

    shown: StoredSpan
    facts: SpanFacts
    digest: bytes


class TraceRow(msgspec.Struct, frozen=True, gc=False):
    """A trace, and when its summary was computed last."""

    stored: StoredTrace
    recomputed_at_ns: int


class Tombstone(NamedTuple):
    """A deleted trace or payload."""

    deleted_at_ns: int
    keep_until_ns: int


class ExpiredDay(NamedTuple):
    """A project's day whose payloads have expired; ``reason`` is ``retention`` or ``disk``."""

    expired_at_ns: int
    reason: str


@dataclass(slots=True)
class Tables:
    """Everything that is stored, by key."""

    projects: dict[int, ProjectRecord] = field(default_factory=dict)
    export_keys: dict[int, bytes] = field(default_factory=dict)
    """By project id."""
    usage: dict[tuple[int, int], ProjectUsage] = field(default_factory=dict)
    """By (project id, day of arrival)."""
    tokens: dict[int, TokenRecord] = field(default_factory=dict)
    audit: dict[int, AuditEntry] = field(default_factory=dict)
    exports: dict[str, StoredBundle] = field(default_factory=dict)
    """By address."""
    resources: dict[DictionaryKey, StoredResource] = field(default_factory=dict)
    scopes: dict[DictionaryKey, StoredScope] = field(default_factory=dict)
    resource_days: dict[DictionaryKey, int] = field(default_factory=dict)
    """The day on which each resource was used last."""
    scope_days: dict[DictionaryKey, int] = field(default_factory=dict)
    spans: dict[SpanKey, SpanRow] = field(default_factory=dict)
    logs: dict[LogKey, StoredLog] = field(default_factory=dict)
    imported_spans: dict[SpanKey, SpanRow] = field(default_factory=dict)
    imported_logs: dict[LogKey, StoredLog] = field(default_factory=dict)
    staged: dict[TraceKey, StagedTrace] = field(default_factory=dict)
    """Traces whose imported rows may be there before the traces themselves."""
    traces: dict[TraceKey, TraceRow] = field(default_factory=dict)
    tombstones: dict[TraceKey, Tombstone] = field(default_factory=dict)
    blobs: dict[BlobKey, BlobRow] = field(default_factory=dict)
    list_parts: set[ListPart] = field(default_factory=set)
    refs: set[RefRow] = field(default_factory=set)
    expired_days: dict[tuple[int, int], ExpiredDay] = field(default_factory=dict)
    """By (project id, day)."""
    payload_tombstones: dict[DictionaryKey, Tombstone] = field(default_factory=dict)
    """By (project id, ref)."""
    emptied_objects: dict[DictionaryKey, frozenset[tuple[int, bytes]]] = field(default_factory=dict)
    """(day, object) that the removal of a payload emptied and that may still be stored."""

    def copy(self) -> Tables:
        """The same records in new dicts."""
        return Tables(*(getattr(self, table.name).copy() for table in fields(self)))

    def spans_of(self, key: TraceKey) -> list[SpanRow]:
        """The spans of a trace by start, then span id."""
        return ordered_spans(self.imported_spans if self.is_imported(key) else self.spans, key)

    def is_imported(self, key: TraceKey) -> bool:
        """Whether the trace was imported from a file."""
        return self.import_day_of(key) is not None

    def import_day_of(self, key: TraceKey) -> int | None:
        """The day on which the trace was imported."""
        row = self.traces.get(key)
        return None if row is None else row.stored.import_day

    def facts_of(self, key: TraceKey) -> list[SpanFacts]:
        """The facts about the spans of a trace, which the caller may change."""
        return [copy(row.facts) for row in self.spans_of(key)]

    def logs_of(self, key: TraceKey) -> list[StoredLog]:
        """The logs of a trace by time, span id and content hash."""
        return ordered_logs(self.imported_logs if self.is_imported(key) else self.logs, key)

    def run_starts_of(self, key: TraceKey) -> list[RunStart]:
        """The starts of runs that logs of a trace tell of; the latest ones."""
        return self.run_starts_in(key, self.logs_of(key))

    def run_starts_in(self, key: TraceKey, given: Sequence[StoredLog]) -> list[RunStart]:
        """The starts of runs that these logs of a trace tell of; the latest ones."""
        logs = [log for log in given if log.name == EVENT_NAME]
        starts = []
        for log in logs[-MOST_RUN_STARTS:]:
            resource = self.resources.get((key[0], log.resource_id))
            sender = (None, None) if resource is None else (resource.service, resource.environment)
            starts.append(
                read_run_start(log.span_id, log.time_ns, log.attributes, log.genai, *sender)
            )
        return starts


def ordered_spans(spans: dict[SpanKey, SpanRow], key: TraceKey) -> list[SpanRow]:
    """The spans of a trace by start, then span id."""
    found = [row for at, row in spans.items() if at[:2] == key]
    return sorted(found, key=lambda row: (row.shown.start_time_ns, row.shown.span_id))


def ordered_logs(logs: dict[LogKey, StoredLog], key: TraceKey) -> list[StoredLog]:
    """The logs of a trace by time, span id and content hash."""
    found = [log for at, log in logs.items() if at[:2] == key]
    return sorted(found, key=lambda log: (log.time_ns, log.span_id, log.content_hash))


def usage_of_day(tables: Tables, day: int) -> dict[int, ProjectUsage]:
    """What projects stored on a day, by project id."""
    return {project: used for (project, of_day), used in tables.usage.items() if of_day == day}


def remove(table: dict[_Key, Any] | set[_Key], keys: Iterable[_Key]) -> int:
    """Remove what is there of these keys; returns how many were."""
    before = len(table)
    for key in keys:
        if isinstance(table, dict):
            table.pop(key, None)
        else:
            table.discard(key)
    return before - len(table)


class Memory:
    """The tables of the moment."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._lock = threading.Lock()

    @contextmanager
    def changing(self) -> Iterator[Tables]:
        """A transaction: tables to change, all of which take effect when the block ends without an
        error.

        Raises:
            StoreUnavailable: another change takes too long.
        """
        if not self._lock.acquire(timeout=LOCK_TIMEOUT_SECONDS):
            raise StoreUnavailable("another change of the store takes too long; try again")
        try:
            tables = self.tables.copy()
            yield tables
            self.tables = tables
        finally:
            self._lock.release()
