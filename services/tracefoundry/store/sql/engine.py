"""The SQLAlchemy engine, through which both databases are read and deleted from.

It bounds everything that could wait (connecting, a statement, a lock, a free connection), opens
its two kinds of transaction (:func:`reading` sees one snapshot and cannot write, :func:`writing`
can), and turns what drivers raise into the store's own errors.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from tracefoundry.store.api import StoreUnavailable, UnsuitableDatabase
from tracefoundry.store.sql import errors
from tracefoundry.store.sql.sessions import READ_ONLY, connect_postgres, connect_sqlite
from tracefoundry.store.sql.urls import check_postgres_url, is_sqlite, shown_url, sqlite_path
from tracefoundry.store.sqlite.disk_reserve import DiskReserve

if TYPE_CHECKING:
    import psycopg

__all__ = ["make_engine", "reading", "shown_url", "store_errors", "write_again", "writing"]

POOL_SIZE = 8
"""Most connections of one engine."""
POOL_WAIT_SECONDS = 10
"""Longest wait for a free connection before :class:`StoreUnavailable`."""
STATEMENT_TIMEOUT_MS = 30_000
"""Longest statement; on SQLite the longest read transaction."""
LOCK_TIMEOUT_MS = 5_000
"""Longest wait for a lock: ``lock_timeout`` on PostgreSQL, ``busy_timeout`` on SQLite."""

Result = TypeVar("Result")

_ALL_BUSY = "all database connections are busy; try again"
_MODE = "tracefoundry_mode"
"""Execution option of a transaction: ``read``, ``write`` or absent (plain SQLAlchemy)."""
_DEADLINE = "tracefoundry_deadline"
"""When a SQLite read must end (monotonic seconds), in a connection's info."""
_STEPS_BETWEEN_LOOKS = 20_000
_LOCK_POLL_SECONDS = 0.002


