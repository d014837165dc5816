"""Removes the payloads of deleted traces: rows, previews and stored bytes, but nothing shared.

A payload goes when no trace that is left refers to it and no list needs it; with a list go the
parts that only it needed. An object (a pack of many blobs) of which nothing is left goes whole; one
that also holds blobs which stay is written anew without the others.

Order: the new object is put, then one transaction changes all rows, then the old object is removed.
Whatever is interrupted, the next deletion in the project finds it and goes on:

* deleted traces whose references are still there have payloads to be removed;
* tombstones name objects that no row names any more and that may still be stored.

What neither says (an object that was put for a transaction which never came) is an object without
rows, which retention removes.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tracefoundry.model.payload import digest_of, ref_from_digest
from tracefoundry.model.times import date_of, day_of_date
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.errors import (
    ObjectMissing,
    ObjectStoreUnavailable,
    PayloadCorrupt,
    UnknownKey,
)
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.lists import decode_node
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import BlobLocation, read_blobs
from tracefoundry.query.pack_rewriting import rewrite
from tracefoundry.store.contract import StoreUnavailable
from tracefoundry.store.records import BlobPlace
from tracefoundry.store.sql.columns import ID_BYTES
from tracefoundry.store.sql.reader.payload_removal import PayloadRemoval
from tracefoundry.store.sql.reader.removal_plan import Pending, Removal, doomed_among

log = logging.getLogger(__name__)

PAGE_REFS = 100_000
"""Most payloads of deleted traces that are listed at once."""
STEP_REFS = 2_000
"""About how many of them are removed in one transaction, with what only they need: as many as stand
in the same objects, so that each of these is written anew once."""
PLANS = 5
"""How often a step is worked out anew when others change what it is about."""
NAMED_OBJECTS = 1_000
"""Most removed objects that a receipt names."""


@dataclass(slots=True)
class RemovedPayloads:
    """What went, and what stayed because others need it."""

    refs: int = 0
    """References of deleted traces."""
    objects: list[str] = field(default_factory=list)
    """Names of removed objects, the first thousand."""
    objects_total: int = 0
    kept_shared: int = 0
    """Payloads of deleted traces that stay for other traces."""

    def add(self, other: RemovedPayloads) -> None:
        """Count another project in."""
        self.refs += other.refs
        self.objects += other.objects[: NAMED_OBJECTS - len(self.objects)]
        self.objects_total += other.objects_total
        self.kept_shared += other.kept_shared


class PayloadRemover:
    """Removes payloads from one store's database and objects. Safe between threads.

    Steps of one process take turns; another replica's are noticed when a step is carried out.
    """

    def __init__(self, steps: PayloadRemoval, objects: ObjectStore | None, keys: KeyRing) -> None:
        """``objects`` is None where no payload store is configured."""
        self._steps = steps
        self._objects = objects
        self._keys = keys
        self._turn = threading.Lock()

    @property
    def configured(self) -> bool:
        """Whether there is a payload store."""
        return self._objects is not None

    def check(self) -> None:
        """Ask for a sign of life of the object store, before anything is deleted.

        Raises:
            ObjectStoreUnavailable: it cannot be used now.
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
        kept: set[tuple[int, bytes]] = set()
        while True:
            page = self._steps.pending(project_id, now_ns, PAGE_REFS)
            if page is None:
                break
            before = done.refs
            for pending in self._portions(project_id, page):
                with self._turn:
                    removal, refs = self._step(project_id, project, pending, now_ns)
                done.refs += refs
                kept.difference_update((page.day, ref) for ref in removal.doomed)
                stored = self._steps.places(project_id, page.day, pending.refs)
                kept.update((page.day, ref) for ref in stored if not page.expired)
                self._finish(project_id, project, removal.doomed, done)
            if done.refs == before:
                break
        if done.refs:
            self._steps.give_back()
        done.kept_shared = len({ref for _, ref in kept})
        return done

    def _portions(self, project_id: int, page: Pending) -> Iterator[Pending]:
        """The page in steps; an object's blobs are in one step."""
        places = self._steps.places(project_id, page.day, page.refs)
        by_object: dict[bytes, list[bytes]] = {}
        for ref in page.refs:
            place = places.get(ref)
            by_object.setdefault(b"" if place is None else place.object, []).append(ref)
        step: list[bytes] = []
        for refs in by_object.values():
            step += refs
            if len(step) >= STEP_REFS:
                yield replace(page, refs=step)
                step = []
        if step:
            yield replace(page, refs=step)

    def finish(self, project_id: int, project: str) -> RemovedPayloads:
        """Remove the objects that an interrupted call left without rows."""
        done = RemovedPayloads()
        while self._finish(project_id, project, None, done):
            pass
        return done

    def _step(
        self, project_id: int, project: str, pending: Pending, now_ns: int
    ) -> tuple[Removal, int]:
        for _ in range(PLANS):
            removal = Removal(project_id, pending)
            if not pending.expired:
                self._plan(removal, project, now_ns)
            refs = self._steps.apply(removal, now_ns)
            if refs is not None:
                return removal, refs
            self._take_back(removal, project)
        raise StoreUnavailable(
            "payloads of the deleted traces are being used by others again and again; the traces"
            " are deleted, call again to remove the rest of their payloads"
        )

    def _take_back(self, removal: Removal, project: str) -> None:
        """Remove the objects of a plan that was not carried out; nobody else has put them."""
        new = {place.object for place in removal.moved.values()}
        if new:
            day = date_of(removal.pending.day)
            self._store().delete([object_name(project, day, one.hex()) for one in sorted(new)])

    def _plan(self, removal: Removal, project: str, now_ns: int) -> None:
        """Work out which blobs go, and write those that stay beside them into new objects."""
        day = removal.pending.day
        heads: set[bytes] = set()
        candidates: Collection[bytes] = removal.pending.refs
        while candidates:
            places, needs = self._steps.look(
                removal.project_id, day, candidates, now_ns, len(removal.doomed)
            )
            going = doomed_among(places, needs, removal.doomed, heads)
            removal.doomed.update((ref, places[ref]) for ref in going)
            heads.update(ref[:ID_BYTES] for ref in going)
            lists = {ref: places[ref] for ref in going if places[ref].depth > 0}
            parts = self._parts(removal.project_id, project, day, lists)
            removal.parts += parts
            # A part that was looked at before may have lost its last list just now.
            candidates = {part for part, _ in parts if part not in removal.doomed}
        if not removal.doomed:
            return
        objects = {place.object for place in removal.doomed.values()}
        removal.packs = self._steps.packs_of(removal.project_id, day, objects)
        removal.moved = rewrite(self._store(), project, date_of(day), removal.packs, removal.doomed)

    def _parts(
        self, project_id: int, project: str, day: int, lists: Mapping[bytes, BlobPlace]
    ) -> list[tuple[bytes, bytes]]:
        """(part, list) of lists, from their descriptions; from the database where these cannot be
        read, or damage would keep a trace from being deleted."""
        if not lists:
            return []
        found: list[tuple[bytes, bytes]] = []
        unread = set(lists)
        for digest, blob in self._descriptions(project, day, lists).items():
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
            found += self._steps.parts_of(project_id, day, unread)
        return found

    def _descriptions(
        self, project: str, day: int, lists: Mapping[bytes, BlobPlace]
    ) -> dict[bytes, DecodedBlob]:
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

    def _finish(
        self,
        project_id: int,
        project: str,
        refs: Collection[bytes] | None,
        done: RemovedPayloads,
    ) -> bool:
        """Remove objects that tombstones name (of these refs, or a bounded number of any); True
        when there were some."""
        unfinished = self._steps.unfinished(project_id, refs)
        if not unfinished:
            return False
        by_day: dict[str, set[bytes]] = {}
        for one in unfinished:
            by_day.setdefault(one.day, set()).add(one.object)
        names = []
        for day, digests in sorted(by_day.items()):
            number = day_of_date(datetime.date.fromisoformat(day))
            named = self._steps.still_named(project_id, number, digests)
            names += [f"{project}/{day}/{digest.hex()}" for digest in sorted(digests - named)]
        self._store().delete(names)
        self._steps.finish(project_id, {one.ref for one in unfinished})
        done.objects += names[: NAMED_OBJECTS - len(done.objects)]
        done.objects_total += len(names)
        return True

    def _store(self) -> ObjectStore:
        if self._objects is None:
            raise ObjectStoreUnavailable(
                "no payload store is configured here: set TRACEFOUNDRY_PAYLOAD_URL as ingest has it"
            )
        return self._objects
