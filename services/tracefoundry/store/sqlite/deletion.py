"""Deletion on SQLite: rows go in batches, pages of the file are freed, and the lock of a file
beside the database keeps a second run of retention out. The lock ends with its process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tracefoundry.model.times import DAY_NS
from tracefoundry.store.deletion_api import Check
from tracefoundry.store.deletion_records import (
    DayPartition,
    DayTable,
    PartitionDrops,
    PartitionGroup,
)
from tracefoundry.store.records import Deleted
from tracefoundry.store.sql.deletion import expired_traces
from tracefoundry.store.sql.deletion.deletion import SqlDeletion
from tracefoundry.store.sql.deletion.retention_run import SqlRetentionRun
from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.tables import spans, traces
from tracefoundry.store.sqlite.disk_reserve import DiskReserve
from tracefoundry.store.sqlite.free_pages import incremental_vacuum, truncate_log
from tracefoundry.store.sqlite.locks import only_one

_log = logging.getLogger("tracefoundry")


class SqliteDeletion(SqlDeletion):
    """Removes data from a SQLite file."""

    def __init__(self, engine: sa.Engine, file: Path) -> None:
        super().__init__(engine)
        self._file = file
        self._reserve = DiskReserve(file)

    def delete_trace(
        self, project_id: int, trace_id: bytes, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        self._make_room()
        return super().delete_trace(project_id, trace_id, now_ns=now_ns, retention_ns=retention_ns)

    def delete_before(
        self, project_ids: Sequence[int], before_ns: int, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        self._make_room()
        return super().delete_before(
            project_ids, before_ns, now_ns=now_ns, retention_ns=retention_ns
        )

    def _make_room(self) -> None:
        """On a full disk: give the reserve up, and move what is in the log into the file, so that
        the log has room for the deletion."""
        if self._reserve.give_up_if_needed(large=True):
            _log.info("the disk of %s is full: deleting from its reserve", self._file)
            truncate_log(self.engine)

    def reclaim_space(self) -> int:
        """Free the pages of deleted rows, and take their text out of the log; returns how many
        pages."""
        return _reclaim_space(self.engine)

    @contextmanager
    def retention_run(self, *, dry_run: bool, check: Check) -> Iterator[SqliteRetentionRun]:
        """Open a run, the only one unless it is a dry run.

        Raises:
            AnotherProcess: another run is at work.
            SchemaNotReady: the file is not there.
        """
        run = SqliteRetentionRun(self.engine, dry_run=dry_run, check=check)
        if dry_run:
            yield run
        else:
            self._make_room()
            with only_one(self._file, "retention", "another run of retention is at work"):
                yield run


class SqliteRetentionRun(SqlRetentionRun):
    """A run on a database without partitions."""

    def finish_interrupted_drops(self, *, spans_day: int, payloads_day: int) -> None:
        """There is nothing to drop."""

    def partitions(self, _group: PartitionGroup) -> list[DayPartition]:
        """None."""
        return []

    def drop_partitions(self, _partitions: Sequence[DayPartition]) -> PartitionDrops:
        """Nothing."""
        return PartitionDrops()

    def delete_rows(self, table: DayTable, project_id: int, days: range) -> int:
        """Delete a project's rows of some days."""
        if table == "spans" and not self.dry_run:
            self.check()
            return expired_traces.delete_spans(
                self.engine, project_id, days.start * DAY_NS, days.stop * DAY_NS, self.check
            )
        return self._delete_days(table, project_id, days)

    def oldest_span_day(self, *, after: int) -> int | None:
        """The oldest day after one on which any span starts. Reads a whole index: for rare use."""
        statement = sa.select(sa.func.min(spans.c.start_time_ns)).where(
            spans.c.start_time_ns >= (after + 1) * DAY_NS
        )
        imported = sa.select(sa.func.min(traces.c.import_day)).where(traces.c.import_day > after)
        with reading(self.engine) as connection:
            first_ns = connection.execute(statement).scalar_one()
            first_import = connection.execute(imported).scalar_one()
        days = [] if first_ns is None else [int(first_ns) // DAY_NS]
        days += [] if first_import is None else [int(first_import)]
        return min(days, default=None)

    def database_bytes(self) -> int | None:
        """What the file's pages take."""
        with reading(self.engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())

    def reclaim_space(self) -> None:
        """Shrink the file, and take deleted text out of the log."""
        _reclaim_space(self.engine)


def _reclaim_space(engine: sa.Engine) -> int:
    freed = incremental_vacuum(engine)
    truncate_log(engine)
    return freed