def make_engine(
    database_url: str,
    *,
    create: bool = False,
    pool_size: int = POOL_SIZE,
    application: str = "tracefoundry",
    writes: bool = False,
) -> sa.Engine:
    """An engine for ``postgresql://`` (psycopg 3) or ``sqlite:///PATH``. Connects to nothing yet.

    ``create`` lets SQLite make the file; without it a missing file is an error at the first use,
    so that a wrong path never leaves an empty database behind. ``application`` is the name that
    PostgreSQL shows for its connections. With ``writes`` a PostgreSQL server that takes no writes
    is an error at the first use.

    Raises:
        StoreMisconfigured: the URL can never work. The message shows it without its password.
    """
    if is_sqlite(database_url):
        return _sqlite_engine(sqlite_path(database_url), create, pool_size)
    check_postgres_url(database_url)
    return _postgres_engine(database_url, pool_size, application, writes)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read-only transaction that sees one snapshot of the database.

    Raises:
        StoreUnavailable: the database cannot answer now, or its schema is not there yet.
    """
    options: dict[str, Any] = {_MODE: "read"}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with store_errors(), engine.connect() as connection:
        connection = connection.execution_options(**options)
        with connection.begin():
            yield connection


def check_writable(connection: sa.Connection) -> None:
    """Make sure that the server of a connection takes writes. A SQLite file is not asked.

    Raises:
        UnsuitableDatabase: it is a replica, or set to be read only.
    """
    if connection.dialect.name == "postgresql":
        read_only = sa.text(
            "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"
        )
        if connection.execute(read_only).scalar_one():
            raise UnsuitableDatabase(READ_ONLY)


def extend_deadline(connection: sa.Connection) -> None:
    """Let a read that goes on in steps have the time of one statement for its next step.

    PostgreSQL limits each statement; on SQLite the limit is one of the whole transaction.
    """
    if _DEADLINE in connection.info:
        connection.info[_DEADLINE] = time.monotonic() + STATEMENT_TIMEOUT_MS / 1000


@contextmanager
def writing(
    engine: sa.Engine,
    statement_timeout_ms: int = 300_000,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> Iterator[sa.Connection]:
    """A read-write transaction, READ COMMITTED on PostgreSQL and IMMEDIATE on SQLite.

    The limits are PostgreSQL's; 0 is none.

    Raises:
        StoreUnavailable: the database cannot answer now, or a lock did not come free in time.
    """
    with store_errors(), engine.connect() as connection:
        connection = connection.execution_options(**{_MODE: "write"})
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(
                    f"SET LOCAL statement_timeout = {int(statement_timeout_ms)}"
                )
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(lock_timeout_ms)}")
            yield connection


def write_again(
    engine: sa.Engine, work: Callable[[sa.Connection], Result], attempts: int = 3
) -> Result:
    """Work in a write transaction of its own, again where the database gave way to another one.

    Raises:
        StoreUnavailable: nothing was changed; trying again may help.
    """
    for attempt in range(1, attempts + 1):
        try:
            with writing(engine) as connection:
                return work(connection)
        except StoreUnavailable as error:
            cause = getattr(error.__cause__, "orig", None)
            if attempt == attempts or cause is None or not errors.gave_way(cause):
                raise
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise for passing trouble into the store's errors.

    Everything else (a statement that is wrong, a value that does not fit) passes through: it is
    a defect, and "try again" would hide it.
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable(_ALL_BUSY, public=_ALL_BUSY) from error
    except sa.exc.DBAPIError as error:
        cause = error.orig or error
        meaning = errors.unavailable(cause)
        if meaning is None and error.connection_invalidated:
            meaning = StoreUnavailable(f"the database cannot answer now: {errors.reason_of(cause)}")
        if meaning is None:
            raise
        raise meaning from error


def _postgres_engine(
    database_url: str, pool_size: int, application: str, writes: bool
) -> sa.Engine:
    def connect() -> psycopg.Connection:
        connection = connect_postgres(
            database_url,
            application=application,
            statement_ms=STATEMENT_TIMEOUT_MS,
            writes=writes,
        )
        connection.autocommit = False  # SQLAlchemy begins and ends transactions
        return connection

    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
    )

    @sa.event.listens_for(engine, "handle_error")
    def _drop_replicas(context: sa.ExceptionContext) -> None:
        # After a failover a pooled connection is to a server that takes no writes any more.
        if errors.takes_no_writes(context.original_exception):
            context.is_disconnect = True

    return engine


def _sqlite_engine(path: Path, create: bool, pool_size: int) -> sa.Engine:
    reserve = DiskReserve(path)

    def connect() -> sqlite3.Connection:
        return connect_sqlite(path, busy_s=LOCK_TIMEOUT_MS / 1000, create=create)

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
    )

    @sa.event.listens_for(engine, "connect")
    def _bound_statements(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info[_DEADLINE] = math.inf
        # SQLite has no statement timeout; it asks this from time to time whether to go on.
        native: Any = connection
        native.set_progress_handler(
            lambda: time.monotonic() > entry.info[_DEADLINE], _STEPS_BETWEEN_LOOKS
        )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get(_MODE)
        bounded = mode == "read"
        connection.info[_DEADLINE] = (
            time.monotonic() + STATEMENT_TIMEOUT_MS / 1000 if bounded else math.inf
        )
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if mode == 'read' else 'OFF'}")
        if mode == "write":
            reserve.give_up_if_needed()
            _begin_immediate(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_immediate(connection: sa.Connection) -> None:
    """Take SQLite's one write lock, within LOCK_TIMEOUT_MS.

    SQLite's own waiting sleeps up to 100 ms between two looks. Beside a busy spans' writer, which
    gives the lock up for a moment only, it could miss every one of them; so we look more often.
    """
    native: Any = connection.connection.driver_connection
    deadline = time.monotonic() + LOCK_TIMEOUT_MS / 1000
    native.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < deadline:
            try:
                native.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                return
        # The last try goes through SQLAlchemy, whose errors have a meaning to us.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        native.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
