"""Removes the payloads of deleted traces: rows, previews and stored bytes, but nothing shared.

An object (a pack of many payloads) of which nothing is left goes whole; one that also holds
payloads which stay is stored anew without the others.

Order: the new object is put, then one transaction changes all rows, then the old object is removed.
Whatever is interrupted, the next deletion in the project finds it and goes on:

* deleted traces whose references are still there have payloads to be removed;
* tombstones name objects that no row names any more and that may still be stored.

What neither says (an object that was put for a transaction which never came) is an object without
rows, which retention removes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tracefoundry.deletion.pack_rewriting import rewrite
from tracefoundry.deletion.planning import Removal, steps_of, what_goes
from tracefoundry.model.payload import digest_of, ref_from_digest
from tracefoundry.model.times import date_of
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.errors import (
    NoObjectStore,
    ObjectMissing,
    PayloadCorrupt,
    UnknownKey,
)
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.lists import decode_node
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import BlobLocation, read_blobs
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.deletion_api import Deletion
from tracefoundry.store.deletion_records import (
    PayloadRemovalPlan,
    PendingPayloads,
)
from tracefoundry.store.records import BlobPlace

_IN_USE = (
    "payloads of the deleted traces are being used by others again and again; the traces are"
    " deleted, call again to remove the rest of their payloads"
)

log = logging.getLogger(__name__)

PAGE_REFS = 100_000
"""Most payloads of deleted traces that are listed at once."""
STEP_REFS = 2_000
"""About how many of them are removed in one transaction, with what only they need."""
PLANS = 5
"""How often a step is worked out anew when others change what it is about."""
NAMED_OBJECTS = 1_000
"""Most removed objects that are named."""


@dataclass(slots=True)
class RemovedPayloads:
    """What went, and what stayed because others need it.

    Attributes:
        refs: references of deleted traces.
        objects: names of removed objects, the first thousand.
        objects_total: how many they are.
        kept_shared: payloads of deleted traces that stay for other traces.
    """

    refs: int = 0
    objects: list[str] = field(default_factory=list)
    objects_total: int = 0
    kept_shared: int = 0

    def add(self, other: RemovedPayloads) -> None:
        """Add the counts of another project."""
        self.refs += other.refs
        self.objects += other.objects[: NAMED_OBJECTS - len(self.objects)]
        self.objects_total += other.objects_total
        self.kept_shared += other.kept_shared


class PayloadRemover:
    """Removes payloads from one store's database and objects. Safe between threads.

    Steps of one process take turns; another process's are noticed when a step is carried out.
    """

    def __init__(self, deletion: Deletion, objects: ObjectStore | None, keys: KeyRing) -> None:
        """``objects`` is None where no payload store is configured."""
        self._deletion = deletion
        self._objects = objects
        self._keys = keys
        self._turn = threading.Lock()

    @property
    def has_store(self) -> bool:
        """Whether there is a payload store."""
        return self._objects is not None

    def check_store(self) -> None:
        """Ask for a sign of life of the object store, before anything is deleted.

        Raises:
            ObjectStoreUnavailable: it cannot be used now, or none is configured.
        """
        self._store().check()

    def remove(self, project_id: int, project: str, now_ns: int) -> RemovedPayloads:
        """Remove the payloads of all deleted traces of a project, and what an interrupted call
        left.

        Raises:
            ObjectStoreUnavailable: the object store cannot answer now. Steps before this one are
                done; calling again goes on.
            StoreUnavailable: the same of the database.
        """
        done = self.finish(project_id, project)
        shared: set[tuple[int, bytes]] = set()
        while True:
            pending = self._deletion.pending_payloads(project_id, now_ns=now_ns, limit=PAGE_REFS)
            if pending is None:
                break
            before = done.refs
            for refs in steps_of(pending, STEP_REFS):
                with self._turn:
                    removal, references = self._step(project_id, project, pending, refs, now_ns)
                done.refs += references
                shared.difference_update((pending.day, ref) for ref in removal.removed)
                shared.update((pending.day, ref) for ref in removal.shared)
                self._remove_objects(project_id, project, removal.removed, done)
            if done.refs == before:
                break
        if done.refs:
            self._deletion.reclaim_space()
        done.kept_shared = len({ref for _, ref in shared})
        return done

    def finish(self, project_id: int, project: str) -> RemovedPayloads:
        """Remove the objects that an interrupted call left without rows."""
        done = RemovedPayloads()
        while self._remove_objects(project_id, project, None, done):
            pass
        return done

    def _step(
        self,
        project_id: int,
        project: str,
        pending: PendingPayloads,
        refs: list[bytes],
        now_ns: int,
    ) -> tuple[Removal, int]:
        """Plan and remove; returns what was removed, and how many references went."""
        for _ in range(PLANS):
            plan = PayloadRemovalPlan(project_id, pending.day, refs, pending.keep_until_ns)
            removal = Removal()
            if not pending.expired:
                removal = self._plan(plan, project, now_ns)
            references = self._deletion.remove_payloads(plan, now_ns=now_ns)
            if references is not None:
                return removal, references
            self._remove_new_objects(plan, project)
        raise StoreUnavailable(_IN_USE, public=_IN_USE)

    def _remove_new_objects(self, plan: PayloadRemovalPlan, project: str) -> None:
        """Remove the objects of a plan that was not carried out; nobody else has put them."""
        new = sorted({place.object for place in plan.moved.values()})
        if new:
            day = date_of(plan.day)
            self._store().delete([object_name(project, day, digest.hex()) for digest in new])

    def _plan(self, plan: PayloadRemovalPlan, project: str, now_ns: int) -> Removal:
        """Work out which payloads go, and put those that stay beside them into new objects."""
        project_id, day = plan.project_id, plan.day
        removal = what_goes(
            plan.refs,
            lambda refs, removed: self._deletion.payload_needs(
                project_id, day, refs, now_ns=now_ns, removed_lists=removed
            ),
            lambda lists: self._parts_of(project_id, project, day, lists),
        )
        plan.removed, plan.list_parts = removal.removed, removal.list_parts
        if plan.removed:
            objects = {place.object for place in plan.removed.values()}
            plan.objects = self._deletion.blobs_of(project_id, day, objects)
            plan.moved = rewrite(self._store(), project, date_of(day), plan.objects, plan.removed)
        return removal

    def _parts_of(
        self, project_id: int, project: str, day: int, lists: Mapping[bytes, BlobPlace]
    ) -> list[tuple[bytes, bytes]]:
        """(part, list) of lists, from their nodes; from the database where these cannot be read:
        damage must not keep a trace from being deleted."""
        if not lists:
            return []
        found: list[tuple[bytes, bytes]] = []
        unread = set(lists)
        for digest, blob in self._nodes(project, day, lists).items():
            if blob.form != "list":
                continue
            try:
                node = decode_node(blob.content)
            except ValueError:
                continue
            unread.discard(digest)
            found += [(digest_of(ref), digest) for ref in node.references()]
        if unread:
            log.warning("%d lists cannot be read; their parts are looked up by row", len(unread))
            found += self._deletion.list_parts(project_id, day, unread)
        return found

    def _nodes(
        self, project: str, day: int, lists: Mapping[bytes, BlobPlace]
    ) -> dict[bytes, DecodedBlob]:
        """The stored nodes of lists; those that cannot be read are left out."""
        objects, codec = self._store(), BlobCodec(self._keys)
        locations = [
            BlobLocation(
                ref_from_digest(digest),
                object_name(project, date_of(day), place.object.hex()),
                place.offset,
                place.stored_bytes,
            )
            for digest, place in lists.items()
        ]
        try:
            blobs = read_blobs(objects, codec, project, locations)
            return {digest_of(ref): blob for ref, blob in blobs.items()}
        except (PayloadCorrupt, ObjectMissing, UnknownKey):
            found: dict[str, DecodedBlob] = {}
            for location in locations:
                try:
                    found.update(read_blobs(objects, codec, project, [location]))
                except (PayloadCorrupt, ObjectMissing, UnknownKey):
                    continue
            return {digest_of(ref): blob for ref, blob in found.items()}

    def _remove_objects(
        self,
        project_id: int,
        project: str,
        refs: Collection[bytes] | None,
        done: RemovedPayloads,
    ) -> bool:
        """Remove the objects that removing these payloads has emptied (None: a bounded number of
        any); True when there were some."""
        unneeded = self._deletion.unneeded_objects(project_id, refs)
        if not unneeded:
            return False
        by_day: dict[int, set[bytes]] = {}
        for one in unneeded:
            by_day.setdefault(one.day, set()).add(one.object)
        names = []
        for day, digests in sorted(by_day.items()):
            # Never an object that a row names, whatever a tombstone says.
            free = digests - self._deletion.objects_in_use(project_id, day, digests)
            names += [object_name(project, date_of(day), digest.hex()) for digest in sorted(free)]
        self._store().delete(names)
        self._deletion.confirm_removal(project_id, {one.ref for one in unneeded})
        done.objects += names[: NAMED_OBJECTS - len(done.objects)]
        done.objects_total += len(names)
        return True

    def _store(self) -> ObjectStore:
        if self._objects is None:
            raise NoObjectStore
        return self._objects
