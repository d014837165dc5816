"""Imports over dicts: what is staged stands in dicts of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, TypeVar

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.summary import SpanFacts, TraceKey
from tracefoundry.store.api import AnotherProcess, Imports
from tracefoundry.store.event_views import views_by_span
from tracefoundry.store.import_api import ImportRun
from tracefoundry.store.memory.tables import (
    Memory,
    Tables,
    TraceRow,
    ordered_logs,
    ordered_spans,
    remove,
)
from tracefoundry.store.memory.writer import MemoryTransaction, MemoryWriter
from tracefoundry.store.records import StoredTrace
from tracefoundry.store.staging import (
    ImportTransaction,
    StagedImport,
    StagedTrace,
    TraceToPublish,
    import_day,
    remove_staged,
)

_Result = TypeVar("_Result")


class MemoryImportTransaction(MemoryTransaction):
    """See :class:`tracefoundry.store.staging.ImportTransaction`."""

    def __init__(self, tables: Tables, digests: dict[TraceKey, bytes]) -> None:
        super().__init__(tables)
        self._spans = tables.imported_spans
        self._logs = tables.imported_logs
        self._digests = digests

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return {key: self.first_facts(key, len(self._spans)) for key in keys}

    def first_facts(self, key: TraceKey, limit: int) -> list[SpanFacts]:
        return [copy(row.facts) for row in ordered_spans(self._spans, key)[:limit]]

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        return {key: views_by_span(ordered_logs(self._logs, key)) for key in keys}

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        return {key: self._tables.run_starts_in(key, ordered_logs(self._logs, key)) for key in keys}

    def find_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, bytes | None]:
        there = [key for key in keys if key in self._tables.traces]
        return {key: self._digests[key] if self._tables.is_imported(key) else None for key in there}

    def put_staged(self, rows: Sequence[StagedTrace]) -> None:
        for row in rows:
            self._tables.staged.setdefault(row.key, row)

    def clear_staged(self, rows: Sequence[StagedTrace]) -> int:
        mine = [row.key for row in rows if self._tables.staged.get(row.key) == row]
        return remove(self._tables.staged, mine)

    def staged(self) -> list[StagedTrace]:
        return list(self._tables.staged.values())

    def remove_rows(self, row: StagedTrace, limit: int) -> int:
        tables = self._tables
        removed = remove(self._spans, [key for key in self._spans if key[:2] == row.key])
        removed += remove(self._logs, [key for key in self._logs if key[:2] == row.key])
        if row.key not in tables.traces and row.key not in tables.tombstones:
            of_trace = (row.project_id, row.trace_id, row.import_day)
            gone = [ref for ref in tables.refs if (ref[0], ref[1], ref[3]) == of_trace]
            removed += remove(tables.refs, gone)
        return min(removed, limit - 1)

    def publish(self, traces: Sequence[TraceToPublish], now_ns: int) -> int:
        new = [trace for trace in traces if trace.key not in self._tables.traces]
        for trace in new:
            self._tables.tombstones.pop(trace.key, None)
            self._digests[trace.key] = trace.import_digest
            stored = StoredTrace(
                *trace.key, trace.source, trace.import_day, trace.summary,
                trace.totals_pending, False, trace.original_environment,
            )  # fmt: skip
            self._tables.traces[trace.key] = TraceRow(stored, now_ns)
        return len(new)


class MemoryImportWriter(MemoryWriter):
    """Runs the transactions of an import."""

    def __init__(self, memory: Memory, digests: dict[TraceKey, bytes]) -> None:
        super().__init__(memory)
        self._digests = digests

    def run_import(self, work: Callable[[ImportTransaction], _Result]) -> _Result:
        """Run work in one transaction."""
        with self._memory.changing() as tables:
            return work(MemoryImportTransaction(tables, self._digests))


class MemoryImports:
    """See :class:`tracefoundry.store.import_api.Imports`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._digests: dict[TraceKey, bytes] = {}
        self._only_one = threading.Lock()

    @contextmanager
    def open(self, now_ns: int) -> Iterator[ImportRun]:
        """Begin an import."""
        if not self._only_one.acquire(blocking=False):
            raise AnotherProcess("another import is at work")
        try:
            writer = MemoryImportWriter(self._memory, self._digests)
            remove_staged(writer)
            run = StagedImport(writer, now_ns=now_ns, day=import_day(now_ns))
            try:
                yield run
            finally:
                run.abandon()
        finally:
            self._only_one.release()

    def remove_leftovers(self) -> int:
        """Remove what interrupted imports have left behind."""
        if not self._only_one.acquire(blocking=False):
            return 0
        try:
            return remove_staged(MemoryImportWriter(self._memory, self._digests))
        finally:
            self._only_one.release()


if TYPE_CHECKING:
    _imports: type[Imports] = MemoryImports
    _transaction: type[ImportTransaction] = MemoryImportTransaction
