"""What the database knows of payloads: where they are, and what became of those that are gone.

A payload has a row in ``payload_blobs`` for each project and day that holds a copy. Where there is
none, the day it belonged to may have expired (``payload_days``) or it may have gone with a deleted
trace (``payload_tombstones``); ``span_payload_refs`` still knows that there was one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tracefoundry.model.limits import PREVIEW_CHARACTERS
from tracefoundry.store.records import (
    COPIES_LIMIT,
    BlobCopy,
    BlobPlace,
    PayloadFate,
    PayloadStates,
)
from tracefoundry.store.sql.reader.rows import fetch, pairs
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_days,
    payload_tombstones,
    span_payload_refs,
)

REFS_AT_ONCE = 1000
"""Most refs named in one statement."""


def states_of(
    connection: sa.Connection,
    project: int,
    wanted: Collection[tuple[bytes, int]],
    pointed: Collection[bytes],
) -> PayloadStates:
    """States of payloads by (ref, day), and of refs that senders wrote themselves."""
    states = PayloadStates()
    blob = payload_blobs.c
    preview = sa.func.substr(blob.preview, 1, PREVIEW_CHARACTERS)
    # Retention marks a day, then deletes its objects, then its rows: a preview ends with the mark.
    states.expired_at_ns = expired_days(connection, project, {day for _, day in wanted})
    days = sorted({day for _, day in wanted} - states.expired_at_ns.keys())
    for refs in chunks(sorted({ref for ref, _ in wanted})):
        # Only the days of this page: a message that an agent resends for a week has a row for each.
        statement = sa.select(blob.ref, blob.day, preview).where(
            blob.project_id == project, _is_one_of(connection, refs), blob.day.in_(days)
        )
        for ref, day, text in fetch(connection, statement):
            states.previews[ref, day] = text
    for refs in chunks(sorted(pointed)):
        statement = (
            sa.select(blob.ref).where(blob.project_id == project, blob.ref.in_(refs)).distinct()
        )
        states.anywhere.update(connection.execute(statement).scalars())
    gone = [key for key in wanted if key not in states.previews]
    if gone:
        for refs in chunks(sorted({ref for ref, _ in gone})):
            deleted = sa.select(payload_tombstones.c.ref).where(
                payload_tombstones.c.project_id == project, payload_tombstones.c.ref.in_(refs)
            )
            states.deleted.update(connection.execute(deleted).scalars())
    return states


def copies_of(connection: sa.Connection, projects: Sequence[int], ref: bytes) -> list[BlobCopy]:
    """The stored copies of a payload, newest day first."""
    blob = payload_blobs.c
    statement = (
        sa.select(blob.project_id, blob.day, blob.plain_bytes)
        .where(blob.project_id.in_(projects), blob.ref == ref)
        .order_by(blob.day.desc(), blob.project_id)
        .limit(COPIES_LIMIT)
    )
    return [BlobCopy(*row) for row in connection.execute(statement)]


def places_of(
    connection: sa.Connection, project: int, day: int, refs: Iterable[bytes]
) -> dict[bytes, BlobPlace]:
    """Where those of these refs are that the project has stored on a day."""
    blob = payload_blobs.c
    found: dict[bytes, BlobPlace] = {}
    for chunk in chunks(sorted(refs)):
        statement = sa.select(
            blob.ref, blob.object, blob.object_offset, blob.stored_bytes, blob.depth
        ).where(blob.project_id == project, blob.day == day, _is_one_of(connection, chunk))
        for ref, *place in fetch(connection, statement):
            found[ref] = BlobPlace(*place)
    return found


def _is_one_of(connection: sa.Connection, refs: Sequence[bytes]) -> sa.ColumnElement[bool]:
    """Whether the ref of a blob is one of these. An array is bound as one value; a thousand values
    of their own take longer to bind than to look up."""
    ref = payload_blobs.c.ref
    if connection.dialect.name == "postgresql":
        return ref == sa.any_(sa.literal(list(refs), postgresql.ARRAY(sa.LargeBinary)))
    return ref.in_(refs)


def fate_of(
    connection: sa.Connection, projects: Sequence[int], ref: bytes, now_ns: int
) -> PayloadFate | None:
    """What became of a payload that has no copy in these projects; None where no span ever referred
    to it."""
    known = sa.select(span_payload_refs.c.project_id, span_payload_refs.c.day).where(
        span_payload_refs.c.project_id.in_(projects), span_payload_refs.c.ref == ref
    )
    days = known.distinct().subquery()
    expired: sa.Select[Any] = (
        sa.select(payload_days.c.expired_at_ns, payload_days.c.reason)
        .join(
            days,
            sa.and_(
                days.c.project_id == payload_days.c.project_id, days.c.day == payload_days.c.day
            ),
        )
        .order_by(payload_days.c.expired_at_ns.desc())
        .limit(1)
    )
    deleted: sa.Select[Any] = (
        sa.select(payload_tombstones.c.deleted_at_ns)
        .where(
            payload_tombstones.c.project_id.in_(projects),
            payload_tombstones.c.ref == ref,
            payload_tombstones.c.keep_until_ns > now_ns,
        )
        .order_by(payload_tombstones.c.deleted_at_ns.desc())
        .limit(1)
    )
    fates = [PayloadFate("expired", *row) for row in connection.execute(expired)]
    fates += [PayloadFate("deleted", row[0], "deleted") for row in connection.execute(deleted)]
    if fates:
        return max(fates, key=lambda fate: fate.at_ns or 0)
    if connection.execute(known.limit(1)).first() is not None:
        return PayloadFate("missing", None, None)
    return None


def expired_days(connection: sa.Connection, project: int, days: set[int]) -> dict[int, int]:
    statement = sa.select(payload_days.c.day, payload_days.c.expired_at_ns).where(
        payload_days.c.project_id == project, payload_days.c.day.in_(sorted(days))
    )
    return dict(pairs(connection, statement))


def chunks(refs: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The refs in runs that fit into one statement."""
    for at in range(0, len(refs), REFS_AT_ONCE):
        yield refs[at : at + REFS_AT_ONCE]
