"""Payloads of deleted traces: which ones, where they are, and who else needs them.

All of this reads without locks. What is worked out from it is checked again under locks, by
``payload_removal``.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from tracefoundry.store.deletion_records import (
    LIST_ID_BYTES,
    PayloadNeeds,
    PendingPayloads,
)
from tracefoundry.store.records import BlobPlace
from tracefoundry.store.sql.reader.payload_rows import chunks, places_of
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_days,
    payload_list_parts,
    span_payload_refs,
    staged_imports,
    tombstones,
    traces,
)

EDGES_AT_ONCE = 20_000
"""Most rows of lists and their parts that are read at once."""


def pending(
    connection: sa.Connection, project: int, now_ns: int, limit: int
) -> PendingPayloads | None:
    """The next payloads of deleted traces, of one day; None when there are no more."""
    ref = span_payload_refs.c
    statement = (
        sa.select(ref.day, ref.ref, sa.func.max(tombstones.c.keep_until_ns))
        .join(tombstones, has_tombstone(now_ns))
        .where(ref.project_id == project, tombstones.c.project_id == project, ~has_summary())
        .group_by(ref.day, ref.ref)
        .order_by(ref.day, ref.ref)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    if not rows:
        return None
    day = rows[0][0]
    rows = [row for row in rows if row[0] == day]
    expired = connection.execute(
        sa.select(payload_days.c.day).where(
            payload_days.c.project_id == project, payload_days.c.day == day
        )
    ).first()
    places = places_of(connection, project, day, [row[1] for row in rows])
    return PendingPayloads(
        day=day,
        places={row[1]: places.get(row[1]) for row in rows},
        keep_until_ns=max(row[2] for row in rows),
        expired=expired is not None,
    )


def needs_of(
    connection: sa.Connection,
    project: int,
    day: int,
    refs: Collection[bytes],
    *,
    now_ns: int,
    removed_lists: int,
) -> PayloadNeeds:
    """Who needs these payloads of one day. Of a part that more lists need than ``removed_lists``
    not all are named: it is needed in any case."""
    blob, ref = payload_blobs.c, span_payload_refs.c
    referenced: set[bytes] = set()
    lists: dict[bytes, set[bytes]] = {}
    deleted = (
        sa.exists().where(tombstones.c.project_id == project, has_tombstone(now_ns))
        & ~has_summary()
    )
    # Millions of traces may share a prompt: the first one that is not deleted is enough.
    wanted = sa.exists().where(
        ref.project_id == project, ref.day == day, ref.ref == blob.ref, sa.not_(deleted)
    )
    for chunk in chunks(sorted(refs)):
        statement = sa.select(blob.ref).where(
            blob.project_id == project, blob.day == day, blob.ref.in_(chunk), wanted
        )
        referenced.update(connection.execute(statement).scalars())
        _add_lists(connection, project, day, chunk, removed_lists, lists)
    return PayloadNeeds(places_of(connection, project, day, refs), referenced, lists)


def _add_lists(
    connection: sa.Connection,
    project: int,
    day: int,
    refs: Collection[bytes],
    removed_lists: int,
    lists: dict[bytes, set[bytes]],
) -> None:
    row = payload_list_parts.c
    limit = EDGES_AT_ONCE + removed_lists
    parts = sorted({ref[:LIST_ID_BYTES] for ref in refs})
    while parts:
        edges = connection.execute(
            sa.select(row.part, row.list)
            .where(row.project_id == project, row.day == day, row.part.in_(parts))
            .order_by(row.part, row.list)
            .limit(limit)
        ).all()
        for part, needing in edges:
            lists.setdefault(part, set()).add(needing)
        if len(edges) < limit:
            return
        # The last part may be cut off here: it is read again, unless it is known to be needed.
        last = edges[-1][0]
        parts = [part for part in parts if part >= last]
        if len(lists[last]) > removed_lists:
            parts.remove(last)
        else:
            del lists[last]


def list_parts(
    connection: sa.Connection, project: int, day: int, lists: Collection[bytes]
) -> list[tuple[bytes, bytes]]:
    """(part, list) of lists, as full refs. Reads the whole day: there is no index by list, as a
    list's node names its parts."""
    by_id = {ref[:LIST_ID_BYTES]: ref for ref in lists}
    row = payload_list_parts.c
    found: list[tuple[bytes, bytes]] = []
    for ids in chunks(sorted(by_id)):
        statement = sa.select(row.part, row.list).where(
            row.project_id == project, row.day == day, row.list.in_(ids)
        )
        for part, list_id in connection.execute(statement).all():
            refs = connection.execute(
                sa.select(payload_blobs.c.ref).where(
                    payload_blobs.c.project_id == project,
                    payload_blobs.c.day == day,
                    payload_blobs.c.ref >= part,
                    payload_blobs.c.ref <= part + b"\xff" * LIST_ID_BYTES,
                )
            ).scalars()
            found += [(ref, by_id[list_id]) for ref in refs]
    return found


def blobs_of(
    connection: sa.Connection, project: int, day: int, objects: Collection[bytes], *, lock: bool
) -> dict[bytes, dict[bytes, BlobPlace]]:
    """Everything that is in some objects, by object and ref; ``lock`` keeps writers from these rows
    until the transaction ends."""
    blob = payload_blobs.c
    statement = (
        sa.select(blob.ref, blob.object, blob.object_offset, blob.stored_bytes, blob.depth)
        .where(blob.project_id == project, blob.day == day, blob.object.in_(sorted(objects)))
        .order_by(blob.ref)
    )
    if lock:
        statement = statement.with_for_update()
    found: dict[bytes, dict[bytes, BlobPlace]] = {}
    for ref, *place in connection.execute(statement):
        blob_place = BlobPlace(*place)
        found.setdefault(blob_place.object, {})[ref] = blob_place
    return found


def objects_in_use(
    connection: sa.Connection, project: int, day: int, objects: Collection[bytes]
) -> set[bytes]:
    """Those of these objects in which a blob is stored."""
    blob = payload_blobs.c
    found: set[bytes] = set()
    for chunk in chunks(sorted(objects)):
        statement = (
            sa.select(blob.object)
            .where(blob.project_id == project, blob.day == day, blob.object.in_(chunk))
            .distinct()
        )
        found.update(connection.execute(statement).scalars())
    return found


def has_tombstone(now_ns: int) -> sa.ColumnElement[bool]:
    """The trace of a reference has a tombstone that is not over."""
    return sa.and_(
        tombstones.c.trace_id == span_payload_refs.c.trace_id,
        tombstones.c.keep_until_ns > now_ns,
    )


def has_summary() -> sa.ColumnElement[bool]:
    """The trace of a reference has a row in ``traces``, so it is not deleted, or is just being
    imported again."""
    return sa.or_(
        *(
            sa.exists().where(
                table.c.project_id == span_payload_refs.c.project_id,
                table.c.trace_id == span_payload_refs.c.trace_id,
            )
            for table in (traces, staged_imports)
        )
    )
