"""Deletion through SQLAlchemy: what PostgreSQL and SQLite share of :class:`.store.api.Deletion`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from tracefoundry.store.deletion_api import Check, RetentionRun
from tracefoundry.store.deletion_records import (
    PayloadNeeds,
    PayloadRemovalPlan,
    PendingPayloads,
    UnneededObject,
)
from tracefoundry.store.records import BlobPlace, Deleted
from tracefoundry.store.sql.deletion import by_request, payload_needs, payload_removal, tombstones
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.reader.payload_rows import chunks
from tracefoundry.store.sql.tables import payload_tombstones

UNNEEDED_LIMIT = 500
"""Most tombstones whose objects are named at once."""


class SqlDeletion:
    """Deletes through an engine that it does not own. The two databases differ in how a run of
    retention is opened, and in whether space has to be freed by hand."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def delete_trace(
        self, project_id: int, trace_id: bytes, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        """Delete one trace with its logs, or logs that came without spans."""
        deleted = by_request.delete_trace(
            self.engine, project_id, trace_id, now_ns=now_ns, retention_ns=retention_ns
        )
        self.reclaim_space()
        return deleted

    def delete_before(
        self, project_ids: Sequence[int], before_ns: int, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        """Delete the traces that end before a time, and older logs without spans."""
        deleted = by_request.delete_before(
            self.engine, project_ids, before_ns, now_ns=now_ns, retention_ns=retention_ns
        )
        self.reclaim_space()
        return deleted

    def pending_payloads(
        self, project_id: int, *, now_ns: int, limit: int
    ) -> PendingPayloads | None:
        """The next payloads of deleted traces, of one day."""
        with reading(self.engine) as connection:
            return payload_needs.pending(connection, project_id, now_ns, limit)

    def payload_needs(
        self,
        project_id: int,
        day: int,
        refs: Collection[bytes],
        *,
        now_ns: int,
        removed_lists: int,
    ) -> PayloadNeeds:
        """Who needs these payloads, and where they are."""
        with reading(self.engine) as connection:
            return payload_needs.needs_of(
                connection, project_id, day, refs, now_ns=now_ns, removed_lists=removed_lists
            )

    def list_parts(
        self, project_id: int, day: int, lists: Collection[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """(part, list) of lists whose node cannot be read."""
        with reading(self.engine) as connection:
            return payload_needs.list_parts(connection, project_id, day, lists)

    def blobs_of(
        self, project_id: int, day: int, objects: Collection[bytes]
    ) -> dict[bytes, dict[bytes, BlobPlace]]:
        """Everything that is in some objects, by object and ref."""
        with reading(self.engine) as connection:
            return payload_needs.blobs_of(connection, project_id, day, objects, lock=False)

    def remove_payloads(self, plan: PayloadRemovalPlan, *, now_ns: int) -> int | None:
        """Remove payloads and references to them; None where the plan is out of date."""
        return write_again(
            self.engine, lambda connection: payload_removal.remove(connection, plan, now_ns)
        )

    def unneeded_objects(
        self, project_id: int, refs: Collection[bytes] | None = None
    ) -> list[UnneededObject]:
        """Emptied objects whose removal was not confirmed."""
        with reading(self.engine) as connection:
            if refs is None:
                return tombstones.unneeded_objects(connection, project_id, limit=UNNEEDED_LIMIT)
            return [
                found
                for chunk in chunks(sorted(refs))
                for found in tombstones.unneeded_objects(
                    connection, project_id, payload_tombstones.c.ref.in_(chunk), limit=None
                )
            ]

    def objects_in_use(self, project_id: int, day: int, objects: Collection[bytes]) -> set[bytes]:
        """Those of these objects in which a payload is stored."""
        with reading(self.engine) as connection:
            return payload_needs.objects_in_use(connection, project_id, day, objects)

    def confirm_removal(self, project_id: int, refs: Collection[bytes]) -> None:
        """Note that the objects emptied by removing these payloads are removed."""

        def work(connection: sa.Connection) -> None:
            for chunk in chunks(sorted(refs)):
                tombstones.forget_objects(connection, project_id, chunk)

        write_again(self.engine, work)

    def reclaim_space(self) -> int:
        """Free the space of deleted rows, where the database does not."""
        raise NotImplementedError

    def retention_run(self, *, dry_run: bool, check: Check) -> AbstractContextManager[RetentionRun]:
        """Open a run of retention, the only one unless it is a dry run."""
        raise NotImplementedError
