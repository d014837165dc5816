"""Reads the contents of many payloads for an export, each pack about once.

The API reads one payload at a time. An export needs thousands that were stored together, so they
are read in the order in which they stand in their packs, and what the lists among them are made of
is looked up for a whole batch at once: one lookup and one read for each level of nesting.

What cannot be read any more is told as such, not raised: a trace with one damaged payload must
still be exported. Trouble that may pass (an object store that cannot answer, a key that is not
configured) ends the export.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from tracefoundry.model.payload import digest_of, ref_from_digest
from tracefoundry.model.times import date_of
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.errors import (
    NoObjectStore,
    ObjectMissing,
    PayloadCorrupt,
    PayloadMissing,
)
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.lists import assemble, decode_node
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import BlobLocation, read_blobs
from tracefoundry.store.api import Snapshot

BATCH_BYTES = 16 * 1024 * 1024
"""Contents that are read at once, but for a single larger one."""
BATCH_REFS = 1_000
COPIES_TRIED = 3
"""Days on which a content is looked for that is asked for without its day."""

ReadAgain = Callable[[int, str, int, str], bytes]
"""Reads one payload by a lookup of its own: (project id, project, day, ref). A deletion may have
moved it into another pack since the snapshot began."""

_ABSENT = (ObjectMissing, PayloadMissing, PayloadCorrupt)


class ContentReader:
    """Reads contents of one snapshot. One instance serves one thread."""

    def __init__(
        self,
        snapshot: Snapshot,
        objects: ObjectStore | None,
        keys: KeyRing,
        read_again: ReadAgain,
    ) -> None:
        """``objects`` is None where no payload store is configured: then nothing can be read."""
        self._snapshot = snapshot
        self._objects = objects
        self._codec = BlobCodec(keys)
        self._read_again = read_again

    def read(
        self, project_id: int, project: str, day: int, sizes: Mapping[str, int]
    ) -> Iterator[tuple[str, bytes | None]]:
        """The verified contents of these refs, by ref with their sizes in bytes; None for one that
        is not there or is damaged. In the order of their packs.

        Raises:
            ObjectStoreUnavailable: the object store cannot answer now.
            UnknownKey: a payload needs a key that is not configured.
            StoreUnavailable: the database cannot answer now.
        """
        places = self._locations(project_id, project, day, list(sizes))
        ordered = sorted(places.values(), key=lambda place: (place.object_name, place.offset))
        for batch in _batches([place.ref for place in ordered], sizes):
            known = self._closure(project_id, project, day, [places[ref] for ref in batch])
            for ref in batch:
                yield ref, self._assembled(project_id, project, day, ref, known)
        for ref in sizes:
            if ref not in places:
                yield ref, self._looked_up_again(project_id, project, day, ref)

    def read_any_copy(self, project_id: int, project: str, ref: str) -> bytes | None:
        """One content from whichever day has it, the newest first; None where none has it whole.

        Raises:
            Exception: like :meth:`read`.
        """
        for copy in self._snapshot.payload_copies([project_id], digest_of(ref))[:COPIES_TRIED]:
            content = self._looked_up_again(project_id, project, copy.day, ref)
            if content is not None:
                return content
        return None

    def _assembled(
        self, project_id: int, project: str, day: int, ref: str, known: Mapping[str, DecodedBlob]
    ) -> bytes | None:
        def fetch(refs: Sequence[str]) -> Mapping[str, DecodedBlob]:
            return {one: known[one] for one in refs if one in known}

        try:
            return assemble(ref, fetch)
        except _ABSENT:
            return self._looked_up_again(project_id, project, day, ref)

    def _looked_up_again(self, project_id: int, project: str, day: int, ref: str) -> bytes | None:
        try:
            return self._read_again(project_id, project, day, ref)
        except _ABSENT:
            return None

    def _closure(
        self, project_id: int, project: str, day: int, wanted: Sequence[BlobLocation]
    ) -> dict[str, DecodedBlob]:
        """The blobs of a batch, and all that the lists among them are made of."""
        known: dict[str, DecodedBlob] = {}
        asked = {place.ref for place in wanted}
        level = list(wanted)
        while level:
            found = self._blobs(project, level)
            known.update(found)
            needed = {ref for blob in found.values() for ref in _parts(blob)} - asked
            asked |= needed
            level = list(self._locations(project_id, project, day, sorted(needed)).values())
        return known

    def _blobs(self, project: str, wanted: Sequence[BlobLocation]) -> dict[str, DecodedBlob]:
        """Those of these blobs that are there and whole."""
        if self._objects is None:
            raise NoObjectStore
        found: dict[str, DecodedBlob] = {}
        ordered = sorted(wanted, key=lambda place: (place.object_name, place.offset))
        for _, group in itertools.groupby(ordered, key=lambda place: place.object_name):
            in_object = list(group)
            try:
                found.update(read_blobs(self._objects, self._codec, project, in_object))
            except ObjectMissing:
                continue
            except PayloadCorrupt:
                found.update(self._one_by_one(self._objects, project, in_object))
        return found

    def _one_by_one(
        self, objects: ObjectStore, project: str, wanted: Sequence[BlobLocation]
    ) -> dict[str, DecodedBlob]:
        """The blobs of a damaged object that are whole."""
        found: dict[str, DecodedBlob] = {}
        for place in wanted:
            try:
                found.update(read_blobs(objects, self._codec, project, [place]))
            except (ObjectMissing, PayloadCorrupt):
                continue
        return found

    def _locations(
        self, project_id: int, project: str, day: int, refs: Sequence[str]
    ) -> dict[str, BlobLocation]:
        if not refs:
            return {}
        places = self._snapshot.payload_places(project_id, day, [digest_of(ref) for ref in refs])
        date = date_of(day)
        found = {}
        for digest, place in places.items():
            ref = ref_from_digest(digest)
            name = object_name(project, date, place.object.hex())
            found[ref] = BlobLocation(ref, name, place.offset, place.stored_bytes)
        return found


def _parts(blob: DecodedBlob) -> set[str]:
    """What a list is made of; nothing for plain content, and for a damaged list."""
    if blob.form == "content":
        return set()
    try:
        return decode_node(blob.content).references()
    except ValueError:
        return set()


def _batches(refs: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for ref in refs:
        if batch and (total + sizes[ref] > BATCH_BYTES or len(batch) >= BATCH_REFS):
            yield batch
            batch, total = [], 0
        batch.append(ref)
        total += sizes[ref]
    if batch:
        yield batch
