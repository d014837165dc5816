"""Imports on SQLite: short transactions on the tables of imported spans and logs.

One process writes spans at a time; an import is another one, or another thread, and writes to
tables of its own under the write lock of the file. A lock beside the file keeps a second import
out; it ends with its process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.summary import SpanFacts, TraceKey
from tracefoundry.store.api import AnotherProcess, Imports
from tracefoundry.store.import_api import ImportRun
from tracefoundry.store.records import EVENT_VIEW
from tracefoundry.store.run_starts import read_run_start
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.rows import imported_log_row, imported_span_row, published_row
from tracefoundry.store.sql.statements import MOST_EVENT_VIEWS, facts, join_resources, run_starts
from tracefoundry.store.sql.urls import sqlite_path
from tracefoundry.store.sqlite import statements
from tracefoundry.store.sqlite.locks import only_one
from tracefoundry.store.sqlite.transaction import SqliteTransaction
from tracefoundry.store.sqlite.writer import SqliteWriter
from tracefoundry.store.staging import (
    ImportTransaction,
    StagedImport,
    StagedTrace,
    TraceToPublish,
    import_day,
    remove_staged,
)
from tracefoundry.store.transaction import Transaction

_Result = TypeVar("_Result")

_OF_TRACE = "{0}.project_id = ? AND {0}.trace_id = ? AND {0}.import_day = ?"
_FACTS = (
    f"SELECT {facts(statements.NO_BYTES, 'imported_spans')}"
    f" FROM imported_spans{join_resources('imported_spans')}"
    f" WHERE {_OF_TRACE.format('imported_spans')}"
    " ORDER BY imported_spans.start_time_ns, imported_spans.span_id LIMIT ?"
)
_NO_LIMIT = -1
_EVENT_VIEWS = (
    "SELECT span_id, genai FROM imported_span_logs"
    f" WHERE {_OF_TRACE.format('imported_span_logs')} AND genai IS NOT NULL"
    f" ORDER BY time_ns LIMIT {MOST_EVENT_VIEWS}"
)
_RUN_STARTS = run_starts(_OF_TRACE.format("imported_span_logs"), "imported_span_logs")
_FIND_TRACE = f"SELECT import_digest FROM traces {statements.where(columns.TRACES.key)}"
_PUBLISH = statements.insert(columns.TRACES, columns.PUBLISHED) + statements.OR_LEAVE
_LIFT_TOMBSTONE = f"DELETE FROM tombstones {statements.where(columns.TOMBSTONES.key)}"
_STAGED_COLUMNS = tuple(column.name for column in columns.STAGED_IMPORTS.columns)
_PUT_STAGED = (
    statements.insert(columns.STAGED_IMPORTS, columns.STAGED_IMPORTS.columns) + statements.OR_LEAVE
)
_CLEAR_STAGED = f"DELETE FROM staged_imports {statements.where(_STAGED_COLUMNS)}"
_STAGED = f"SELECT {', '.join(_STAGED_COLUMNS)} FROM staged_imports"
_REMOVE = """
DELETE FROM {table} WHERE rowid IN (
    SELECT rowid FROM {table} WHERE project_id = ? AND trace_id = ? AND {day} = ? LIMIT ?)
