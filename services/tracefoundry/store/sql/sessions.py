"""How sessions with the databases are opened: every setting of every session is made here.

=================  ===========================  ============================  ===================
role               PostgreSQL: longest          PostgreSQL: besides           SQLite: besides
                   statement, wait for a lock
=================  ===========================  ============================  ===================
span writer        60 s, 20 s                   durable, plans for few keys   large log and cache
reading, deletion  30 s; each writing           no prepared statements
                   transaction sets its own
dropping of days   120 s, 2 s                   no prepared statements
migration          none                         no prepared statements        makes the file
=================  ===========================  ============================  ===================

Connecting is bounded for all of them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tracefoundry.store.api import StoreUnavailable

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 5

_WAL_PAGES = 8_000
"""Pages (4 KiB) of write-ahead log before a checkpoint: fewer checkpoints under load."""
_CACHE_KIB = 32_768
_WRITER_SETTINGS = {
    "idle_in_transaction_session_timeout": "60000",
    # Arrays of keys are joined to much larger tables; without these the planner's default estimate
    # of an array's length makes it read whole partitions.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
"""200 means durable, whatever the server's default; stronger settings of the server stay."""


def connect_postgres(
    url: str,
    *,
    application: str,
    statement_ms: int | None = None,
    lock_ms: int | None = None,
    writes_spans: bool = False,
) -> psycopg.Connection:
    """A connection to PostgreSQL in autocommit mode, set as by :func:`set_postgres`.

    Raises:
        psycopg.Error: the server cannot be reached or refuses us.
    """
    import psycopg

    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        # The engine's plans must be made for the actual time bounds: they decide which partitions
        # and which index are read. It also lets connection poolers be used.
        prepare_threshold=5 if writes_spans else None,
    )
    try:
        set_postgres(
            connection,
            application=application,
            statement_ms=statement_ms,
            lock_ms=lock_ms,
            writes_spans=writes_spans,
        )
    except psycopg.Error:
        connection.close()
        raise
    return connection


def set_postgres(
    connection: psycopg.Connection,
    *,
    application: str,
    statement_ms: int | None = None,
    lock_ms: int | None = None,
    writes_spans: bool = False,
) -> None:
    """Set what holds for a PostgreSQL session until it ends or is set again.

    Args:
        connection: in autocommit mode.
        application: the name that the server shows for it.
        statement_ms: the longest statement; None leaves it as it is.
        lock_ms: the longest wait for a lock; None leaves it as it is.
        writes_spans: settings of the span writer.
    """
    settings = {"application_name": application}
    if statement_ms is not None:
        settings["statement_timeout"] = str(statement_ms)
    if lock_ms is not None:
        settings["lock_timeout"] = str(lock_ms)
    if writes_spans:
        settings |= _WRITER_SETTINGS
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.execute(
        f"SELECT {calls}",
        [text for setting in settings.items() for text in setting],
    )
    if writes_spans:
        connection.execute(_DURABLE)


def connect_sqlite(
    path: Path, *, busy_s: float, create: bool = False, writes_spans: bool = False
) -> sqlite3.Connection:
    """A connection to a SQLite file, in autocommit mode and durable at every COMMIT.

    It may be handed from one thread to another, but is used by one at a time.

    Args:
        busy_s: the longest wait for the file's write lock.
        create: make the file where it is missing; else that is an error, so that a wrong path never
            leaves an empty database behind.
        writes_spans: a large write-ahead log and cache.

    Raises:
        StoreUnavailable: there is no such file.
        sqlite3.Error: it cannot be opened.
    """
    if not create and not path.exists():
        raise StoreUnavailable(
            f"the SQLite file {str(path)!r} does not exist: run `tracefoundry migrate`"
        )
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=busy_s,
        check_same_thread=False,
        isolation_level=None,  # transactions are begun by us, not guessed by the driver
    )
    # auto_vacuum takes effect on an empty file only, and must come before the journal mode.
    settings = ["auto_vacuum = INCREMENTAL"] if create else []
    settings += ["journal_mode = WAL", "synchronous = FULL"]
    if writes_spans:
        settings += [f"wal_autocheckpoint = {_WAL_PAGES}", f"cache_size = -{_CACHE_KIB}"]
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
