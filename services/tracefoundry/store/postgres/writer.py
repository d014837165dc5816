"""The PostgreSQL span writer: one connection, one transaction a commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg

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
from tracefoundry.store.postgres import partitions, statements
from tracefoundry.store.postgres.errors import (
    first_line,
    is_missing_partition,
    is_retryable,
    store_error,
)
from tracefoundry.store.postgres.rows import log_row, span_row
from tracefoundry.store.postgres.transaction import PostgresTransaction, ResendMemory
from tracefoundry.store.preparation import Preparation
from tracefoundry.store.recompute import (
    LARGE_TRACE_PAUSE_NS,
    LARGEST_RECOMPUTE_SPANS,
    settle,
)
from tracefoundry.store.transaction import ExistingTrace, RowRefused, Transaction

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000
ATTEMPTS = 5
"""Tries of one commit: after a deadlock, or after making a missing partition."""

_Result = TypeVar("_Result")


class PostgresWriter:
    """See :class:`tracefoundry.store.contract.SpanWriter`.

    ``retention_ns`` and ``ahead_ns`` are the window of accepted start times, for which partitions
    are kept ready.
    """

    def __init__(self, url: str, *, retention_ns: int, ahead_ns: int) -> None:
        self._url = url
        self._retention_ns = retention_ns
        self._ahead_ns = ahead_ns
        self._connection: psycopg.Connection | None = None
        self._memory = ResendMemory()
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
            rows = self._connected().execute(
                statements.STORED_PAYLOADS,
                {"project": project_id, "day": day, "refs": list(refs)},
                binary=True,
            )
            return {row[0]: row[1] for row in rows}

    def projects(self) -> dict[str, ProjectRecord]:
        with self._errors():
            rows = self._connected().execute(statements.PROJECTS).fetchall()
            return {row[1]: ProjectRecord(*row) for row in rows}

    def maintain(self, now_ns: int) -> None:
        days = partitions.window_days(now_ns, self._retention_ns, self._ahead_ns)
        with self._errors():
            connection = self._connected()
            partitions.ensure(connection, days)
            connection.execute(statements.PURGE_TOMBSTONES, (now_ns,))

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        def work(tx: Transaction) -> int:
            rows = (
                self._connected()
                .execute(
                    statements.PENDING,
                    (now_ns - LARGE_TRACE_PAUSE_NS, LARGEST_RECOMPUTE_SPANS),
                    binary=True,
                )
                .fetchall()
            )
            pending = {(row[0], row[1]): ExistingTrace(*row[2:]) for row in rows}
            return settle(tx, pending, now_ns)

        return self.run(work, set)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run work in a durable transaction; see :meth:`tracefoundry.store.commit.Backend.run`."""
        for attempt in range(1, ATTEMPTS + 1):
            with self._errors():
                try:
                    connection = self._connected()
                    with connection.transaction():
                        return work(PostgresTransaction(connection, self._memory))
                except psycopg.Error as error:
                    if attempt < ATTEMPTS and is_missing_partition(error):
                        partitions.ensure(self._connected(), days())
                    elif attempt < ATTEMPTS and is_retryable(error):
                        time.sleep(0.01 * attempt)
                    else:
                        raise
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn driver errors into the store's; a connection in doubt is given up."""
        try:
            yield
        except psycopg.Error as error:
            mapped = store_error(error)
            if not isinstance(mapped, RowRefused):
                # After a failover the old connection may be read-only for ever: ask anew.
                self.close()
            raise mapped from error

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            try:
                connection = psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    application_name="tracefoundry-ingest",
                )
            except psycopg.Error as error:
                raise StoreUnavailable(f"PostgreSQL: {first_line(error)}") from error
            connection.execute(
                "SELECT set_config('statement_timeout', %s, false),"
                " set_config('lock_timeout', %s, false),"
                " set_config('idle_in_transaction_session_timeout', %s, false)",
                (str(STATEMENT_TIMEOUT_MS), str(LOCK_TIMEOUT_MS), str(STATEMENT_TIMEOUT_MS)),
            )
            self._make_durable(connection)
            self._connection = connection
        return self._connection

    @staticmethod
    def _make_durable(connection: psycopg.Connection) -> None:
        """200 means durable: a server default of ``synchronous_commit = off`` is overruled."""
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        # Arrays of keys are joined to much larger tables; without these the planner's default
        # estimate of an array's length makes it read whole partitions.
        connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off")