"""
_REMOVE_SPANS = _REMOVE.format(table="imported_spans", day="import_day")
_REMOVE_LOGS = _REMOVE.format(table="imported_span_logs", day="import_day")
_REMOVE_REFS = _REMOVE.format(table="span_payload_refs", day="day")
_HAS_OTHER = """
SELECT 1 FROM traces WHERE project_id = ?1 AND trace_id = ?2
UNION ALL SELECT 1 FROM tombstones WHERE project_id = ?1 AND trace_id = ?2
"""
"""Whether somebody else needs the references of a trace, or their payloads wait for removal."""


class SqliteImportTransaction(SqliteTransaction):
    """See :class:`tracefoundry.store.staging.ImportTransaction`."""

    insert_span = statements.insert(columns.IMPORTED_SPANS)
    insert_log = statements.insert(columns.IMPORTED_SPAN_LOGS)

    def __init__(self, connection: sqlite3.Connection, day: int) -> None:
        super().__init__(connection)
        self._day = day

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return {key: self.first_facts(key, _NO_LIMIT) for key in keys}

    def first_facts(self, key: TraceKey, limit: int) -> list[SpanFacts]:
        rows = self._connection.execute(_FACTS, (*key, self._day, limit))
        return [SpanFacts(*row) for row in rows]

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        views: dict[TraceKey, dict[bytes, list[GenAI]]] = {}
        for key in keys:
            for span_id, view in self._connection.execute(_EVENT_VIEWS, (*key, self._day)):
                of_span = views.setdefault(key, {}).setdefault(span_id, [])
                of_span.append(EVENT_VIEW.decode(view))
        return views

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        execute = self._connection.execute
        return {
            key: [read_run_start(*row) for row in execute(_RUN_STARTS, (*key, self._day))]
            for key in keys
        }

    def find_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, bytes | None]:
        found = {}
        for key in keys:
            row = self._connection.execute(_FIND_TRACE, key).fetchone()
            if row is not None:
                found[key] = row[0]
        return found

    def put_staged(self, rows: Sequence[StagedTrace]) -> None:
        self._connection.executemany(_PUT_STAGED, [_values(row) for row in rows])

    def clear_staged(self, rows: Sequence[StagedTrace]) -> int:
        return max(
            0, self._connection.executemany(_CLEAR_STAGED, [_values(row) for row in rows]).rowcount
        )

    def staged(self) -> list[StagedTrace]:
        return [StagedTrace(*row) for row in self._connection.execute(_STAGED)]

    def remove_rows(self, row: StagedTrace, limit: int) -> int:
        execute = self._connection.execute
        values = (row.project_id, row.trace_id, row.import_day, limit)
        removed = execute(_REMOVE_SPANS, values).rowcount + execute(_REMOVE_LOGS, values).rowcount
        if execute(_HAS_OTHER, row.key).fetchone() is None:
            removed += execute(_REMOVE_REFS, values).rowcount
        return removed

    def publish(self, traces: Sequence[TraceToPublish], now_ns: int) -> int:
        self._connection.executemany(_LIFT_TOMBSTONE, [trace.key for trace in traces])
        rows = [published_row(trace, now_ns) for trace in traces]
        return max(0, self._connection.executemany(_PUBLISH, rows).rowcount)


def _values(row: StagedTrace) -> tuple[int, bytes, int, int]:
    return (row.project_id, row.trace_id, row.import_day, row.started_at_ns)


class SqliteImportWriter(SqliteWriter):
    """Runs the transactions of an import. ``frees``: they only remove rows, so a full disk is no
    reason to refuse them."""

    def __init__(self, url: str, day: int, *, frees: bool = False) -> None:
        super().__init__(url, (partial(imported_span_row, day), partial(imported_log_row, day)))
        self.day = day
        self._frees = frees

    def _transaction(self, connection: sqlite3.Connection) -> SqliteTransaction:
        return SqliteImportTransaction(connection, self.day)

    def run_import(self, work: Callable[[ImportTransaction], _Result]) -> _Result:
        """Run work in one transaction."""
        if not self._frees:
            with self._errors():
                self._reserve.hold()
        return self.run(cast("Callable[[Transaction], _Result]", work), set)


class SqliteImports:
    """See :class:`tracefoundry.store.import_api.Imports`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = sqlite_path(url)

    @contextmanager
    def open(self, now_ns: int) -> Iterator[ImportRun]:
        """Begin an import."""
        day = import_day(now_ns)
        with only_one(self._file, "import", "another import is at work"):
            writer = SqliteImportWriter(self._url, day)
            try:
                remove_staged(writer)
                run = StagedImport(writer, now_ns=now_ns, day=day)
                try:
                    yield run
                finally:
                    run.abandon()
            finally:
                writer.close()

    def remove_leftovers(self) -> int:
        """Remove what interrupted imports have left behind."""
        writer = SqliteImportWriter(self._url, 0, frees=True)
        try:
            with only_one(self._file, "import", "another import is at work"):
                return remove_staged(writer)
        except AnotherProcess:
            return 0
        finally:
            writer.close()


if TYPE_CHECKING:
    _imports: type[Imports] = SqliteImports
    _transaction: type[ImportTransaction] = SqliteImportTransaction
