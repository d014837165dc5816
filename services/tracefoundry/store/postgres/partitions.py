"""Day partitions of spans, logs and payload tables, made ahead by every writer.

A partition is created as an ordinary table and then attached: ``CREATE TABLE ... PARTITION OF``
would lock the parent against all readers and writers, ``ATTACH`` does not. An advisory lock keeps
two writers from making the same one. Retention, which drops partitions, does not depend on this.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from tracefoundry.model.times import date_of, day_of
from tracefoundry.store.sql.columns import TABLES

PARTITIONED: dict[str, int] = {
    table.name: table.day_length for table in TABLES if table.partition_by is not None
}
"""Partitioned tables and how long a day is in the unit of their range: ns or days."""

IMPORT_TABLES = ("imported_spans", "imported_span_logs")
"""Tables that only imports write, for the day of the import."""
WINDOW_TABLES = tuple(table for table in PARTITIONED if table not in IMPORT_TABLES)
"""Tables that need a partition for every day of the window of accepted start times."""

ADVISORY_LOCK = 0x7F0D_DA75
"""Key of the advisory lock under which partitions are made and dropped."""

FUNCTION = "tracefoundry_make_partition"
"""A function of the database that makes a partition of a table, for roles that do not own the
table (:mod:`tracefoundry.store.postgres.privileges`)."""


def partition_name(table: str, day: int) -> str:
    """``spans_20261121`` for a day since the epoch."""
    return f"{table}_{date_of(day):%Y%m%d}"


def window_days(now_ns: int, retention_ns: int, ahead_ns: int) -> range:
    """Days that spans of the accepted window fall on, with one more ahead for midnight."""
    return range(day_of(now_ns - retention_ns), day_of(now_ns + ahead_ns) + 2)


def ensure(
    connection: psycopg.Connection, days: Iterable[int], tables: Iterable[str] = WINDOW_TABLES
) -> list[str]:
    """Create and attach the partitions that are missing of some tables for these days; returns
    their names.

    Runs in transactions of its own, one per table and day, so that an interruption leaves whole
    partitions only.
    """
    made = []
    wanted = [(table, day, partition_name(table, day)) for table in tables for day in sorted(days)]
    with connection.transaction():
        rows = connection.execute(
            "SELECT c.relname FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
            " WHERE p.relname = ANY(%s) AND p.relnamespace = current_schema()::regnamespace"
            " AND NOT i.inhdetachpending",
            (list(PARTITIONED),),
        ).fetchall()
    attached = {row[0] for row in rows}
    missing = [one for one in wanted if one[2] not in attached]
    make = _make if not missing or _owns_tables(connection) else _ask_for
    for table, day, name in missing:
        if make(connection, table, day, name):
            made.append(name)
    return made


def _owns_tables(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c"
        " WHERE c.relname = %s AND c.relnamespace = current_schema()::regnamespace",
        (next(iter(PARTITIONED)),),
    ).fetchone()
    return row is None or bool(row[0])


def _ask_for(connection: psycopg.Connection, table: str, day: int, name: str) -> bool:
    """Have a partition made with the rights of the role that migrates."""
    row = connection.execute(f"SELECT {FUNCTION}(%s, %s)", (table, day)).fetchone()
    return bool(row and row[0])


def _make(connection: psycopg.Connection, table: str, day: int, name: str) -> bool:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        found = connection.execute(
            "SELECT i.inhdetachpending FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE c.relname = %s AND c.relnamespace = current_schema()::regnamespace",
            (name,),
        ).fetchone()
        if found and not found[0]:
            return False
        if found:
            # Retention was interrupted here; what it detached is attached again below.
            connection.execute(
                sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(
                    sql.Identifier(table), sql.Identifier(name)
                )
            )
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL)").format(
                sql.Identifier(name), sql.Identifier(table)
            )
        )
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(table),
                sql.Identifier(name),
                sql.Literal(day * PARTITIONED[table]),
                sql.Literal((day + 1) * PARTITIONED[table]),
            )
        )
    return True
