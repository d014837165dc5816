"""The steps of a commit on SQLite.

As on PostgreSQL, spans are inserted in bulk first; a key that is there already undoes the
savepoint, and the rows go in one by one with ON CONFLICT DO NOTHING.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Literal

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.store.api import PreparedLog, PreparedSpan
from tracefoundry.store.records import EVENT_VIEW
from tracefoundry.store.run_starts import read_run_start
from tracefoundry.store.sql.columns import TRACES
from tracefoundry.store.sql.rows import blob_row, resource_row, scope_row, trace_row
from tracefoundry.store.sql.statements import GROWING, RECOMPUTED
from tracefoundry.store.sqlite import statements
from tracefoundry.store.transaction import (
    DictionaryKey,
    ExistingTrace,
    ListPart,
    LogKey,
    RefRow,
    SpanKey,
    UsageRow,
)

_KEYS_AT_ONCE = 500
"""Below what any SQLite takes as parameters of one statement."""
_KEY_IS_THERE = (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE)

_REWRITTEN = [TRACES.written.index(column) for column in RECOMPUTED]
"""Where the values of a recompute stand in a row of the encoder."""
_GROWN = [TRACES.written.index(column) for column in GROWING]


def find_blobs(
    connection: sqlite3.Connection,
    keys: Sequence[BlobKey],
    column: Literal["depth", "object"],
) -> dict[BlobKey, Any]:
    """A column of those of these blobs that are there."""
    by_day: dict[tuple[int, int], list[bytes]] = {}
    for project, ref, day in keys:
        by_day.setdefault((project, day), []).append(ref)
    found: dict[BlobKey, Any] = {}
    for (project, day), refs in by_day.items():
        for at in range(0, len(refs), _KEYS_AT_ONCE):
            chunk = refs[at : at + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(chunk))
            rows = connection.execute(
                f"SELECT ref, {column} FROM payload_blobs"  # noqa: S608 - names of columns, marks
                f" WHERE project_id = ? AND day = ? AND ref IN ({marks})",
                (project, day, *chunk),
            )
            found.update(((project, ref, day), value) for ref, value in rows)
    return found


class SqliteTransaction:
    """One open transaction; see :class:`tracefoundry.store.transaction.Transaction`."""

    insert_span = statements.INSERT_SPAN
    insert_log = statements.INSERT_LOG

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None:
        self._connection.executemany(
            statements.PUT_RESOURCE, [resource_row(*key, resource, day) for key, resource in rows]
        )

    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None:
        self._connection.executemany(
            statements.PUT_SCOPE, [scope_row(*key, scope, day) for key, scope in rows]
        )

    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        inserted = self._connection.executemany(
            statements.PUT_BLOB, [blob_row(blob) for blob in blobs]
        ).rowcount
        if inserted == len(blobs):
            return {blob.key for blob in blobs}
        # No two objects have the same name, so a row that names ours is ours.
        stored = find_blobs(self._connection, [blob.key for blob in blobs], "object")
        return {blob.key for blob in blobs if stored.get(blob.key) == blob.object}

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """The transaction holds the one write lock of the file: finding them is enough."""
        return set(find_blobs(self._connection, keys, "depth"))

    def put_list_parts(self, rows: Sequence[ListPart]) -> None:
        self._connection.executemany(statements.PUT_LIST_PART, rows)

    def put_refs(self, rows: Sequence[RefRow]) -> None:
        self._connection.executemany(statements.PUT_REF, rows)

    def add_usage(self, rows: Sequence[UsageRow]) -> None:
        self._connection.executemany(statements.ADD_USAGE, rows)

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        return self._insert(self.insert_span, [prepared.row for prepared in spans])

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        return self._insert(self.insert_log, [prepared.row for prepared in logs])

    def _insert(self, statement: str, rows: list[tuple[Any, ...]]) -> list[int]:
        self._connection.execute("SAVEPOINT bulk")
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode not in _KEY_IS_THERE:
                raise
            self._connection.execute("ROLLBACK TO bulk")
        else:
            self._connection.execute("RELEASE bulk")
            return []
        self._connection.execute("RELEASE bulk")
        one_by_one = statement + statements.OR_LEAVE
        return [
            position
            for position, row in enumerate(rows)
            if self._connection.execute(one_by_one, row).rowcount == 0
        ]

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        found = {}
        for key in keys:
            row = self._connection.execute(statements.STORED_DIGEST, key).fetchone()
            if row is not None:
                found[key] = (row[0], row[1])
        return found

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        existing: dict[TraceKey, ExistingTrace] = {}
        new = []
        for key, summary in summaries:
            state = self._connection.execute(statements.FIND_TRACE, key).fetchone()
            row = trace_row(*key, summary, now_ns)
            if state is None:
                new.append(row)
                continue
            existing[key] = _state(state)
            if existing[key].imported:
                continue
            self._connection.execute(
                statements.GROW_TRACE, (*[row[place] for place in _GROWN], *key)
            )
            existing[key].span_count += summary.span_count
            existing[key].start_time_ns = min(state[1], summary.start_time_ns)
        self._connection.executemany(statements.INSERT_TRACE, new)
        return existing

    def lock_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, ExistingTrace]:
        """The transaction holds the one write lock of the file: finding them is enough."""
        states = ((key, self._connection.execute(statements.FIND_TRACE, key)) for key in keys)
        return {key: _state(row) for key, found in states if (row := found.fetchone()) is not None}

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        execute = self._connection.execute
        if execute(statements.ANY_EVENT_VIEW).fetchone() is None:
            return {}
        views: dict[TraceKey, dict[bytes, list[GenAI]]] = {}
        for key in keys:
            for span_id, view in execute(statements.EVENT_VIEWS, key):
                of_span = views.setdefault(key, {}).setdefault(span_id, [])
                of_span.append(EVENT_VIEW.decode(view))
        return views

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        execute = self._connection.execute
        return {
            key: [read_run_start(*row) for row in execute(statements.RUN_STARTS, key)]
            for key in keys
        }

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        execute = self._connection.execute
        if execute(statements.ANY_TOMBSTONE).fetchone() is None:
            return set()
        return {key for key in keys if execute(statements.TOMBSTONED, (*key, now_ns)).fetchone()}

    def remove_spans(self, keys: Sequence[SpanKey]) -> None:
        self._connection.executemany(statements.REMOVE_SPAN, keys)

    def remove_logs(self, keys: Sequence[LogKey]) -> None:
        self._connection.executemany(statements.REMOVE_LOG, keys)

    def remove_traces(self, keys: Sequence[TraceKey]) -> None:
        self._connection.executemany(statements.REMOVE_TRACE, keys)

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return {
            key: [SpanFacts(*row) for row in self._connection.execute(statements.FACTS, key)]
            for key in keys
        }

    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None:
        rows = [(key, trace_row(*key, summary, now_ns)) for key, summary in summaries]
        self._connection.executemany(
            statements.REWRITE_SUMMARY,
            [(*[row[place] for place in _REWRITTEN], *key) for key, row in rows],
        )

    def defer_recompute(self, keys: Sequence[TraceKey]) -> None:
        self._connection.executemany(statements.DEFER_RECOMPUTE, keys)

    def pending(self, before_ns: int, largest: int) -> dict[TraceKey, ExistingTrace]:
        rows = self._connection.execute(statements.PENDING, (before_ns, largest))
        return {(row[0], row[1]): _state(row[2:]) for row in rows}


def _state(row: tuple[Any, ...]) -> ExistingTrace:
    span_count, start_time_ns, recomputed_at_ns, missing_expired, has_runs, imported = row
    return ExistingTrace(
        span_count,
        start_time_ns,
        recomputed_at_ns,
        bool(missing_expired),
        bool(has_runs),
        bool(imported),
    )
