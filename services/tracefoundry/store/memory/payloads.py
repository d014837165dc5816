"""What is known of payloads: where they are stored, and what became of those that are gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tracefoundry.model.limits import PREVIEW_CHARACTERS
from tracefoundry.model.payload import BlobRow
from tracefoundry.store.memory.tables import Tables
from tracefoundry.store.records import (
    COPIES_LIMIT,
    BlobCopy,
    BlobPlace,
    PayloadFate,
    PayloadStates,
)


def payload_states(
    tables: Tables,
    project_id: int,
    wanted: Collection[tuple[bytes, int]],
    pointed: Collection[bytes],
) -> PayloadStates:
    """States of payloads by (ref, day), and of refs that senders wrote themselves."""
    states = PayloadStates()
    for ref, day in wanted:
        blob = tables.blobs.get((project_id, ref, day))
        expired = tables.expired_days.get((project_id, day))
        if blob is not None and expired is None:
            preview = blob.preview
            states.previews[ref, day] = None if preview is None else preview[:PREVIEW_CHARACTERS]
            continue
        if expired is not None:
            states.expired_at_ns[day] = expired.expired_at_ns
        if (project_id, ref) in tables.payload_tombstones:
            states.deleted.add(ref)
    stored = {ref for project, ref, _ in tables.blobs if project == project_id}
    states.anywhere.update(stored & set(pointed))
    return states


def payload_copies(tables: Tables, project_ids: Sequence[int], ref: bytes) -> list[BlobCopy]:
    """The stored copies of a payload, newest day first."""
    copies = [
        BlobCopy(blob.project_id, blob.day, blob.plain_bytes)
        for blob in tables.blobs.values()
        if blob.ref == ref and blob.project_id in project_ids
    ]
    return sorted(copies, key=lambda copy: (-copy.day, copy.project_id))[:COPIES_LIMIT]


def payload_fate(
    tables: Tables, project_ids: Sequence[int], ref: bytes, now_ns: int
) -> PayloadFate | None:
    """What became of a payload without a copy: the latest thing that is known to have happened."""
    days = {
        (project, day)
        for project, _, referred, day in tables.refs
        if referred == ref and project in project_ids
    }
    fates = [
        PayloadFate("expired", expired.expired_at_ns, expired.reason)
        for key in days
        if (expired := tables.expired_days.get(key)) is not None
    ]
    fates += [
        PayloadFate("deleted", stone.deleted_at_ns, "deleted")
        for project in project_ids
        if (stone := tables.payload_tombstones.get((project, ref))) is not None
        and stone.keep_until_ns > now_ns
    ]
    if fates:
        return max(fates, key=lambda fate: fate.at_ns or 0)
    return PayloadFate("missing", None, None) if days else None


def payload_places(
    tables: Tables, project_id: int, day: int, refs: Collection[bytes]
) -> dict[bytes, BlobPlace]:
    """Where those of these refs are that are stored."""
    return {
        ref: place_of(blob)
        for ref in refs
        if (blob := tables.blobs.get((project_id, ref, day))) is not None
    }


def place_of(blob: BlobRow) -> BlobPlace:
    """Where a blob is."""
    return BlobPlace(blob.object, blob.object_offset, blob.stored_bytes, blob.depth)
