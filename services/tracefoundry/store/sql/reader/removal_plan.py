"""What a removal of payloads is about: which ones, where they are, and who needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from tracefoundry.store.records import BlobPlace
from tracefoundry.store.sql.columns import ID_BYTES
from tracefoundry.store.sql.reader.payload_rows import chunks
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_list_parts,
    span_payload_refs,
    tombstones,
    traces,
)

EDGES_AT_ONCE = 20_000
"""Most rows of lists and their parts that are read at once."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Payloads of one day to which deleted traces still refer."""

    day: int
    refs: list[bytes]
    keep_until_ns: int
    """How long the tombstones of those traces are kept."""
    expired: bool
    """The day's payloads are gone, or going, by retention: only the references are left."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Who needs some blobs."""

    living: set[bytes]
    """Refs that a trace refers to which is not deleted."""
    lists: dict[bytes, set[bytes]]
    """By the first bytes of a part, those of the lists that need it."""


@dataclass(slots=True)
class Removal:
    """What was worked out, for :meth:`PayloadRemoval.apply`."""

    project_id: int
    pending: Pending
    doomed: dict[bytes, BlobPlace] = field(default_factory=dict)
    """Blobs that nothing else needs."""
    parts: list[tuple[bytes, bytes]] = field(default_factory=list)
    """(part, list) of the doomed lists, as full refs."""
    packs: dict[bytes, dict[bytes, BlobPlace]] = field(default_factory=dict)
    """All blobs of the objects that hold doomed ones, by object and ref."""
    moved: dict[bytes, BlobPlace] = field(default_factory=dict)
    """The new places of blobs that stay and shared an object with doomed ones."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An object that no row names any more and that may still be stored; ``day`` is
    ``yyyy-mm-dd``."""

    ref: bytes
    day: str
    object: bytes


def doomed_among(
    refs: Iterable[bytes], needs: Needs, doomed: Collection[bytes], heads: Collection[bytes]
) -> list[bytes]:
    """Those of these refs that nothing needs but ``doomed`` lists, whose first bytes are
    ``heads``."""
    return [
        ref
        for ref in refs
        if ref not in doomed
        and ref not in needs.living
        and all(head in heads for head in needs.lists.get(ref[:ID_BYTES], ()))
    ]


def needs_of(
    connection: sa.Connection,
    project: int,
    day: int,
    refs: Collection[bytes],
    now_ns: int,
    doomed_lists: int,
) -> Needs:
    """Who needs these blobs of one day. Of a part that more lists need than ``doomed_lists`` not
    all are told: it is needed in any case."""
    blob, ref = payload_blobs.c, span_payload_refs.c
    living: set[bytes] = set()
    lists: dict[bytes, set[bytes]] = {}
    dead = sa.exists().where(tombstones.c.project_id == project, is_buried(now_ns)) & ~has_spans()
    # Millions of traces may share a prompt: the first one that lives is enough.
    wanted = sa.exists().where(
        ref.project_id == project, ref.day == day, ref.ref == blob.ref, sa.not_(dead)
    )
    for chunk in chunks(sorted(refs)):
        statement = sa.select(blob.ref).where(
            blob.project_id == project, blob.day == day, blob.ref.in_(chunk), wanted
        )
        living.update(connection.execute(statement).scalars())
        _add_lists(connection, project, day, chunk, doomed_lists, lists)
    return Needs(living, lists)


def _add_lists(
    connection: sa.Connection,
    project: int,
    day: int,
    refs: Collection[bytes],
    doomed_lists: int,
    lists: dict[bytes, set[bytes]],
) -> None:
    row = payload_list_parts.c
    limit = EDGES_AT_ONCE + doomed_lists
    parts = sorted({ref[:ID_BYTES] for ref in refs})
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
        last = edges[-1][0]
        parts = [part for part in parts if part >= last]
        if len(lists[last]) > doomed_lists:
            parts.remove(last)
        else:
            del lists[last]


def packs_of(
    connection: sa.Connection, project: int, day: int, objects: Collection[bytes], *, lock: bool
) -> dict[bytes, dict[bytes, BlobPlace]]:
    """All blobs of some objects, by object and ref; ``lock`` keeps writers from them until the
    transaction ends."""
    blob = payload_blobs.c
    statement = (
        sa.select(blob.ref, blob.object, blob.object_offset, blob.stored_bytes, blob.depth)
        .where(blob.project_id == project, blob.day == day, blob.object.in_(sorted(objects)))
        .order_by(blob.ref)
    )
    if lock:
        statement = statement.with_for_update()
    packs: dict[bytes, dict[bytes, BlobPlace]] = {}
    for ref, *place in connection.execute(statement):
        found = BlobPlace(*place)
        packs.setdefault(found.object, {})[ref] = found
    return packs


def is_buried(now_ns: int) -> sa.ColumnElement[bool]:
    """The trace of a reference has a tombstone that is not over."""
    return sa.and_(
        tombstones.c.trace_id == span_payload_refs.c.trace_id,
        tombstones.c.keep_until_ns > now_ns,
    )


def has_spans() -> sa.ColumnElement[bool]:
    """The trace of a reference has a row, so it lives."""
    return sa.exists().where(
        traces.c.project_id == span_payload_refs.c.project_id,
        traces.c.trace_id == span_payload_refs.c.trace_id,
    )
