"""How sessions with the databases are opened: every setting of every session is made here.

=================  ===========================  ============================  ===================
role               PostgreSQL: longest          PostgreSQL: besides           SQLite: besides
                   statement, wait for a lock
=================  ===========================  ============================  ===================
span writer        60 s, 20 s                   plans for few keys            large log and cache
reading, deletion  30 s; each writing           no prepared statements
                   transaction sets its own
dropping of days   120 s, 2 s                   no prepared statements
migration          none                         no prepared statements        makes the file
=================  ===========================  ============================  ===================

Connecting is bounded for all of them. On PostgreSQL a server, a database, a role and the options of
a URL can each change what statements mean; what ours rely on is set in every session
(:data:`_PINNED`), and what cannot be set is checked (:func:`_check_server`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tracefoundry.store.api import SchemaNotReady, UnsuitableDatabase
from tracefoundry.store.sqlite.disk_reserve import DiskReserve

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 5
OLDEST_POSTGRES = 15
"""The oldest major version that has all that the statements use."""
_TRANSACTION_TIMEOUT_SINCE = 17

_PAGE_BYTES = 4_096
_LOG_PAGES = 1_000
"""Pages of write-ahead log before a checkpoint."""
_WRITER_LOG_PAGES = 8_000
"""The same of the spans' writer: fewer checkpoints under load."""
_CACHE_KIB = 32_768
READ_ONLY = (
    "the database is read-only (a replica, or default_transaction_read_only is on): this process"
    " writes and needs the primary server"
)
_WRITER_SETTINGS = {
    "idle_in_transaction_session_timeout": "60000",
    # Arrays of keys are joined to much larger tables; without these the planner's default estimate
    # of an array's length makes it read whole partitions.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_PINNED = {
    # How literals and values are read and written as text.
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    # An error where a policy would hide rows from us: a deletion must not miss any.
    "row_security": "off",
    # What a search finds is complete, and plans look only at the days asked for.
    "gin_fuzzy_search_limit": "0",
    "enable_partition_pruning": "on",
    # Transactions; those that need another level ask for it.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # Connections are kept open, and a migration may take long.
    "idle_session_timeout": "0",
}
"""What statements rely on. ``search_path`` is not among it: it chooses the schema of our tables,
and may be set for the role or in the URL. Nor is ``default_transaction_read_only``: somebody has
turned it on for a reason, so a process that writes refuses it."""
_SERVER = """
SELECT current_setting('server_encoding'), current_setting('server_version_num')::int,
    current_schema() IS NOT NULL,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
"""What a server is, and durable commits: 200 and a receipt mean durable, whatever the server's
default. Stronger settings of the server stay."""


def connect_postgres(
    url: str,
    *,
    application: str,
    statement_ms: int,
    lock_ms: int = 0,
    writes: bool = False,
    writes_spans: bool = False,
) -> psycopg.Connection:
    """A connection to PostgreSQL in autocommit mode, set as by :func:`set_postgres`.

    Raises:
        UnsuitableDatabase: the server can be reached and cannot serve us.
        psycopg.Error: the server cannot be reached or refuses us.
    """
    import psycopg

    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        client_encoding="UTF8",  # else the driver may not know the one that the database sets
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
            writes=writes,
            writes_spans=writes_spans,
        )
    except (psycopg.Error, UnsuitableDatabase):
        connection.close()
        raise
    return connection


def set_postgres(
    connection: psycopg.Connection,
    *,
    application: str,
    statement_ms: int,
    lock_ms: int = 0,
    writes: bool = False,
    writes_spans: bool = False,
) -> None:
    """Set what holds for a PostgreSQL session until it ends or is set again.

    Args:
        connection: in autocommit mode.
        application: the name that the server shows for it.
        statement_ms: the longest statement; 0 is no limit.
        lock_ms: the longest wait for a lock; 0 is no limit but that of the statement.
        writes: the session is of no use where nothing can be written.
        writes_spans: settings of the span writer.

    Raises:
        UnsuitableDatabase: the server cannot serve us.
        psycopg.Error: the server cannot be reached or refuses us.
    """
    version = connection.info.server_version // 10_000
    # The server says both at connecting. A statement may not even be readable for it, or for us.
    _check_server(connection.info.parameter_status("server_encoding") or "UTF8", version)
    settings = _PINNED | {
        "application_name": application,
        "statement_timeout": str(statement_ms),
        "lock_timeout": str(lock_ms),
    }
    if version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = "0"
    if writes_spans:
        settings |= _WRITER_SETTINGS
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.execute(
        f"SELECT {calls}",
        [text for setting in settings.items() for text in setting],
    )
    row = connection.execute(_SERVER).fetchone()
    if row is None:
        raise UnsuitableDatabase("the database server answered nothing: is it PostgreSQL?")
    encoding, version_number, has_schema, read_only, _ = row
    _check_server(encoding, version_number // 10_000)  # a connection pooler may have said it before
    if not has_schema:
        raise UnsuitableDatabase(
            "no schema of the database's search_path exists: create one, or set the search_path of"
            " the role or in the database URL"
        )
    if read_only and writes:
        raise UnsuitableDatabase(READ_ONLY)


def _check_server(encoding: str, version: int) -> None:
    """Refuse a PostgreSQL server on which nothing could ever be stored rightly.

    Raises:
        UnsuitableDatabase: it is too old, or its database cannot hold every text.
    """
    if version < OLDEST_POSTGRES:
        raise UnsuitableDatabase(
            f"the database server is PostgreSQL {version}: version {OLDEST_POSTGRES} or newer is"
            " needed"
        )
    if encoding != "UTF8":
        raise UnsuitableDatabase(
            f"the database has the encoding {encoding}: UTF8 is needed (CREATE DATABASE ..."
            " ENCODING 'UTF8' TEMPLATE template0)"
        )


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
        SchemaNotReady: there is no such file.
        sqlite3.Error: it cannot be opened.
    """
    if not create and not path.exists():
        raise SchemaNotReady(
            f"the SQLite file {str(path)!r} does not exist: run `tracefoundry migrate`"
        )
    reserve = DiskReserve(path)
    # Opening a file needs room for the index of its log.
    reserve.give_up_if_needed()
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=busy_s,
        check_same_thread=False,
        isolation_level=None,  # transactions are begun by us, not guessed by the driver
    )
    # auto_vacuum takes effect on an empty file only, and must come before the journal mode.
    settings = ["auto_vacuum = INCREMENTAL"] if create else []
    # Deleted text is overwritten, whatever the default of this build of SQLite. For the span writer
    # too: a page that it splits keeps copies of rows that moved to the other half.
    settings += ["journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"]
    # Moving the log into the file must not need more room than the reserve, nor the last commit,
    # which is added to a log of this size.
    pages = _WRITER_LOG_PAGES if writes_spans else _LOG_PAGES
    pages = max(1, min(pages, reserve.size_bytes // 2 // _PAGE_BYTES))
    settings.append(f"wal_autocheckpoint = {pages}")
    if writes_spans:
        settings.append(f"cache_size = -{_CACHE_KIB}")
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
