"""One run of retention at a time, and the connection that drops partitions.

On PostgreSQL the run holds a session's advisory lock, which is gone with its connection; on SQLite
it holds the lock of a file beside the database. Both end with the process, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from tracefoundry.store.contract import StoreUnavailable
from tracefoundry.store.sql.engine import make_engine
from tracefoundry.store.sql.errors import reason_of as first_line

RUN_LOCK = 0x7F0D_DA76
"""Key of the PostgreSQL advisory lock that one run of retention holds."""

CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 2_000
"""Longest wait for a lock that writers or readers hold: they must not queue up behind us."""
STATEMENT_TIMEOUT_MS = 120_000


class AnotherRun(StoreUnavailable):
    """Another run of retention holds the lock."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a run works with.

    Attributes:
        engine: for rows, on both databases.
        connection: PostgreSQL's, in autocommit mode, for what cannot run in a transaction; None on
            SQLite.
    """

    engine: sa.Engine
    connection: psycopg.Connection | None


@contextmanager
def open_session(url: str, *, exclusive: bool) -> Iterator[Session]:
    """Connect, and with ``exclusive`` keep other runs out until the end.

    Raises:
        AnotherRun: another run is at work.
        StoreMisconfigured: the URL can never work.
        StoreUnavailable: the database cannot be reached.
    """
    engine = make_engine(url, pool_size=2)
    try:
        if engine.dialect.name == "postgresql":
            with _postgres(url, exclusive) as connection:
                yield Session(engine, connection)
        elif exclusive:
            with _file_lock(url):
                yield Session(engine, None)
        else:
            yield Session(engine, None)
    finally:
        engine.dispose()


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn errors of PostgreSQL's own driver into the store's."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL: {first_line(error)}") from error


@contextmanager
def _postgres(url: str, exclusive: bool) -> Iterator[psycopg.Connection]:
    with driver_errors():
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="tracefoundry-retention",
        )
    try:
        with driver_errors():
            connection.execute(
                "SELECT set_config('lock_timeout', %s, false),"
                " set_config('statement_timeout', %s, false)",
                (str(LOCK_TIMEOUT_MS), str(STATEMENT_TIMEOUT_MS)),
            )
            if exclusive:
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)).fetchone()
                if row is None or not row[0]:
                    raise AnotherRun("another run of retention is at work")
        yield connection
    finally:
        connection.close()


@contextmanager
def _file_lock(url: str) -> Iterator[None]:
    import fcntl

    from tracefoundry.store.sql.urls import sqlite_path as database_path

    path = database_path(url)
    if not path.exists():
        raise StoreUnavailable(
            f"the SQLite file {str(path)!r} does not exist: run `tracefoundry migrate`"
        )
    with path.with_name(path.name + ".retention.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AnotherRun("another run of retention is at work") from error
        yield
