"""The transaction that removes payloads: locks, a last look, and then every row at once.

Writers that reuse a blob lock its row, in the order of refs, before they rely on it; this locks in
that order too, and then looks again at what was worked out without locks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.model.times import date_of
from tracefoundry.store.sql.columns import ID_BYTES
from tracefoundry.store.sql.reader.payload_rows import chunks
from tracefoundry.store.sql.reader.removal_plan import (
    Removal,
    doomed_among,
    has_spans,
    is_buried,
    needs_of,
    packs_of,
)
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_list_parts,
    payload_tombstones,
    span_payload_refs,
    tombstones,
)

REMOVING = "removing"
"""How the reason of a tombstone begins that names an object which may still be stored."""


def apply(connection: sa.Connection, removal: Removal, now_ns: int) -> int | None:
    """Remove the rows; returns how many references went. None where what was worked out is not so
    any more, and nothing was changed."""
    project, pending = removal.project_id, removal.pending
    doomed = sorted(removal.doomed)
    if doomed:
        packs = packs_of(connection, project, pending.day, removal.packs, lock=True)
        if packs != removal.packs:
            return None
        # Looked up before the packs were: another deletion may have moved it in between.
        if any(packs.get(at.object, {}).get(ref) != at for ref, at in removal.doomed.items()):
            return None
        # A new statement sees what those committed who held the locks before.
        needs = needs_of(connection, project, pending.day, doomed, now_ns, len(doomed))
        heads = {ref[:ID_BYTES] for ref in doomed}
        if len(doomed_among(doomed, needs, (), heads)) != len(doomed):
            return None
        _delete_rows(connection, removal, doomed)
        _bury(connection, removal, doomed, now_ns)
    gone = 0
    for chunk in chunks(pending.refs):
        gone += connection.execute(
            sa.delete(span_payload_refs).where(
                span_payload_refs.c.project_id == project,
                span_payload_refs.c.day == pending.day,
                span_payload_refs.c.ref.in_(chunk),
                sa.exists().where(tombstones.c.project_id == project, is_buried(now_ns)),
                ~has_spans(),
            )
        ).rowcount
    return gone


def _delete_rows(connection: sa.Connection, removal: Removal, doomed: Sequence[bytes]) -> None:
    project, day = removal.project_id, removal.pending.day
    part, blob = payload_list_parts.c, payload_blobs.c
    edges = sorted({(one[:ID_BYTES], by[:ID_BYTES]) for one, by in removal.parts})
    if edges:
        connection.execute(
            sa.delete(payload_list_parts).where(
                part.project_id == project,
                part.day == day,
                part.part == sa.bindparam("of_part"),
                part.list == sa.bindparam("of_list"),
            ),
            [{"of_part": one, "of_list": by} for one, by in edges],
        )
    for chunk in chunks(doomed):
        connection.execute(
            sa.delete(payload_blobs).where(
                blob.project_id == project, blob.day == day, blob.ref.in_(chunk)
            )
        )
    if removal.moved:
        connection.execute(
            sa.update(payload_blobs)
            .where(blob.project_id == project, blob.day == day, blob.ref == sa.bindparam("moved"))
            .values(object=sa.bindparam("new_object"), object_offset=sa.bindparam("new_offset")),
            [
                {"moved": ref, "new_object": place.object, "new_offset": place.offset}
                for ref, place in sorted(removal.moved.items())
            ],
        )


def _bury(
    connection: sa.Connection, removal: Removal, doomed: Sequence[bytes], now_ns: int
) -> None:
    """Write tombstones. The first blob of an object names it, as one that is to be removed."""
    named: set[bytes] = set()
    rows = []
    for ref in doomed:
        place = removal.doomed[ref]
        first = place.object not in named
        named.add(place.object)
        rows.append(
            {
                "project_id": removal.project_id,
                "ref": ref,
                "deleted_at_ns": now_ns,
                "keep_until_ns": removal.pending.keep_until_ns,
                "reason": (
                    f"{REMOVING} {date_of(removal.pending.day).isoformat()}/{place.object.hex()}"
                    if first
                    else "deleted"
                ),
            }
        )
    insert: Any = (
        postgresql.insert(payload_tombstones)
        if connection.dialect.name == "postgresql"
        else sqlite.insert(payload_tombstones)
    )
    new, stone = insert.excluded, payload_tombstones.c
    # A ref can have been stored on several days, each in an object of its own.
    both = stone.reason.like(f"{REMOVING} %")
    changed: Mapping[str, Any] = {
        "deleted_at_ns": new.deleted_at_ns,
        "keep_until_ns": sa.case(
            (stone.keep_until_ns > new.keep_until_ns, stone.keep_until_ns),
            else_=new.keep_until_ns,
        ),
        "reason": sa.case(
            (
                both & new.reason.like(f"{REMOVING} %"),
                stone.reason + sa.func.substr(new.reason, len(REMOVING) + 1),
            ),
            (both, stone.reason),
            else_=new.reason,
        ),
    }
    connection.execute(
        insert.on_conflict_do_update(index_elements=["project_id", "ref"], set_=changed), rows
    )
