"""The SQLite span writer: one connection in one process."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

from tracefoundry.model.payload import PayloadRows
from tracefoundry.store.api import (
    CommitResult,
    DiskFull,
    PreparedLog,
    PreparedSpan,
    StoreUnavailable,
)
from tracefoundry.store.preparation import LogRow, SpanRow
from tracefoundry.store.records import ProjectRecord, ProjectUsage
from tracefoundry.store.sql import errors
from tracefoundry.store.sql.rows import log_row, span_row
from tracefoundry.store.sql.sessions import connect_sqlite
from tracefoundry.store.sql.statements import PROJECTS
from tracefoundry.store.sql.urls import sqlite_path
from tracefoundry.store.sql.writer import SqlWriter
from tracefoundry.store.sqlite import statements
from tracefoundry.store.sqlite.disk_reserve import DiskReserve
from tracefoundry.store.sqlite.transaction import SqliteTransaction, find_blobs
from tracefoundry.store.transaction import RowRefused, Transaction

BUSY_S = 10
"""Longest wait for the file's write lock."""

_Result = TypeVar("_Result")


class SqliteWriter(SqlWriter):
    """See :class:`tracefoundry.store.api.Writer`. One process may write spans at a time.

    The file and its tables are made by ``tracefoundry migrate`` (or ``serve``), not here.
    """

    def __init__(self, url: str, rows: tuple[SpanRow, LogRow] | None = None) -> None:
        super().__init__(*(rows or (span_row, log_row)))
        self._path = sqlite_path(url)
        self._connection: sqlite3.Connection | None = None
        self._reserve = DiskReserve(self._path)

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        with self._errors():
            self._reserve.hold()
        return super().commit(spans, logs, payloads, metered=metered)

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        with self._errors():
            # What is put into the payload store after this takes room on the same disk, often.
            self._reserve.hold()
            keys = [(project_id, ref, day) for ref in refs]
            found = find_blobs(self._connected(), keys, "depth")
            return {ref: depth for (_, ref, _), depth in found.items()}

    def projects(self) -> dict[str, ProjectRecord]:
        with self._errors():
            projects = [ProjectRecord(*row) for row in self._connected().execute(PROJECTS)]
            return {project.name: project for project in projects}

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        with self._errors():
            rows = self._connected().execute(statements.USAGE, (day,))
            return {
                project: ProjectUsage(int(spans), int(content_bytes))
                for project, spans, content_bytes in rows
            }

    def maintain(self, now_ns: int) -> None:
        """Remove tombstones that are over, and take the disk reserve where it is not held. Tables
        have no partitions that could be made ahead."""
        with self._errors():
            with contextlib.suppress(DiskFull):  # every commit says so
                self._reserve.hold()
            self._connected().execute(statements.PURGE_TOMBSTONES, (now_ns,))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run work in a durable transaction; see :meth:`Backend.run`."""
        with self._errors():
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._transaction(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    def _transaction(self, connection: sqlite3.Connection) -> SqliteTransaction:
        return SqliteTransaction(connection)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn driver errors into the store's. Spans must not be lost to a defect of ours, so
        whatever is not a refused row may be tried again."""
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"SQLite file {str(self._path)!r}: {error.strerror}") from error
        except (sqlite3.Error, OverflowError) as error:
            reason = errors.reason_of(error)
            if errors.refuses_row(error):
                raise RowRefused(reason) from error
            self.close()
            raise (
                errors.unavailable(error)
                or StoreUnavailable(f"SQLite file {str(self._path)!r}: {reason}")
            ) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect_sqlite(self._path, busy_s=BUSY_S, writes_spans=True)
        return self._connection
