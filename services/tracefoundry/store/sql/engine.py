"""Connections for reading and deleting, and the one place where driver errors get a meaning.

The reader works through SQLAlchemy on both databases. This module makes its engine with bounds on
everything that could wait (connecting, a statement, a lock, a free connection), opens its two
kinds of transaction (:func:`reading` sees one snapshot and cannot write, :func:`writing` can), and
turns what drivers raise into the store's own errors.
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from tracefoundry.store.contract import StoreError, StoreMisconfigured, StoreUnavailable
from tracefoundry.store.postgres.url import check_url

POOL_SIZE = 8
"""Most connections of one engine."""
POOL_WAIT_SECONDS = 10
"""Longest wait for a free connection before :class:`StoreUnavailable`."""
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 30_000
"""Longest statement; on SQLite the longest read transaction."""
LOCK_TIMEOUT_MS = 5_000
"""Longest wait for a lock: ``lock_timeout`` on PostgreSQL, ``busy_timeout`` on SQLite."""

Result = TypeVar("Result")

ACCEPTED_URLS = "postgresql://USER:PASSWORD@HOST:5432/DATABASE or sqlite:///PATH"

_MODE = "tracefoundry_mode"
"""Execution option of a transaction: ``read``, ``write`` or absent (plain SQLAlchemy)."""
_DEADLINE = "tracefoundry_deadline"
"""When a SQLite read must end (monotonic seconds), in a connection's info."""
_STEPS_BETWEEN_LOOKS = 20_000
_LOCK_POLL_SECONDS = 0.002
_GAVE_WAY = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialisation failure and of a deadlock."""
_READ_ONLY = "25006"
"""SQLSTATE of a write on a server, or in a transaction, that takes none."""
_MISSING_SCHEMA = frozenset({"42P01", "42703", "3F000"})
"""SQLSTATE of a table, a column and a schema that is not there."""


def make_engine(
    database_url: str, *, create: bool = False, pool_size: int = POOL_SIZE
) -> sa.Engine:
    """An engine for ``postgresql://`` (psycopg 3) or ``sqlite:///PATH``. Connects to nothing yet.

    ``create`` lets SQLite make the file; without it a missing file is an error at the first use,
    so that a wrong path never leaves an empty database behind.

    Raises:
        StoreMisconfigured: the URL can never work. The message shows it without its password.
    """
    scheme = database_url.partition("://")[0]
    if scheme == "sqlite":
        return _sqlite_engine(_sqlite_path(database_url), create, pool_size)
    if scheme not in ("postgresql", "postgres"):
        raise StoreMisconfigured(
            f"database URL {shown_url(database_url)!r} is of an unknown kind; use {ACCEPTED_URLS}"
        )
    check_url(database_url)
    return _postgres_engine(database_url, pool_size)


def shown_url(database_url: str) -> str:
    """A database URL for messages and logs: no password, no query."""
    plain = database_url.split("?", 1)[0]
    scheme, separator, rest = plain.partition("://")
    if not separator:
        return plain.rpartition("@")[2][:40]
    credentials, at, place = rest.rpartition("@")
    user = re.split("[:/]", credentials, maxsplit=1)[0]
    password = ":***" if ":" in credentials else ""
    return f"{scheme}://{user}{password}{at}{place}"


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


def extend_deadline(connection: sa.Connection) -> None:
    """Let a read that goes on in steps have the time of one statement for its next step.

    PostgreSQL limits each statement; on SQLite the limit is one of the whole transaction.
    """
    if _DEADLINE in connection.info:
        connection.info[_DEADLINE] = time.monotonic() + STATEMENT_TIMEOUT_MS / 1000


@contextmanager
def writing(engine: sa.Engine, statement_timeout_ms: int = 300_000) -> Iterator[sa.Connection]:
    """A read-write transaction, READ COMMITTED on PostgreSQL and IMMEDIATE on SQLite.

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
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
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
            code = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)
            if attempt == attempts or code not in _GAVE_WAY:
                raise
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise for passing trouble into the store's errors.

    Everything else (a statement that is wrong, a value that does not fit) passes through: it is
    a defect, and hiding it as "try again" would hide it for ever.
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable("all database connections are busy; try again") from error
    except sa.exc.DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: sa.exc.DBAPIError) -> StoreError | None:
    """The store's error for a driver's one; None for defects. Never shows statement or values."""
    lines = str(error.orig).strip().splitlines()
    reason = lines[0] if lines else type(error.orig).__name__
    code = getattr(error.orig, "sqlstate", None)
    if code in _MISSING_SCHEMA or reason.startswith(("no such table", "no such column")):
        return StoreUnavailable(
            f"the database lacks our schema ({reason}); run tracefoundry migrate"
        )
    passing = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
    if isinstance(error, passing) or error.connection_invalidated:
        return StoreUnavailable(f"the database cannot answer now: {reason}")
    if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in reason:
        return StoreUnavailable(f"the database file cannot be read: {reason}")
    return None


def _sqlite_path(database_url: str) -> Path:
    try:
        url = sa.engine.make_url(database_url)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or url.host or not url.database or url.database == ":memory:" or url.query:
        raise StoreMisconfigured(
            f"database URL {shown_url(database_url)!r} names no file; use sqlite:///PATH (four "
            "slashes for an absolute path)"
        )
    return Path(url.database).absolute()


def _postgres_engine(database_url: str, pool_size: int) -> sa.Engine:
    def connect() -> psycopg.Connection:
        # The URL as it is, as the writers use it: libpq takes several hosts and options that
        # SQLAlchemy's own parser does not know.
        return psycopg.connect(
            database_url,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="tracefoundry",
            # Plans must be made for the actual time bounds: they decide which partitions and
            # which index are read. It also keeps connection poolers happy.
            prepare_threshold=None,
        )

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
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
            context.is_disconnect = True

    @sa.event.listens_for(engine, "connect")
    def _bound_statements(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.close()
        connection.commit()

    return engine


def _sqlite_engine(path: Path, create: bool, pool_size: int) -> sa.Engine:
    target = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            target,
            uri=True,
            timeout=LOCK_TIMEOUT_MS / 1000,
            check_same_thread=False,
            isolation_level=None,  # transactions are begun below, not guessed by the driver
        )
        try:
            if create:  # takes effect on an empty file only
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

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
