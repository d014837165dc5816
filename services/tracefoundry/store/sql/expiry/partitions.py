"""Day partitions on their way out: found, detached beside readers and writers, dropped.

``DETACH PARTITION ... CONCURRENTLY`` takes no lock that readers or writers would wait for, but it
works in two transactions, waits for everyone who still sees the partition, and can be interrupted
between them. Then the partition is pending: out of every new query, and in the way of the next
detach until ``FINALIZE``. So a drop is tried a few times with a short ``lock_timeout`` and goes on
from where the last one stopped, in this run or in the next.

A partition is commented before it is detached. A crash may leave it as an ordinary table, and the
comment tells it from a table that somebody detached for another purpose.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from tracefoundry.model.times import day_of_date
from tracefoundry.store.postgres.partitions import ADVISORY_LOCK
from tracefoundry.store.sql.expiry.session import driver_errors

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
       pg_total_relation_size(c.oid), c.reltuples
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = ANY(%s) AND p.relnamespace = current_schema()::regnamespace
  AND c.relnamespace = p.relnamespace
ORDER BY c.relname
"""
_LEFT_BEHIND = """
SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c
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


@dataclass(frozen=True, slots=True)
class Partition:
    """A day of a table.

    Attributes:
        table: the partitioned table.
        name: its own name.
        day: days since the epoch.
        pending: a detach was interrupted.
        filled: it has had rows since it was made.
        total_bytes: with indexes and long values.
        estimate: how many rows the database believes it has; None before it has looked.
    """

    table: str
    name: str
    day: int
    pending: bool
    filled: bool
    total_bytes: int
    estimate: int | None


def attached(connection: psycopg.Connection, tables: Sequence[str]) -> list[Partition]:
    """All day partitions of these tables by day. Tables of other names are somebody else's.

    Raises:
        StoreUnavailable: the database cannot answer now.
    """
    found = []
    with driver_errors():
        for row in connection.execute(_ATTACHED, (list(tables),)).fetchall():
            table, name, pending, heap_bytes, total_bytes, rows = row
            day = _day_in(name, table)
            if day is not None:
                estimate = int(rows) if rows >= 0 else None
                found.append(
                    Partition(
                        table, name, day, pending, bool(heap_bytes), total_bytes or 0, estimate
                    )
                )
    return sorted(found, key=lambda partition: (partition.day, partition.table))


def rows_of(connection: psycopg.Connection, partition: Partition) -> int | None:
    """How many rows a partition has: counted where it is small, else the database's estimate, None
    where there is none or somebody holds the partition.

    Raises:
        StoreUnavailable: the database cannot answer now.
    """
    if partition.total_bytes > COUNTED_BYTES or partition.pending:
        return partition.estimate
    statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(partition.name))
    with driver_errors():
        try:
            row = connection.execute(statement).fetchone()
        except (errors.LockNotAvailable, errors.UndefinedTable):
            return None
    return None if row is None else int(row[0])


def left_behind(connection: psycopg.Connection) -> list[tuple[str, int]]:
    """Names and bytes of tables that an earlier run detached and did not come to drop.

    Raises:
        StoreUnavailable: the database cannot answer now.
    """
    with driver_errors():
        return [(row[0], row[1] or 0) for row in connection.execute(_LEFT_BEHIND, (DROPPING,))]


def finish(connection: psycopg.Connection, partition: Partition) -> bool:
    """Finish the interrupted detach of a partition, keeping it as a table; False if it is in use.

    Raises:
        StoreUnavailable: the database cannot answer now.
    """
    return _try(connection, lambda: _detach(connection, partition.name))


def drop(connection: psycopg.Connection, name: str) -> bool:
    """Detach a partition and drop it, from wherever an earlier try has left it.

    Returns:
        False when readers or writers held it at every try; the next run goes on.

    Raises:
        StoreUnavailable: the database cannot answer now.
    """

    def work() -> None:
        _detach(connection, name)
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

    return _try(connection, work)


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
