"""Deletion on PostgreSQL: days are dropped as partitions, and an advisory lock keeps a second run
of retention out. The lock is its session's, so it ends with the connection at the latest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
import sqlalchemy as sa

from tracefoundry.store.api import AnotherProcess
from tracefoundry.store.deletion_api import Check
from tracefoundry.store.deletion_records import (
    DayPartition,
    DayTable,
    PartitionDrops,
    PartitionGroup,
)
from tracefoundry.store.postgres import partition_drops
from tracefoundry.store.postgres.partition_drops import driver_errors
from tracefoundry.store.sql.deletion.deletion import SqlDeletion
from tracefoundry.store.sql.deletion.retention_run import SqlRetentionRun
from tracefoundry.store.sql.engine import reading, store_errors
from tracefoundry.store.sql.sessions import set_postgres

RUN_LOCK = 0x7F0D_DA76
"""Key of the advisory lock that one run of retention holds."""

LOCK_TIMEOUT_MS = 2_000
"""Longest wait for a lock that writers or readers hold: they must not queue up behind us."""
STATEMENT_TIMEOUT_MS = 120_000

GROUPS: dict[PartitionGroup, tuple[DayTable, ...]] = {
    "spans": ("spans", "span_logs", "imported_spans", "imported_span_logs", "span_payload_refs"),
    "payloads": ("payload_blobs", "payload_list_parts"),
}


class PostgresDeletion(SqlDeletion):
    """Removes data from a PostgreSQL database."""

    def reclaim_space(self) -> int:
        """Autovacuum does it."""
        return 0

    @contextmanager
    def retention_run(self, *, dry_run: bool, check: Check) -> Iterator[PostgresRetentionRun]:
        """Open a run, the only one unless it is a dry run.

        Raises:
            AnotherProcess: another run is at work.
            StoreUnavailable: the database cannot be reached.
        """
        with _own_connection(self.engine, writes=not dry_run) as connection:
            if not dry_run:
                with driver_errors():
                    row = connection.execute(
                        "SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)
                    ).fetchone()
                if row is None or not row[0]:
                    raise AnotherProcess("another run of retention is at work")
            try:
                yield PostgresRetentionRun(self.engine, connection, dry_run=dry_run, check=check)
            finally:
                # Closing would do it too, but some time after it has returned.
                if not dry_run:
                    with suppress(psycopg.Error):
                        connection.execute("SELECT pg_advisory_unlock(%s)", (RUN_LOCK,))


class PostgresRetentionRun(SqlRetentionRun):
    """A run that drops partitions over a connection of its own, in autocommit mode: a detach beside
    readers and writers cannot run in a transaction."""

    def __init__(
        self, engine: sa.Engine, connection: psycopg.Connection, *, dry_run: bool, check: Check
    ) -> None:
        super().__init__(engine, dry_run=dry_run, check=check)
        self.connection = connection

    def finish_interrupted_drops(self, *, spans_day: int, payloads_day: int) -> None:
        """Finish detaches that were interrupted, and drop what they left.

        A table with a pending detach takes no other. Summaries were marked before the detach began,
        which makes finishing it right at any time.
        """
        if self.dry_run:
            return
        first_days: dict[PartitionGroup, int] = {"spans": spans_day, "payloads": payloads_day}
        for group, first_day in first_days.items():
            for partition, pending in self._attached(group):
                if pending:
                    self.check()
                    partition_drops.finish(self.connection, partition.name)
                    # One that was detached by hand has no mark of ours, but is due all the same.
                    if partition.day < first_day:
                        partition_drops.drop(self.connection, partition.name)
        for name in partition_drops.left_behind(self.connection):
            self.check()
            partition_drops.drop(self.connection, name)

    def partitions(self, group: PartitionGroup) -> list[DayPartition]:
        """All day partitions of the group's tables, by day."""
        return [partition for partition, _ in self._attached(group)]

    def drop_partitions(self, partitions: Sequence[DayPartition]) -> PartitionDrops:
        """Detach and drop partitions, or in a dry run count their rows."""
        drops = PartitionDrops()
        for partition in partitions:
            self.check()
            if partition.table in {other.table for other in drops.in_use}:
                # A table with a detach under way takes no other.
                drops.in_use.append(partition)
                continue
            rows = partition_drops.rows_of(self.connection, partition)
            if self.dry_run or partition_drops.drop(self.connection, partition.name):
                drops.dropped.append((partition, rows))
            else:
                drops.in_use.append(partition)
        return drops

    def delete_rows(self, table: DayTable, project_id: int, days: range) -> int:
        """Delete a project's rows of some days, partition by partition."""
        if len(days) > 1:
            attached = partition_drops.attached(self.connection, [table])
            days_there = [partition.day for partition, _ in attached if partition.day in days]
        else:
            days_there = list(days)
        return sum(self._delete_days(table, project_id, range(day, day + 1)) for day in days_there)

    def oldest_span_day(self, *, after: int) -> int | None:
        """The oldest day after one whose partitions have had rows."""
        days = (one.day for one in self.partitions("spans") if one.filled and one.day > after)
        return min(days, default=None)

    def database_bytes(self) -> int | None:
        """The size of the database on its disk."""
        with reading(self.engine) as connection:
            statement = sa.text("SELECT pg_database_size(current_database())")
            return int(connection.execute(statement).scalar_one())

    def reclaim_space(self) -> None:
        """Dropping a partition has freed its space; autovacuum does the rest."""

    def _attached(self, group: PartitionGroup) -> list[tuple[DayPartition, bool]]:
        return partition_drops.attached(self.connection, GROUPS[group])


@contextmanager
def _own_connection(engine: sa.Engine, *, writes: bool) -> Iterator[psycopg.Connection]:
    """A connection that leaves the engine's pool and is closed at the end, with its session's
    settings and locks."""
    with store_errors():
        pooled = engine.connect()
    try:
        connection = pooled.connection.driver_connection
        pooled.detach()
        if not isinstance(connection, psycopg.Connection):
            raise TypeError(f"{type(connection).__name__} is not a connection of psycopg")
        with driver_errors():
            connection.autocommit = True
            set_postgres(
                connection,
                application="tracefoundry-retention",
                statement_ms=STATEMENT_TIMEOUT_MS,
                lock_ms=LOCK_TIMEOUT_MS,
                writes=writes,
            )
        yield connection
    finally:
        pooled.close()
