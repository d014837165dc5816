"""A run of retention in SQL: what PostgreSQL and SQLite share of
:class:`.store.deletion_api.RetentionRun`."""

from __future__ import annotations

import sqlalchemy as sa

from tracefoundry.model.times import DAY_NS
from tracefoundry.store.deletion_api import Check
from tracefoundry.store.deletion_records import (
    DayTable,
    ExpiredTraces,
    RecordKind,
)
from tracefoundry.store.sql.deletion import expired_imports, expired_traces
from tracefoundry.store.sql.deletion.batches import Condition, count_rows, delete_rows
from tracefoundry.store.sql.deletion.tombstones import insert_into
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.tables import (
    audit_log,
    imported_span_logs,
    imported_spans,
    payload_blobs,
    payload_days,
    payload_list_parts,
    payload_tombstones,
    project_usage,
    resources,
    scopes,
    span_logs,
    span_payload_refs,
    spans,
    tombstones,
)

DAY_COLUMNS: dict[DayTable, tuple[sa.Column[int], int]] = {
    "spans": (spans.c.start_time_ns, DAY_NS),
    "span_logs": (span_logs.c.time_ns, DAY_NS),
    "imported_spans": (imported_spans.c.import_day, 1),
    "imported_span_logs": (imported_span_logs.c.import_day, 1),
    "span_payload_refs": (span_payload_refs.c.day, 1),
    "payload_blobs": (payload_blobs.c.day, 1),
    "payload_list_parts": (payload_list_parts.c.day, 1),
}
"""By which column a table is divided into days, and how long a day is in its unit."""

RECORD_AGES: dict[RecordKind, sa.Column[int]] = {
    "resources": resources.c.last_used_day,
    "scopes": scopes.c.last_used_day,
    "tombstones": tombstones.c.keep_until_ns,
    "payload_tombstones": payload_tombstones.c.keep_until_ns,
    "audit_entries": audit_log.c.at_ns,
    "usage": project_usage.c.day,
}
"""By which column small records grow old."""


class SqlRetentionRun:
    """The part that needs nothing but SQLAlchemy. A subclass knows how its database drops days."""

    def __init__(self, engine: sa.Engine, *, dry_run: bool, check: Check) -> None:
        self.engine = engine
        self.dry_run = dry_run
        self.check = check

    def mark_expired_traces(self, project_id: int, *, before_day: int) -> int:
        """Mark traces that lose spans; returns how many of them have later spans too."""
        self.check()
        before_ns = before_day * DAY_NS
        if self.dry_run:
            return expired_traces.count_expired(self.engine, project_id, before_ns)[2]
        return expired_traces.mark_expired(self.engine, project_id, before_ns, self.check)

    def delete_expired_traces(self, project_id: int, *, before_day: int) -> ExpiredTraces:
        """Remove the summaries of traces without later spans, and what is left of the traces."""
        self.check()
        before_ns = before_day * DAY_NS
        if self.dry_run:
            counts = expired_traces.count_expired(self.engine, project_id, before_ns)
            return ExpiredTraces(traces=counts[0], span_count=counts[1])
        return expired_traces.delete_expired(self.engine, project_id, before_ns, self.check)

    def delete_expired_imports(
        self, project_id: int, *, before_day: int, rows_from: int
    ) -> ExpiredTraces:
        """Remove imported traces whose day of import is before a day."""
        self.check()
        if self.dry_run:
            return expired_imports.count(self.engine, project_id, before_day)
        return expired_imports.delete(self.engine, project_id, before_day, rows_from, self.check)

    def payload_days(self, project_id: int, *, before_day: int) -> list[int]:
        """Days before one on which a project has payloads stored, in order."""
        days: list[int] = []
        blob = payload_blobs.c
        with reading(self.engine) as connection:
            while True:
                # A step through the index a day; DISTINCT would read every row.
                statement = sa.select(sa.func.min(blob.day)).where(
                    blob.project_id == project_id, blob.day < before_day
                )
                if days:
                    statement = statement.where(blob.day > days[-1])
                day = connection.execute(statement).scalar_one()
                if day is None:
                    return days
                days.append(day)

    def expired_payload_days(self) -> dict[tuple[int, int], str]:
        """(project id, day) whose payloads were marked as expired, with the reason."""
        row = payload_days.c
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(row.project_id, row.day, row.reason))
            return {(project, day): reason for project, day, reason in rows}

    def mark_payloads_expired(self, project_id: int, day: int, *, now_ns: int, reason: str) -> None:
        """Mark the payloads of a project's day as expired, unless they are marked."""
        self.check()
        if self.dry_run:
            return
        row = {"project_id": project_id, "day": day, "expired_at_ns": now_ns, "reason": reason}

        def work(connection: sa.Connection) -> None:
            insert = insert_into(connection, payload_days)
            connection.execute(insert.values(row).on_conflict_do_nothing())

        write_again(self.engine, work)

    def delete_payload_marks(self, project_id: int, *, before_day: int) -> int:
        """Remove marks whose spans have expired too, and so have the rows of all payloads."""
        return self._delete(
            payload_days,
            payload_days.c.project_id == project_id,
            payload_days.c.day < before_day,
            ~sa.exists().where(
                payload_blobs.c.project_id == project_id, payload_blobs.c.day == payload_days.c.day
            ),
        )

    def delete_records(self, kind: RecordKind, *, before: int) -> int:
        """Delete small records that are over."""
        age = RECORD_AGES[kind]
        return self._delete(age.table, age < before)

    def _delete_days(self, table: DayTable, project_id: int, days: range) -> int:
        """Delete a project's rows of some days from the whole table."""
        column, day_length = DAY_COLUMNS[table]
        return self._delete(
            column.table,
            column.table.c.project_id == project_id,
            column >= days.start * day_length,
            column < days.stop * day_length,
        )

    def _delete(self, table: sa.Table, *where: Condition) -> int:
        """Delete rows in batches, or in a dry run count them; returns how many."""
        self.check()
        if self.dry_run:
            return count_rows(self.engine, table, *where)
        return delete_rows(self.engine, table, self.check, *where)
