"""The steps of a commit on PostgreSQL.

Spans are first copied straight into the partitioned table, in a savepoint: nearly every commit
brings only new keys, and then this is all there is to do. A unique violation undoes the savepoint
and the batch goes through a temporary table with ON CONFLICT DO NOTHING instead, which tells row
by row what was new. Both ways end in the same state; the second costs twice as much, so a writer
that has just met a resend takes it at once for a few commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import PreparedLog, PreparedSpan
from tracefoundry.store.postgres import statements
from tracefoundry.store.postgres.rows import COPY_HEADER, COPY_TRAILER
from tracefoundry.store.records import EVENT_VIEW
from tracefoundry.store.run_starts import read_run_start
from tracefoundry.store.sql.rows import blob_row, resource_row, scope_row, trace_row
from tracefoundry.store.transaction import (
    DictionaryKey,
    ExistingTrace,
    ListPart,
    LogKey,
    RefRow,
    SpanKey,
    UsageRow,
    log_key,
    span_key,
)

RESEND_COMMITS = 8
"""Commits that go through staging at once after a resend was met."""


_IMPORTED = (False, 0, 0, 0, False, False, True)
"""What is returned of the upsert of an imported trace: not created, and its state."""

EVENT_LEAD_NS = DAY_NS
"""How long before its trace begins an event may say it was, when clocks differ."""


class ResendMemory:
    """How many of the next commits should expect keys that are stored already."""

    def __init__(self) -> None:
        self.left = 0


class PostgresTransaction:
    """One open transaction; see :class:`tracefoundry.store.transaction.Transaction`."""

    spans = statements.INSERT_SPANS
    logs = statements.INSERT_LOGS

    def __init__(self, connection: psycopg.Connection, memory: ResendMemory) -> None:
        self._connection = connection
        self._memory = memory

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None:
        made = [resource_row(*key, resource, day) for key, resource in rows]
        self._connection.execute(statements.PUT_RESOURCES, arrays(made))

    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None:
        made = [scope_row(*key, scope, day) for key, scope in rows]
        self._connection.execute(statements.PUT_SCOPES, arrays(made))

    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        rows = [blob_row(blob) for blob in blobs]
        inserted = self._connection.execute(statements.PUT_BLOBS, arrays(rows), binary=True)
        return set(inserted.fetchall())

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        locked = self._connection.execute(statements.LOCK_BLOBS, arrays(keys), binary=True)
        return set(locked.fetchall())

    def put_list_parts(self, rows: Sequence[ListPart]) -> None:
        self._connection.execute(statements.PUT_LIST_PARTS, arrays(rows))

    def put_refs(self, rows: Sequence[RefRow]) -> None:
        self._connection.execute(statements.PUT_REFS, arrays(rows))

    def add_usage(self, rows: Sequence[UsageRow]) -> None:
        self._connection.execute(statements.ADD_USAGE, arrays(rows))

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        rows = [prepared.row for prepared in spans]
        if self._memory.left > 0:
            self._memory.left -= 1
        elif self._copied(self.spans, rows):
            return []
        inserted = self._insert_staged(self.spans, rows)
        if len(inserted) < len(spans):
            self._memory.left = RESEND_COMMITS
        return [
            position
            for position, prepared in enumerate(spans)
            if span_key(prepared) not in inserted
        ]

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        rows = [prepared.row for prepared in logs]
        if self._copied(self.logs, rows):
            return []
        inserted = self._insert_staged(self.logs, rows)
        return [
            position for position, prepared in enumerate(logs) if log_key(prepared) not in inserted
        ]

    def _copied(self, insert: statements.Insert, rows: list[bytes]) -> bool:
        """Copy rows in a savepoint; False, and nothing done, when a key was there already."""
        try:
            with self._connection.transaction():
                self._copy(insert.copy, rows)
        except errors.UniqueViolation:
            return False
        return True

    def _insert_staged(self, insert: statements.Insert, rows: list[bytes]) -> set[tuple[Any, ...]]:
        """Insert rows that are new; returns their keys."""
        self._connection.execute(insert.make_staging)
        self._copy(insert.copy_staged, rows)
        return set(self._connection.execute(insert.insert_staged, binary=True).fetchall())

    def _copy(self, statement: str, rows: list[bytes]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join((COPY_HEADER, *rows, COPY_TRAILER)))

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        starts = [key[3] for key in keys]
        rows = self._connection.execute(
            statements.STORED_DIGESTS, [*arrays(keys), min(starts), max(starts)], binary=True
        )
        return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        made = [trace_row(*key, summary, now_ns) for key, summary in summaries]
        rows = self._connection.execute(statements.UPSERT_TRACES, arrays(made), binary=True)
        states = {(row[0], row[1]): row[2:] for row in rows}
        if len(states) < len(summaries):
            states |= {key: _IMPORTED for key, _ in summaries if key not in states}
        return {
            key: ExistingTrace(*state) for key, (created, *state) in states.items() if not created
        }

    def lock_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, ExistingTrace]:
        rows = self._connection.execute(statements.LOCK_TRACES, arrays(keys), binary=True)
        return {(row[0], row[1]): ExistingTrace(*row[2:]) for row in rows}

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        since_ns -= EVENT_LEAD_NS
        if self._connection.execute(statements.ANY_EVENT_VIEW, (since_ns,)).fetchone() is None:
            return {}
        views: dict[TraceKey, dict[bytes, list[GenAI]]] = {}
        rows = self._connection.execute(
            statements.EVENT_VIEWS, [*arrays(keys), since_ns], binary=True
        )
        for project, trace, span_id, view in rows:
            of_span = views.setdefault((project, trace), {}).setdefault(span_id, [])
            of_span.append(EVENT_VIEW.decode(view))
        return views

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        starts: dict[TraceKey, list[RunStart]] = {}
        rows = self._connection.execute(
            statements.RUN_STARTS, [*arrays(keys), since_ns - EVENT_LEAD_NS], binary=True
        )
        for row in rows:
            starts.setdefault((row[0], row[1]), []).append(read_run_start(*row[2:]))
        return starts

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        rows = self._connection.execute(statements.TOMBSTONED, [*arrays(keys), now_ns], binary=True)
        return set(rows.fetchall())

    def remove_spans(self, keys: Sequence[SpanKey]) -> None:
        self._connection.execute(statements.REMOVE_SPANS, arrays(keys))

    def remove_logs(self, keys: Sequence[LogKey]) -> None:
        self._connection.execute(statements.REMOVE_LOGS, arrays(keys))

    def remove_traces(self, keys: Sequence[TraceKey]) -> None:
        self._connection.execute(statements.REMOVE_TRACES, arrays(keys))

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        wanted = arrays(keys)
        bounds = self._connection.execute(statements.TRACE_BOUNDS, wanted).fetchone()
        if bounds is None or bounds[0] is None:
            return {}
        facts: dict[TraceKey, list[SpanFacts]] = {}
        for row in self._connection.execute(statements.FACTS, [*wanted, *bounds], binary=True):
            facts.setdefault((row[0], row[1]), []).append(SpanFacts(*row[2:]))
        return facts

    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None:
        made = [trace_row(*key, summary, now_ns) for key, summary in summaries]
        self._connection.execute(statements.REWRITE_SUMMARIES, arrays(made))

    def defer_recompute(self, keys: Sequence[TraceKey]) -> None:
        self._connection.execute(statements.DEFER_RECOMPUTE, arrays(keys))

    def pending(self, before_ns: int, largest: int) -> dict[TraceKey, ExistingTrace]:
        rows = self._connection.execute(statements.PENDING, (before_ns, largest), binary=True)
        return {(row[0], row[1]): ExistingTrace(*row[2:]) for row in rows}


def arrays(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows to bind: one array a column."""
    return [list(column) for column in zip(*rows, strict=True)]
