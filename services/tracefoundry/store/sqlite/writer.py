"""The SQLite span writer: one connection in one process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.commit import Committer
from tracefoundry.store.contract import (
    CommitResult,
    PreparedLog,
    PreparedSpan,
    ProjectRecord,
    StoreUnavailable,
)
from tracefoundry.store.preparation import Preparation
from tracefoundry.store.recompute import (
    LARGE_TRACE_PAUSE_NS,
    LARGEST_RECOMPUTE_SPANS,
    settle,
)
from tracefoundry.store.sqlite.connection import connect, database_path
from tracefoundry.store.sqlite.rows import log_row, span_row
from tracefoundry.store.sqlite.transaction import SqliteTransaction, find_blobs
from tracefoundry.store.transaction import ExistingTrace, RowRefused, Transaction

_Result = TypeVar("_Result")

_PROJECTS = """
SELECT project_id, name, created_at_ns, redaction, retention_spans_ns, retention_payloads_ns
FROM projects
"""


class SqliteWriter:
    """See :class:`tracefoundry.store.contract.SpanWriter`. One process may write spans at a time.

    The file and its tables are made by ``tracefoundry migrate`` (or ``serve``), not here.
    """

    def __init__(self, url: str) -> None:
        self._path = database_path(url)
        self._connection: sqlite3.Connection | None = None
        self._committer = Committer(self)
        self._preparation = Preparation(span_row, log_row)

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        return self._preparation.span(project_id, span)

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        return self._preparation.log(project_id, log)

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
    ) -> CommitResult:
        return self._committer.commit(spans, logs, payloads)

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        with self._errors():
            keys = [(project_id, ref, day) for ref in refs]
            found = find_blobs(self._connected(), keys, "depth")
            return {ref: depth for (_, ref, _), depth in found.items()}

    def projects(self) -> dict[str, ProjectRecord]:
        with self._errors():
            rows = self._connected().execute(_PROJECTS).fetchall()
            return {row[1]: ProjectRecord(*row) for row in rows}

    def maintain(self, now_ns: int) -> None:
        """Forget tombstones that are over; nothing to make ahead, as tables have no partitions."""
        with self._errors():
            self._connected().execute(
                "DELETE FROM tombstones WHERE rowid IN"
                " (SELECT rowid FROM tombstones WHERE keep_until_ns <= ? LIMIT 10000)",
                (now_ns,),
            )

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        def work(tx: Transaction) -> int:
            rows = self._connected().execute(
                "SELECT project_id, trace_id, span_count, recomputed_at_ns, missing_expired"
                " FROM traces WHERE totals_pending AND recomputed_at_ns <= ? AND span_count <= ?"
                " LIMIT 10",
                (now_ns - LARGE_TRACE_PAUSE_NS, LARGEST_RECOMPUTE_SPANS),
            )
            pending = {
                (row[0], row[1]): ExistingTrace(row[2], row[3], bool(row[4])) for row in rows
            }
            return settle(tx, pending, now_ns)

        return self.run(work, set)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run work in a durable transaction; see :meth:`tracefoundry.store.commit.Backend.run`."""
        with self._errors():
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(SqliteTransaction(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn driver errors into the store's."""
        try:
            yield
        except (sqlite3.DataError, sqlite3.IntegrityError, OverflowError) as error:
            raise RowRefused(str(error)) from error
        except sqlite3.Error as error:
            if "no such table" in str(error) or "has no column" in str(error):
                raise StoreUnavailable(
                    f"the database schema is not up to date ({error}): run `tracefoundry migrate`"
                ) from error
            self.close()
            raise StoreUnavailable(f"SQLite file {str(self._path)!r}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                raise StoreUnavailable(
                    f"the SQLite file {str(self._path)!r} does not exist:"
                    " run `tracefoundry migrate`"
                )
            self._connection = connect(self._path)
        return self._connection
