"""The transaction that removes payloads: locks, a last look, and then every row at once.

Writers that reuse a payload lock its row, in the order of refs, before they rely on it; this locks
in that order too, and then looks again at what was worked out without locks.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tracefoundry.store.deletion_records import (
    LIST_ID_BYTES,
    PayloadRemovalPlan,
)
from tracefoundry.store.sql.deletion.payload_needs import (
    blobs_of,
    has_summary,
    has_tombstone,
    needs_of,
)
from tracefoundry.store.sql.deletion.tombstones import write_payload_tombstones
from tracefoundry.store.sql.reader.payload_rows import chunks
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_list_parts,
    span_payload_refs,
    tombstones,
)


def remove(connection: sa.Connection, plan: PayloadRemovalPlan, now_ns: int) -> int | None:
    """Remove the rows; returns how many references went. None where the plan is out of date, and
    nothing was changed."""
    if plan.removed:
        if not _lock_and_compare(connection, plan, now_ns):
            return None
        _delete_rows(connection, plan, sorted(plan.removed))
        write_payload_tombstones(connection, plan, now_ns)
    row = span_payload_refs.c
    references = 0
    for chunk in chunks(plan.refs):
        references += connection.execute(
            sa.delete(span_payload_refs).where(
                row.project_id == plan.project_id,
                row.day == plan.day,
                row.ref.in_(chunk),
                sa.exists().where(
                    tombstones.c.project_id == plan.project_id, has_tombstone(now_ns)
                ),
                ~has_summary(),
            )
        ).rowcount
    return references


def _lock_and_compare(connection: sa.Connection, plan: PayloadRemovalPlan, now_ns: int) -> bool:
    """Lock everything that is in the plan's objects; True where the plan still holds."""
    objects = blobs_of(connection, plan.project_id, plan.day, plan.objects, lock=True)
    if objects != plan.objects:
        return False
    # Looked up before the objects were: another deletion may have moved it in between.
    if any(objects.get(at.object, {}).get(ref) != at for ref, at in plan.removed.items()):
        return False
    # A new statement sees what those committed who held the locks before.
    needs = needs_of(
        connection,
        plan.project_id,
        plan.day,
        plan.removed,
        now_ns=now_ns,
        removed_lists=len(plan.removed),
    )
    list_ids = {ref[:LIST_ID_BYTES] for ref in plan.removed}
    return len(needs.unneeded(list_ids)) == len(plan.removed)


def _delete_rows(
    connection: sa.Connection, plan: PayloadRemovalPlan, removed: Sequence[bytes]
) -> None:
    project, day = plan.project_id, plan.day
    part, blob = payload_list_parts.c, payload_blobs.c
    edges = sorted({(one[:LIST_ID_BYTES], by[:LIST_ID_BYTES]) for one, by in plan.list_parts})
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
    for chunk in chunks(removed):
        connection.execute(
            sa.delete(payload_blobs).where(
                blob.project_id == project, blob.day == day, blob.ref.in_(chunk)
            )
        )
    if plan.moved:
        connection.execute(
            sa.update(payload_blobs)
            .where(blob.project_id == project, blob.day == day, blob.ref == sa.bindparam("moved"))
            .values(object=sa.bindparam("new_object"), object_offset=sa.bindparam("new_offset")),
            [
                {"moved": ref, "new_object": place.object, "new_offset": place.offset}
                for ref, place in sorted(plan.moved.items())
            ],
        )
