"""Imports on PostgreSQL: the same COPY as ingest, into the tables of imported spans and logs.

An advisory lock keeps a second import out. It is its session's, so it ends with its process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.summary import SpanFacts, TraceKey
from tracefoundry.store.api import (
    AnotherProcess,
    Imports,
    PreparedLog,
    PreparedSpan,
    StoreUnavailable,
)
from tracefoundry.store.import_api import ImportRun
from tracefoundry.store.postgres import partitions, statements
from tracefoundry.store.postgres.rows import imported_log_row, imported_span_row
from tracefoundry.store.postgres.transaction import PostgresTransaction, arrays
from tracefoundry.store.postgres.writer import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS, PostgresWriter
from tracefoundry.store.records import EVENT_VIEW
from tracefoundry.store.run_starts import read_run_start
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.errors import reason_of
from tracefoundry.store.sql.rows import published_row
from tracefoundry.store.sql.sessions import connect_postgres
from tracefoundry.store.sql.statements import MOST_EVENT_VIEWS, facts, join_resources, run_starts
from tracefoundry.store.staging import (
    ImportTransaction,
    StagedImport,
    StagedTrace,
    TraceToPublish,
    import_day,
    remove_staged,
)
from tracefoundry.store.transaction import Transaction, log_key, span_key

_Result = TypeVar("_Result")

IMPORT_LOCK = 0x7F0D_DA77
"""Key of the advisory lock that an import holds."""

MOST_FACTS = 1_000_000
"""More than any trace whose summary is worked out from all of its spans."""

_TRACES, _KEY = statements.wanted_traces()
# LATERAL with an order and a LIMIT is looked up trace by trace, through the primary key. A plain
# join reads the whole partition while it is new and thought to be empty.
_FACTS = (
    f"SELECT wanted.project_id, wanted.trace_id, found.* FROM {_TRACES} CROSS JOIN LATERAL ("
    f"SELECT {facts(statements.NO_BYTES, 'imported_spans')}"
    f" FROM imported_spans{join_resources('imported_spans')}"
    f" WHERE {_KEY('imported_spans')} AND imported_spans.import_day = %b"
    " ORDER BY imported_spans.start_time_ns, imported_spans.span_id LIMIT %b) AS found"
)
_EVENT_VIEWS = (
    f"SELECT wanted.project_id, wanted.trace_id, found.span_id, found.genai::text FROM {_TRACES}"
    " CROSS JOIN LATERAL (SELECT span_id, time_ns, genai FROM imported_span_logs"
    f" WHERE {_KEY('imported_span_logs')} AND genai IS NOT NULL AND import_day = %b"
    f" ORDER BY time_ns LIMIT {MOST_EVENT_VIEWS}) AS found"
)
_OF_WANTED = f"{_KEY('imported_span_logs')} AND imported_span_logs.import_day = %b"
_RUN_STARTS = (
    f"SELECT wanted.project_id, wanted.trace_id, found.* FROM {_TRACES} CROSS JOIN LATERAL"
    f" ({run_starts(_OF_WANTED, 'imported_span_logs')}) AS found"
)
_PRESENT_SPANS = statements.present_keys(
    columns.IMPORTED_SPANS, columns.SPAN_KEY, "import_day = %b"
)
_PRESENT_LOGS = statements.present_keys(
    columns.IMPORTED_SPAN_LOGS, columns.SPAN_LOGS.key, "import_day = %b"
)
_FIND_TRACES = (
    "SELECT traces.project_id, traces.trace_id, traces.import_digest"
    f" FROM {_TRACES} JOIN traces ON {_KEY('traces')}"
)
_PUBLISH = statements.insert_arrays(
    columns.TRACES, "DO NOTHING RETURNING trace_id", columns.PUBLISHED
)
_LIFT_TOMBSTONES = statements.delete_keys(columns.TOMBSTONES, columns.TOMBSTONES.key)
_PUT_STAGED = statements.insert_arrays(
    columns.STAGED_IMPORTS, "DO NOTHING", columns.STAGED_IMPORTS.columns
)
_CLEAR_STAGED = statements.delete_keys(
    columns.STAGED_IMPORTS, [column.name for column in columns.STAGED_IMPORTS.columns]
)
_STAGED = "SELECT project_id, trace_id, import_day, started_at_ns FROM staged_imports"
_REMOVE = """
DELETE FROM {table} WHERE {day} = %(day)s AND ctid = ANY(ARRAY(
    SELECT ctid FROM {table}
    WHERE project_id = %(project)s AND trace_id = %(trace)s AND {day} = %(day)s LIMIT %(limit)s))
