"""Dropping day partitions: they are found, detached beside readers and writers, and dropped.

``DETACH PARTITION ... CONCURRENTLY`` takes no lock that readers or writers would wait for, but it
works in two transactions, waits for everyone who still sees the partition, and can be interrupted
between them. Then the partition is pending: out of every new query, and in the way of the next
detach until ``FINALIZE``. So a drop is tried a few times with a short ``lock_timeout`` and goes on
from where the last one stopped, in this run or in the next.

A partition is commented before it is detached. A crash may leave it as an ordinary table, and the
comment tells it from a table that somebody detached for another purpose.

Everything here raises :class:`StoreUnavailable` when the database cannot answer now.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors, sql

from tracefoundry.model.times import day_of_date
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.deletion_records import (
    DayPartition,
    DayTable,
)
from tracefoundry.store.postgres.partitions import ADVISORY_LOCK
from tracefoundry.store.sql.errors import reason_of

TRIES = 5
PAUSE_S = 0.5
"""Between two tries, so that writers who wait for the lock on partitions get it."""
COUNTED_BYTES = 32 * 1024 * 1024
"""The rows of partitions up to this size are counted, those of larger ones estimated."""

DROPPING = "tracefoundry retention drops this table"

_PASSING = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.ObjectNotInPrerequisiteState,
)
"""Somebody holds it, or another partition of the table has a detach pending."""


_ATTACHED = """
SELECT p.relname, c.relname, i.inhdetachpending, pg_relation_size(c.oid),
       pg_total_relation_size(c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = ANY(%s) AND p.relnamespace = current_schema()::regnamespace
  AND c.relnamespace = p.relnamespace
ORDER BY c.relname
"""
_LEFT_BEHIND = """
SELECT c.relname FROM pg_class c
WHERE c.relkind = 'r' AND NOT c.relispartition
  AND c.relnamespace = current_schema()::regnamespace
  AND obj_description(c.oid, 'pg_class') = %s
ORDER BY c.relname
"""
_STATE = """
SELECT p.relname, i.inhdetachpending
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relname = %s AND c.relnamespace = current_schema()::regnamespace
"""


_ESTIMATE = """
SELECT c.reltuples, i.inhdetachpending
FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relname = %s AND c.relnamespace = current_schema()::regnamespace
"""


def attached(
    connection: psycopg.Connection, tables: Sequence[DayTable]
) -> list[tuple[DayPartition, bool]]:
    """All day partitions of these tables by day, and whether a detach of each was interrupted.
    Tables of other names are somebody else's."""
    found = []
    with driver_errors():
        for row in connection.execute(_ATTACHED, (list(tables),)).fetchall():
            table, name, pending, heap_bytes, total_bytes = row
            day = _day_in(name, table)
            if day is not None:
                partition = DayPartition(table, name, day, bool(heap_bytes), total_bytes or 0)
                found.append((partition, pending))
    return sorted(found, key=lambda one: (one[0].day, one[0].table))


def rows_of(connection: psycopg.Connection, partition: DayPartition) -> int | None:
    """How many rows a partition has: counted where it is small, else the database's estimate, None
    where there is none or somebody holds the partition."""
    with driver_errors():
        row = connection.execute(_ESTIMATE, (partition.name,)).fetchone()
        if row is None:
            return None
        estimate, pending = row
        if partition.total_bytes > COUNTED_BYTES or pending:
            return int(estimate) if estimate >= 0 else None
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(partition.name))
        try:
            counted = connection.execute(statement).fetchone()
        except (errors.LockNotAvailable, errors.UndefinedTable):
            return None
    return None if counted is None else int(counted[0])


def left_behind(connection: psycopg.Connection) -> list[str]:
    """Names of tables that an earlier run detached and did not come to drop."""
    with driver_errors():
        return [row[0] for row in connection.execute(_LEFT_BEHIND, (DROPPING,))]


def finish(connection: psycopg.Connection, name: str) -> bool:
    """Finish the interrupted detach of a partition, keeping it as a table; False if it is in
    use."""
    return _try(connection, lambda: _detach(connection, name))


def drop(connection: psycopg.Connection, name: str) -> bool:
    """Detach a partition and drop it, from wherever an earlier try has left it; False when readers
    or writers held it at every try."""

    def work() -> None:
        _detach(connection, name)
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

    return _try(connection, work)


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn errors of PostgreSQL's driver into the store's."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL: {reason_of(error)}") from error


def _try(connection: psycopg.Connection, work: Callable[[], None]) -> bool:
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S)
        with driver_errors():
            try:
                with _nobody_makes_partitions(connection):
                    work()
            except _PASSING:
                continue
            return True
    return False


@contextmanager
def _nobody_makes_partitions(connection: psycopg.Connection) -> Iterator[None]:
    """A writer that needs this day again waits, and finds it gone, not half gone."""
    connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (ADVISORY_LOCK,))


def _detach(connection: psycopg.Connection, name: str) -> None:
    """Detach what is attached, or finish what is pending."""
    state = connection.execute(_STATE, (name,)).fetchone()
    if state is None or state[0] is None:
        return
    table, pending = state
    how = "FINALIZE" if pending else "CONCURRENTLY"
    if not pending:
        connection.execute(
            sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(name), sql.Literal(DROPPING))
        )
    connection.execute(
        sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(
            sql.Identifier(table), sql.Identifier(name), sql.SQL(how)
        )
    )


def _day_in(name: str, table: str) -> int | None:
    match = re.fullmatch(rf"{re.escape(table)}_(\d{{4}})(\d{{2}})(\d{{2}})", name)
    if match is None:
        return None
    try:
        return day_of_date(datetime.date(int(match[1]), int(match[2]), int(match[3])))
    except ValueError:
        return None
