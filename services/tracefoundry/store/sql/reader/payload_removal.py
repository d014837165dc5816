"""The database's part in removing the payloads of deleted traces.

Which of them go is worked out by the caller, who can read the descriptions of lists; it takes time,
and holds no lock. :meth:`PayloadRemoval.apply` then does it in one transaction, after it has locked
the rows and made sure that what was worked out is still so: nobody has begun to need one of the
payloads meanwhile, nor moved it.

The rows of ``span_payload_refs`` of a deleted trace stay until then. They are the list of what is
still to be done, so a removal that was interrupted is found and finished by the next one. The
objects that lost their last row are removed after the COMMIT; until that has happened, tombstones
name them (``removing DAY/SHA256``), for the same reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.records import BlobPlace
from tracefoundry.store.sql.columns import ID_BYTES
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.reader import removal_commit
from tracefoundry.store.sql.reader.free_pages import give_back
from tracefoundry.store.sql.reader.payload_rows import chunks, places_of
from tracefoundry.store.sql.reader.removal_commit import REMOVING
from tracefoundry.store.sql.reader.removal_plan import (
    Needs,
    Pending,
    Removal,
    Unfinished,
    has_spans,
    is_buried,
    needs_of,
    packs_of,
)
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_days,
    payload_list_parts,
    payload_tombstones,
    span_payload_refs,
    tombstones,
)

UNFINISHED_LIMIT = 500
"""Most tombstones that are finished at once."""


class PayloadRemoval:
    """The steps, over an engine that it does not own. Safe between threads.

    Everything raises :class:`StoreUnavailable` when the database cannot answer now.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def pending(self, project: int, now_ns: int, limit: int) -> Pending | None:
        """The next payloads of deleted traces, of one day; None when there are no more."""
        ref = span_payload_refs.c
        until = sa.func.max(tombstones.c.keep_until_ns)
        statement = (
            sa.select(ref.day, ref.ref, until)
            .join(tombstones, is_buried(now_ns))
            .where(ref.project_id == project, tombstones.c.project_id == project, ~has_spans())
            .group_by(ref.day, ref.ref)
            .order_by(ref.day, ref.ref)
            .limit(limit)
        )
        with reading(self._engine) as connection:
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
        return Pending(
            day, [row[1] for row in rows], max(row[2] for row in rows), expired is not None
        )

    def places(self, project: int, day: int, refs: Collection[bytes]) -> dict[bytes, BlobPlace]:
        """Where those of these refs are that are stored."""
        with reading(self._engine) as connection:
            return places_of(connection, project, day, refs)

    def look(
        self, project: int, day: int, refs: Collection[bytes], now_ns: int, doomed_lists: int
    ) -> tuple[dict[bytes, BlobPlace], Needs]:
        """Where these blobs are, and who needs them; see :func:`needs_of`."""
        with reading(self._engine) as connection:
            return (
                places_of(connection, project, day, refs),
                needs_of(connection, project, day, refs, now_ns, doomed_lists),
            )

    def parts_of(
        self, project: int, day: int, lists: Collection[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """(part, list) of lists whose description cannot be read, as full refs. Reads the whole
        day: there is no index by list, as a description tells its parts."""
        by_head = {ref[:ID_BYTES]: ref for ref in lists}
        row = payload_list_parts.c
        found: list[tuple[bytes, bytes]] = []
        with reading(self._engine) as connection:
            for heads in chunks(sorted(by_head)):
                statement = sa.select(row.part, row.list).where(
                    row.project_id == project, row.day == day, row.list.in_(heads)
                )
                for part, head in connection.execute(statement).all():
                    whole = connection.execute(
                        sa.select(payload_blobs.c.ref).where(
                            payload_blobs.c.project_id == project,
                            payload_blobs.c.day == day,
                            payload_blobs.c.ref >= part,
                            payload_blobs.c.ref <= part + b"\xff" * ID_BYTES,
                        )
                    ).scalars()
                    found += [(ref, by_head[head]) for ref in whole]
        return found

    def packs_of(
        self, project: int, day: int, objects: Collection[bytes]
    ) -> dict[bytes, dict[bytes, BlobPlace]]:
        """All blobs of some objects, by object and ref."""
        with reading(self._engine) as connection:
            return packs_of(connection, project, day, objects, lock=False)

    def apply(self, removal: Removal, now_ns: int) -> int | None:
        """Remove the rows of payloads and references; returns how many references went.

        None: somebody needs or has moved one of the blobs by now, and nothing was changed.
        """
        return write_again(
            self._engine, lambda connection: removal_commit.apply(connection, removal, now_ns)
        )

    def unfinished(self, project: int, refs: Collection[bytes] | None = None) -> list[Unfinished]:
        """Objects that are still to be removed, of these refs or of any; a bounded number."""
        stone = payload_tombstones.c
        wanted = sa.select(stone.ref, stone.reason).where(
            stone.project_id == project, stone.reason.like(f"{REMOVING} %")
        )
        found = []
        with reading(self._engine) as connection:
            if refs is None:
                rows: Iterable[Any] = connection.execute(wanted.limit(UNFINISHED_LIMIT)).all()
            else:
                rows = [
                    row
                    for chunk in chunks(sorted(refs))
                    for row in connection.execute(wanted.where(stone.ref.in_(chunk)))
                ]
            for ref, reason in rows:
                for name in reason.split(" ")[1:]:
                    day, _, digest = name.partition("/")
                    found.append(Unfinished(ref, day, bytes.fromhex(digest)))
        return found

    def still_named(self, project: int, day: int, objects: Collection[bytes]) -> set[bytes]:
        """Those of these objects that a blob's row names."""
        blob = payload_blobs.c
        named: set[bytes] = set()
        with reading(self._engine) as connection:
            for chunk in chunks(sorted(objects)):
                statement = (
                    sa.select(blob.object)
                    .where(blob.project_id == project, blob.day == day, blob.object.in_(chunk))
                    .distinct()
                )
                named.update(connection.execute(statement).scalars())
        return named

    def finish(self, project: int, refs: Collection[bytes]) -> None:
        """Note that the objects of these tombstones are removed."""

        def work(connection: sa.Connection) -> None:
            stone = payload_tombstones.c
            for chunk in chunks(sorted(refs)):
                connection.execute(
                    sa.update(payload_tombstones)
                    .where(stone.project_id == project, stone.ref.in_(chunk))
                    .values(reason="deleted")
                )

        write_again(self._engine, work)

    def give_back(self) -> None:
        """Give the space of removed rows back to the file system, where the database does not."""
        give_back(self._engine)
