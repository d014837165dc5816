"""Deletion over dicts: by request, and the payloads of what was deleted."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.payload import BlobRow
from tracefoundry.model.summary import TraceKey
from tracefoundry.store.api import AnotherProcess
from tracefoundry.store.deletion_api import Check, Deletion, RetentionRun
from tracefoundry.store.deletion_records import (
    LIST_ID_BYTES,
    PayloadNeeds,
    PayloadRemovalPlan,
    PendingPayloads,
    UnneededObject,
)
from tracefoundry.store.memory.payloads import payload_places, place_of
from tracefoundry.store.memory.retention import MemoryRetentionRun
from tracefoundry.store.memory.tables import Memory, Tables, Tombstone
from tracefoundry.store.records import ANY_TIME_NS, BlobPlace, Deleted
from tracefoundry.store.transaction import RefRow


class MemoryDeletion:
    """See :class:`tracefoundry.store.deletion_api.Deletion`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._only_retention_run = threading.Lock()

    def delete_trace(
        self, project_id: int, trace_id: bytes, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        with self._memory.changing() as tables:
            return _delete(tables, (project_id, trace_id), now_ns, retention_ns)

    def delete_before(
        self, project_ids: Sequence[int], before_ns: int, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        total = Deleted()
        with self._memory.changing() as tables:
            last_ns = {key: row.stored.summary.end_time_ns for key, row in tables.traces.items()}
            for project_id, trace_id, _, time_ns, _ in tables.logs:
                key = (project_id, trace_id)
                if key not in tables.traces:
                    last_ns[key] = max(last_ns.get(key, 0), time_ns)
            for key, last in last_ns.items():
                if key[0] in project_ids and last < before_ns:
                    total.add(_delete(tables, key, now_ns, retention_ns))
        return total

    def pending_payloads(
        self, project_id: int, *, now_ns: int, limit: int
    ) -> PendingPayloads | None:
        tables = self._memory.tables
        keep: dict[tuple[int, bytes], int] = {}
        for row in tables.refs:
            if row[0] == project_id and _is_deleted(tables, row, now_ns):
                key = (row[3], row[2])
                keep[key] = max(keep.get(key, 0), tables.tombstones[row[:2]].keep_until_ns)
        if not keep:
            return None
        first_day = min(keep)[0]
        refs = [ref for day, ref in sorted(keep)[:limit] if day == first_day]
        places = payload_places(tables, project_id, first_day, refs)
        return PendingPayloads(
            day=first_day,
            places={ref: places.get(ref) for ref in refs},
            keep_until_ns=max(keep[first_day, ref] for ref in refs),
            expired=(project_id, first_day) in tables.expired_days,
        )

    def payload_needs(
        self,
        project_id: int,
        day: int,
        refs: Collection[bytes],
        *,
        now_ns: int,
        removed_lists: int,
    ) -> PayloadNeeds:
        return _needs(self._memory.tables, project_id, day, refs, now_ns)

    def list_parts(
        self, project_id: int, day: int, lists: Collection[bytes]
    ) -> list[tuple[bytes, bytes]]:
        by_id = {ref[:LIST_ID_BYTES]: ref for ref in lists}
        tables = self._memory.tables
        parts = {
            (part, by_id[needing])
            for project, part, needing, of_day in tables.list_parts
            if (project, of_day) == (project_id, day) and needing in by_id
        }
        refs = [blob.ref for blob in _blobs(tables, project_id, day)]
        return [(ref, one) for part, one in sorted(parts) for ref in refs if ref.startswith(part)]

    def blobs_of(
        self, project_id: int, day: int, objects: Collection[bytes]
    ) -> dict[bytes, dict[bytes, BlobPlace]]:
        return _blobs_of(self._memory.tables, project_id, day, objects)

    def remove_payloads(self, plan: PayloadRemovalPlan, *, now_ns: int) -> int | None:
        with self._memory.changing() as tables:
            if not _still_holds(tables, plan, now_ns):
                return None
            _remove_blobs(tables, plan, now_ns)
            for part, one in plan.list_parts:
                tables.list_parts.discard(
                    (plan.project_id, part[:LIST_ID_BYTES], one[:LIST_ID_BYTES], plan.day)
                )
            for ref, place in plan.moved.items():
                key = (plan.project_id, ref, plan.day)
                tables.blobs[key] = msgspec.structs.replace(
                    tables.blobs[key], object=place.object, object_offset=place.offset
                )
            gone = {
                row
                for row in tables.refs
                if (row[0], row[3]) == (plan.project_id, plan.day)
                and row[2] in plan.refs
                and _is_deleted(tables, row, now_ns)
            }
            tables.refs -= gone
            return len(gone)

    def unneeded_objects(
        self, project_id: int, refs: Collection[bytes] | None = None
    ) -> list[UnneededObject]:
        return [
            UnneededObject(ref, day, name)
            for (project, ref), objects in self._memory.tables.emptied_objects.items()
            if project == project_id and (refs is None or ref in refs)
            for day, name in sorted(objects)
        ]

    def objects_in_use(self, project_id: int, day: int, objects: Collection[bytes]) -> set[bytes]:
        return set(_blobs_of(self._memory.tables, project_id, day, objects))

    def confirm_removal(self, project_id: int, refs: Collection[bytes]) -> None:
        with self._memory.changing() as tables:
            for ref in refs:
                tables.emptied_objects.pop((project_id, ref), None)

    def reclaim_space(self) -> int:
        """Python frees memory by itself."""
        return 0

    @contextmanager
    def retention_run(self, *, dry_run: bool, check: Check) -> Iterator[RetentionRun]:
        if not dry_run and not self._only_retention_run.acquire(blocking=False):
            raise AnotherProcess("another run of retention is at work")
        try:
            yield MemoryRetentionRun(self._memory, dry_run=dry_run, check=check)
        finally:
            if not dry_run:
                self._only_retention_run.release()


def _delete(tables: Tables, key: TraceKey, now_ns: int, retention_ns: int) -> Deleted:
    """Remove what there is of a trace and leave a tombstone, which is kept until ingest accepts no
    span any more that may still be on its way."""
    spans = tables.spans_of(key)
    logs = tables.logs_of(key)
    if not spans and not logs:
        return Deleted()
    project = tables.projects.get(key[0])
    own_ns = (project.retention_spans_ns if project else None) or 0
    latest_ns = max([row.shown.start_time_ns for row in spans] or [log.time_ns for log in logs])
    keep_ns = max(latest_ns, now_ns + WINDOW_AHEAD_NS) + max(own_ns, retention_ns)
    tables.tombstones[key] = Tombstone(now_ns, min(keep_ns, ANY_TIME_NS))
    names = ("imported_spans", "imported_logs") if tables.is_imported(key) else ("spans", "logs")
    for name in names:
        kept = {at: row for at, row in getattr(tables, name).items() if at[:2] != key}
        setattr(tables, name, kept)
    traces = 0 if tables.traces.pop(key, None) is None else 1
    return Deleted(traces, len(spans), len(logs))


def _is_deleted(tables: Tables, row: RefRow, now_ns: int) -> bool:
    """Whether the trace of a reference is deleted."""
    stone = tables.tombstones.get(row[:2])
    kept = row[:2] in tables.traces or row[:2] in tables.staged
    return stone is not None and stone.keep_until_ns > now_ns and not kept


def _blobs(tables: Tables, project_id: int, day: int) -> list[BlobRow]:
    of_day = (project_id, day)
    return [blob for blob in tables.blobs.values() if (blob.project_id, blob.day) == of_day]


def _blobs_of(
    tables: Tables, project_id: int, day: int, objects: Collection[bytes]
) -> dict[bytes, dict[bytes, BlobPlace]]:
    found: dict[bytes, dict[bytes, BlobPlace]] = {}
    for blob in _blobs(tables, project_id, day):
        if blob.object in objects:
            found.setdefault(blob.object, {})[blob.ref] = place_of(blob)
    return found


def _needs(
    tables: Tables, project_id: int, day: int, refs: Collection[bytes], now_ns: int
) -> PayloadNeeds:
    places = payload_places(tables, project_id, day, refs)
    referenced = {
        row[2]
        for row in tables.refs
        if (row[0], row[3]) == (project_id, day)
        and row[2] in places
        and not _is_deleted(tables, row, now_ns)
    }
    ids = {ref[:LIST_ID_BYTES] for ref in refs}
    lists: dict[bytes, set[bytes]] = {}
    for project, part, needing, of_day in tables.list_parts:
        if (project, of_day) == (project_id, day) and part in ids:
            lists.setdefault(part, set()).add(needing)
    return PayloadNeeds(places, referenced, lists)


def _still_holds(tables: Tables, plan: PayloadRemovalPlan, now_ns: int) -> bool:
    """Whether nobody needs or has moved what the plan removes."""
    objects = _blobs_of(tables, plan.project_id, plan.day, plan.objects)
    if objects != plan.objects:
        return False
    if any(objects.get(at.object, {}).get(ref) != at for ref, at in plan.removed.items()):
        return False
    needs = _needs(tables, plan.project_id, plan.day, plan.removed, now_ns)
    unneeded = needs.unneeded({ref[:LIST_ID_BYTES] for ref in plan.removed})
    return len(unneeded) == len(plan.removed)


def _remove_blobs(tables: Tables, plan: PayloadRemovalPlan, now_ns: int) -> None:
    """Remove payloads and leave tombstones; the first payload of an object names it as emptied."""
    named = set()
    for ref, place in sorted(plan.removed.items()):
        del tables.blobs[plan.project_id, ref, plan.day]
        key = (plan.project_id, ref)
        before = tables.payload_tombstones.get(key, Tombstone(0, 0))
        keep_until_ns = max(before.keep_until_ns, plan.keep_until_ns)
        tables.payload_tombstones[key] = Tombstone(now_ns, keep_until_ns)
        if place.object not in named:
            named.add(place.object)
            emptied = tables.emptied_objects.get(key, frozenset())
            tables.emptied_objects[key] = emptied | {(plan.day, place.object)}


if TYPE_CHECKING:
    _deletion: type[Deletion] = MemoryDeletion
