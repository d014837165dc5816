"""A run of retention over dicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from tracefoundry.model.summary import TraceKey
from tracefoundry.model.times import day_of
from tracefoundry.store.deletion_api import Check, RetentionRun
from tracefoundry.store.deletion_records import (
    DayPartition,
    DayTable,
    ExpiredTraces,
    PartitionDrops,
    PartitionGroup,
    RecordKind,
)
from tracefoundry.store.memory.tables import ExpiredDay, Memory, Tables, Tombstone, TraceRow, remove

_Result = TypeVar("_Result")

_DAYS: dict[DayTable, tuple[str, Callable[[Any], int]]] = {
    "spans": ("spans", lambda key: day_of(key[3])),
    "span_logs": ("logs", lambda key: day_of(key[3])),
    "imported_spans": ("imported_spans", lambda key: 0),
    "imported_span_logs": ("imported_logs", lambda key: 0),
    "span_payload_refs": ("refs", lambda row: int(row[3])),
    "payload_blobs": ("blobs", lambda key: int(key[2])),
    "payload_list_parts": ("list_parts", lambda row: int(row[3])),
}
"""By table: the name of the dict or set, and the day of one of its keys."""
_OF_TRACES: tuple[DayTable, ...] = ("spans", "span_logs", "span_payload_refs")


class MemoryRetentionRun:
    """See :class:`tracefoundry.store.deletion_api.RetentionRun`."""

    def __init__(self, memory: Memory, *, dry_run: bool, check: Check) -> None:
        self._memory = memory
        self._dry_run = dry_run
        self._check = check

    def finish_interrupted_drops(self, *, spans_day: int, payloads_day: int) -> None:
        """Nothing is dropped whole."""

    def partitions(self, group: PartitionGroup) -> list[DayPartition]:
        return []

    def drop_partitions(self, partitions: Sequence[DayPartition]) -> PartitionDrops:
        return PartitionDrops()

    def mark_expired_traces(self, project_id: int, *, before_day: int) -> int:
        def mark(tables: Tables) -> int:
            cut = 0
            for key, row in _expiring(tables, project_id, before_day).items():
                trace = row.stored
                if trace.missing_expired:
                    continue
                cut += day_of(trace.summary.last_start_ns) >= before_day
                marked = replace(trace, missing_expired=True, totals_pending=False)
                tables.traces[key] = TraceRow(marked, row.recomputed_at_ns)
            return cut

        return self._change(mark)

    def delete_rows(self, table: DayTable, project_id: int, days: range) -> int:
        name, day = _DAYS[table]

        def delete(tables: Tables) -> int:
            rows = getattr(tables, name)
            return remove(rows, [row for row in rows if row[0] == project_id and day(row) in days])

        return self._change(delete)

    def delete_expired_traces(self, project_id: int, *, before_day: int) -> ExpiredTraces:
        def delete(tables: Tables) -> ExpiredTraces:
            gone = {
                key: row
                for key, row in _expiring(tables, project_id, before_day).items()
                if day_of(row.stored.summary.last_start_ns) < before_day
            }
            removed = ExpiredTraces(
                traces=remove(tables.traces, gone),
                span_count=sum(row.stored.summary.span_count for row in gone.values()),
            )
            # In a dry run delete_rows() has counted these already.
            if not self._dry_run:
                removed.spans, removed.logs, removed.payload_refs = (
                    remove(rows, [row for row in rows if row[:2] in gone and day(row) < before_day])
                    for name, day in (_DAYS[table] for table in _OF_TRACES)
                    for rows in (getattr(tables, name),)
                )
            return removed

        return self._change(delete)

    def delete_expired_imports(
        self, project_id: int, *, before_day: int, rows_from: int
    ) -> ExpiredTraces:
        def delete(tables: Tables) -> ExpiredTraces:
            gone = {
                key: row
                for key, row in tables.traces.items()
                if key[0] == project_id
                and row.stored.import_day is not None
                and row.stored.import_day < before_day
            }
            removed = ExpiredTraces(
                span_count=sum(row.stored.summary.span_count for row in gone.values())
            )
            for field, name in (
                ("traces", "traces"), ("spans", "imported_spans"), ("logs", "imported_logs"),
            ):  # fmt: skip
                rows = getattr(tables, name)
                setattr(removed, field, remove(rows, [key for key in rows if key[:2] in gone]))
            return removed

        return self._change(delete)

    def oldest_span_day(self, *, after: int) -> int | None:
        tables = self._memory.tables
        days = {day_of(start_ns) for *_, start_ns in tables.spans}
        days |= {tables.import_day_of(key) or 0 for key in tables.traces if tables.is_imported(key)}
        return min((day for day in days if day > after), default=None)

    def payload_days(self, project_id: int, *, before_day: int) -> list[int]:
        days = {day for project, _, day in self._memory.tables.blobs if project == project_id}
        return sorted(day for day in days if day < before_day)

    def expired_payload_days(self) -> dict[tuple[int, int], str]:
        return {key: mark.reason for key, mark in self._memory.tables.expired_days.items()}

    def mark_payloads_expired(self, project_id: int, day: int, *, now_ns: int, reason: str) -> None:
        mark = ExpiredDay(now_ns, reason)
        self._change(lambda tables: tables.expired_days.setdefault((project_id, day), mark))

    def delete_payload_marks(self, project_id: int, *, before_day: int) -> int:
        stored = self.payload_days(project_id, before_day=before_day)

        def delete(tables: Tables) -> int:
            gone = [
                (project, day)
                for project, day in tables.expired_days
                if project == project_id and day < before_day and day not in stored
            ]
            return remove(tables.expired_days, gone)

        return self._change(delete)

    def delete_records(self, kind: RecordKind, *, before: int) -> int:
        def delete(tables: Tables) -> int:
            ages, records = _ages(tables, kind)
            gone = [key for key, age in ages.items() if age < before]
            remove(ages, gone)
            return remove(records, gone)

        return self._change(delete)

    def database_bytes(self) -> int | None:
        return None

    def reclaim_space(self) -> None:
        """Python frees memory by itself."""

    def _change(self, change: Callable[[Tables], _Result]) -> _Result:
        """The result of a change, which a dry run makes on a copy and forgets."""
        self._check()
        if self._dry_run:
            return change(self._memory.tables.copy())
        with self._memory.changing() as tables:
            return change(tables)


def _expiring(tables: Tables, project_id: int, before_day: int) -> dict[TraceKey, TraceRow]:
    """Traces that have spans from before a day. Imported ones count from their import."""
    return {
        key: row
        for key, row in tables.traces.items()
        if key[0] == project_id
        and row.stored.source == "otlp"
        and day_of(row.stored.summary.start_time_ns) < before_day
    }


def _ages(tables: Tables, kind: RecordKind) -> tuple[dict[Any, int], dict[Any, Any]]:
    """What tells how old the records of a kind are, and the records."""
    if kind == "resources":
        return tables.resource_days, tables.resources
    if kind == "scopes":
        return tables.scope_days, tables.scopes
    if kind == "usage":
        return {key: key[1] for key in tables.usage}, tables.usage
    if kind == "audit_entries":
        return {key: entry.at_ns for key, entry in tables.audit.items()}, tables.audit
    stones: dict[Any, Tombstone] = getattr(tables, kind)
    return {key: stone.keep_until_ns for key, stone in stones.items()}, stones


if TYPE_CHECKING:
    _run: type[RetentionRun] = MemoryRetentionRun