"""
_REMOVE_ROWS = (
    _REMOVE.format(table="imported_spans", day="import_day"),
    _REMOVE.format(table="imported_span_logs", day="import_day"),
    _REMOVE.format(table="span_payload_refs", day="day"),
)
_HAS_OTHER = """
SELECT 1 FROM traces WHERE project_id = %(project)s AND trace_id = %(trace)s
UNION ALL SELECT 1 FROM tombstones WHERE project_id = %(project)s AND trace_id = %(trace)s
"""
"""Whether somebody else needs the references of a trace, or their payloads wait for removal."""


class PostgresImportTransaction(PostgresTransaction):
    """See :class:`tracefoundry.store.staging.ImportTransaction`."""

    spans = statements.Insert(columns.IMPORTED_SPANS, columns.SPAN_KEY)
    logs = statements.Insert(columns.IMPORTED_SPAN_LOGS, columns.SPAN_LOGS.key)

    def __init__(self, writer: PostgresImportWriter, connection: psycopg.Connection) -> None:
        super().__init__(connection, writer.resends)
        self._day = writer.day

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        keys = [span_key(span) for span in spans]
        return self._insert(self.spans, _PRESENT_SPANS, keys, [span.row for span in spans])

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        keys = [log_key(log) for log in logs]
        return self._insert(self.logs, _PRESENT_LOGS, keys, [log.row for log in logs])

    def _insert(
        self,
        insert: statements.Insert,
        present: str,
        keys: Sequence[tuple[Any, ...]],
        rows: list[bytes],
    ) -> list[int]:
        """Insert; returns the positions of those that were there. No other import runs, so the keys
        can be looked up; that needs no temporary table, which the role of imports may not make."""
        if self._copied(insert, rows):
            return []
        values = [*arrays(keys), self._day]
        there = set(self._connection.execute(present, values, binary=True).fetchall())
        self._copy(
            insert.copy, [row for key, row in zip(keys, rows, strict=True) if key not in there]
        )
        return [position for position, key in enumerate(keys) if key in there]

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return self._facts(keys, MOST_FACTS)

    def first_facts(self, key: TraceKey, limit: int) -> list[SpanFacts]:
        return self._facts([key], limit).get(key, [])

    def _facts(self, keys: Sequence[TraceKey], limit: int) -> dict[TraceKey, list[SpanFacts]]:
        found: dict[TraceKey, list[SpanFacts]] = {}
        values = [*arrays(keys), self._day, limit]
        for row in self._connection.execute(_FACTS, values, binary=True).fetchall():
            found.setdefault((row[0], row[1]), []).append(SpanFacts(*row[2:]))
        return found

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        views: dict[TraceKey, dict[bytes, list[GenAI]]] = {}
        values = [*arrays(keys), self._day]
        for project, trace, span_id, view in self._connection.execute(
            _EVENT_VIEWS, values, binary=True
        ):
            of_span = views.setdefault((project, trace), {}).setdefault(span_id, [])
            of_span.append(EVENT_VIEW.decode(view))
        return views

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        starts: dict[TraceKey, list[RunStart]] = {}
        values = [*arrays(keys), self._day]
        for row in self._connection.execute(_RUN_STARTS, values, binary=True):
            starts.setdefault((row[0], row[1]), []).append(read_run_start(*row[2:]))
        return starts

    def find_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, bytes | None]:
        rows = self._connection.execute(_FIND_TRACES, arrays(keys), binary=True)
        return {(project, trace): digest for project, trace, digest in rows}

    def put_staged(self, rows: Sequence[StagedTrace]) -> None:
        self._connection.execute(_PUT_STAGED, arrays([_values(row) for row in rows]))

    def clear_staged(self, rows: Sequence[StagedTrace]) -> int:
        if not rows:
            return 0
        values = arrays([_values(row) for row in rows])
        return self._connection.execute(_CLEAR_STAGED, values).rowcount

    def staged(self) -> list[StagedTrace]:
        rows = self._connection.execute(_STAGED, binary=True)
        return [StagedTrace(*row) for row in rows]

    def remove_rows(self, row: StagedTrace, limit: int) -> int:
        values = {
            "project": row.project_id, "trace": row.trace_id, "day": row.import_day, "limit": limit,
        }  # fmt: skip
        spans, logs, refs = _REMOVE_ROWS
        removed = sum(self._connection.execute(each, values).rowcount for each in (spans, logs))
        if self._connection.execute(_HAS_OTHER, values).fetchone() is None:
            removed += self._connection.execute(refs, values).rowcount
        return removed

    def publish(self, traces: Sequence[TraceToPublish], now_ns: int) -> int:
        if not traces:
            return 0
        self._connection.execute(_LIFT_TOMBSTONES, arrays([trace.key for trace in traces]))
        rows = [published_row(trace, now_ns) for trace in traces]
        return self._connection.execute(_PUBLISH, arrays(rows)).rowcount


def _values(row: StagedTrace) -> tuple[int, bytes, int, int]:
    return (row.project_id, row.trace_id, row.import_day, row.started_at_ns)


class PostgresImportWriter(PostgresWriter):
    """Runs the transactions of an import."""

    application = "tracefoundry-import"
    partitioned = tuple(partitions.PARTITIONED)

    def __init__(self, url: str, day: int) -> None:
        rows = (partial(imported_span_row, day), partial(imported_log_row, day))
        super().__init__(url, retention_ns=0, ahead_ns=0, rows=rows)
        self.day = day

    def _transaction(self, connection: psycopg.Connection) -> PostgresTransaction:
        return PostgresImportTransaction(self, connection)

    def run_import(self, work: Callable[[ImportTransaction], _Result]) -> _Result:
        """Run work in one transaction; a missing partition of the day is made."""
        return self.run(cast("Callable[[Transaction], _Result]", work), lambda: {self.day})


class PostgresImports:
    """See :class:`tracefoundry.store.import_api.Imports`."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def open(self, now_ns: int) -> Iterator[ImportRun]:
        """Begin an import."""
        day = import_day(now_ns)
        with self._only_one():
            writer = PostgresImportWriter(self._url, day)
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
        writer = PostgresImportWriter(self._url, 0)
        try:
            with self._only_one():
                return remove_staged(writer)
        except AnotherProcess:
            return 0
        finally:
            writer.close()

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        try:
            connection = connect_postgres(
                self._url,
                application="tracefoundry-import",
                statement_ms=STATEMENT_TIMEOUT_MS,
                lock_ms=LOCK_TIMEOUT_MS,
                writes=True,
            )
            try:
                row = connection.execute(
                    "SELECT pg_try_advisory_lock(%s)", (IMPORT_LOCK,)
                ).fetchone()
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            raise StoreUnavailable(f"PostgreSQL: {reason_of(error)}") from error
        try:
            if row is None or not row[0]:
                raise AnotherProcess("another import is at work")
            yield
        finally:
            # Closing would do it too, but some time after it has returned.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s)", (IMPORT_LOCK,))
            connection.close()


if TYPE_CHECKING:
    _imports: type[Imports] = PostgresImports
    _transaction: type[ImportTransaction] = PostgresImportTransaction
