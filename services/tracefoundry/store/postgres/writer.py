"""The PostgreSQL span writer: one connection, one transaction a commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.postgres import partitions, statements
from tracefoundry.store.postgres.rows import log_row, span_row
from tracefoundry.store.postgres.transaction import PostgresTransaction, ResendMemory
from tracefoundry.store.preparation import LogRow, SpanRow
from tracefoundry.store.records import ProjectRecord, ProjectUsage
from tracefoundry.store.sql import errors
from tracefoundry.store.sql.sessions import connect_postgres
from tracefoundry.store.sql.statements import PROJECTS
from tracefoundry.store.sql.writer import SqlWriter
from tracefoundry.store.transaction import RowRefused, Transaction

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000
ATTEMPTS = 5
"""Tries of one commit: after a deadlock, or after making a missing partition."""

_Result = TypeVar("_Result")


class PostgresWriter(SqlWriter):
    """See :class:`tracefoundry.store.api.Writer`.

    ``retention_ns`` and ``ahead_ns`` are the window of accepted start times, for which partitions
    are kept ready.
    """

    application = "tracefoundry-ingest"
    partitioned = partitions.WINDOW_TABLES
    """The tables of which it makes partitions that are missing."""

    def __init__(
        self,
        url: str,
        *,
        retention_ns: int,
        ahead_ns: int,
        rows: tuple[SpanRow, LogRow] | None = None,
    ) -> None:
        super().__init__(*(rows or (span_row, log_row)))
        self._url = url
        self._retention_ns = retention_ns
        self._ahead_ns = ahead_ns
        self._connection: psycopg.Connection | None = None
        self.resends = ResendMemory()

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        with self._errors():
            rows = self._connected().execute(
                statements.STORED_PAYLOADS,
                {"project": project_id, "day": day, "refs": list(refs)},
                binary=True,
            )
            return {row[0]: row[1] for row in rows}

    def projects(self) -> dict[str, ProjectRecord]:
        with self._errors():
            projects = [ProjectRecord(*row) for row in self._connected().execute(PROJECTS)]
            return {project.name: project for project in projects}

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        with self._errors():
            rows = self._connected().execute(statements.USAGE, (day,), binary=True)
            return {
                project: ProjectUsage(int(spans), int(content_bytes))
                for project, spans, content_bytes in rows
            }

    def maintain(self, now_ns: int) -> None:
        days = partitions.window_days(now_ns, self._retention_ns, self._ahead_ns)
        with self._errors():
            connection = self._connected()
            partitions.ensure(connection, days)
            connection.execute(statements.PURGE_TOMBSTONES, (now_ns,))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run work in a durable transaction; see :meth:`Backend.run`."""
        for attempt in range(1, ATTEMPTS + 1):
            with self._errors():
                try:
                    connection = self._connected()
                    with connection.transaction():
                        return work(self._transaction(connection))
                except psycopg.Error as error:
                    if attempt < ATTEMPTS and errors.is_missing_partition(error):
                        partitions.ensure(self._connected(), days(), self.partitioned)
                    elif attempt < ATTEMPTS and errors.gave_way(error):
                        time.sleep(0.01 * attempt)
                    else:
                        raise
        raise AssertionError("the last attempt returns or raises")

    def _transaction(self, connection: psycopg.Connection) -> PostgresTransaction:
        return PostgresTransaction(connection, self.resends)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn driver errors into the store's. Spans must not be lost to a defect of ours, so
        whatever is not a refused row may be tried again."""
        try:
            yield
        except psycopg.Error as error:
            reason = errors.reason_of(error)
            if errors.refuses_row(error):
                raise RowRefused(reason) from error
            # A connection in doubt is given up: after a failover the old one may be read-only.
            self.close()
            raise (
                errors.unavailable(error) or StoreUnavailable(f"PostgreSQL: {reason}")
            ) from error

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect_postgres(
                self._url,
                application=self.application,
                statement_ms=STATEMENT_TIMEOUT_MS,
                lock_ms=LOCK_TIMEOUT_MS,
                writes=True,
                writes_spans=True,
            )
        return self._connection
