"""Reads payloads: finds their copies, fetches their parts, verifies them before returning them.

A payload is stored once for each project and day. Any copy in a project that the caller may read is
good: where one is damaged, the next one is tried, newest day first. No transaction is open while
the object store is read. A deletion may move a blob into another object at that time; a blob that
is not where it was is looked up once more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tracefoundry.model.payload import digest_of, ref_from_digest
from tracefoundry.model.times import date_of
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.errors import (
    NoObjectStore,
    ObjectMissing,
    ObjectStoreUnavailable,
    PayloadCorrupt,
    PayloadError,
    PayloadMissing,
    UnknownKey,
)
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.lists import assemble
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import BlobLocation, PackStartCache, read_blobs
from tracefoundry.store.api import Reader
from tracefoundry.store.records import BlobCopy

LARGE_BYTES = 1024 * 1024
"""At most :data:`LARGE_AT_ONCE` payloads above this size are assembled at the same time."""
LARGE_AT_ONCE = 4
LARGE_WAIT_SECONDS = 10.0
_TOO_MANY = "too many large payloads are being read; try again"
LOOKUPS = 2
"""How often a copy is looked up: the second time finds what a deletion has just moved."""


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """A verified payload and the project that the copy is from."""

    content: bytes
    project: str
    day: int


class PayloadReader:
    """Reads through one store's database and objects. Safe between threads.

    ``objects`` is None where no payload store is configured; then no payload can be read.
    """

    def __init__(self, reader: Reader, objects: ObjectStore | None, keys: KeyRing) -> None:
        self._reader = reader
        self._objects = objects
        self._keys = keys
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)

    def read(self, projects: Mapping[int, str], ref: str) -> ReadPayload | None:
        """The payload from any copy in these projects, by id and name; None when there is none.

        Raises:
            ObjectStoreUnavailable: the object store cannot answer now.
            UnknownKey: every copy that may be whole needs a key that is not configured.
            PayloadCorrupt: all copies are damaged.
            StoreUnavailable: the database cannot answer now.
        """
        digest = digest_of(ref)
        copies = self._copies(projects, digest)
        trouble: dict[BlobCopy, PayloadError] = {}
        for copy in copies:
            try:
                return self._read_copy(copy, projects[copy.project_id], ref)
            except (PayloadCorrupt, PayloadMissing, ObjectMissing, UnknownKey) as error:
                trouble[copy] = error
        # What went while it was being read is gone, not damaged.
        left = set(self._copies(projects, digest))
        causes = [
            cause
            for copy, cause in trouble.items()
            if copy in left and not (_is_absence(cause) and self._has_expired(copy))
        ]
        for cause in causes:
            if isinstance(cause, UnknownKey):
                raise cause
        if causes:
            raise PayloadCorrupt(ref, _what(causes[0])) from causes[0]
        return None

    def read_from(self, project_id: int, project: str, day: int, ref: str) -> bytes:
        """The payload from one copy.

        Raises:
            PayloadMissing: there is no such copy.
            Exception: like :meth:`read`, and ObjectMissing.
        """
        return self._read_copy(BlobCopy(project_id, day, LARGE_BYTES), project, ref).content

    def _copies(self, projects: Mapping[int, str], digest: bytes) -> list[BlobCopy]:
        with self._reader.snapshot() as snapshot:
            return snapshot.payload_copies(sorted(projects), digest)

    def _has_expired(self, copy: BlobCopy) -> bool:
        """Whether retention is just removing it: objects go before rows."""
        with self._reader.snapshot() as snapshot:
            return bool(snapshot.expired_days(copy.project_id, [copy.day]))

    def _read_copy(self, copy: BlobCopy, project: str, ref: str) -> ReadPayload:
        objects = self._objects
        if objects is None:
            raise NoObjectStore
        codec = BlobCodec(self._keys)  # of this thread alone

        def assembled() -> bytes:
            heads = PackStartCache(objects)

            def fetch(refs: Sequence[str]) -> Mapping[str, DecodedBlob]:
                return read_blobs(heads, codec, project, self._locations(copy, project, refs))

            return assemble(ref, fetch)

        with self._place_for(copy.plain_bytes):
            for lookup in range(1, LOOKUPS + 1):
                try:
                    return ReadPayload(assembled(), project, copy.day)
                except (ObjectMissing, PayloadMissing, PayloadCorrupt):
                    if lookup == LOOKUPS:
                        raise
        raise AssertionError("the last lookup returns or raises")

    def _locations(self, copy: BlobCopy, project: str, refs: Sequence[str]) -> list[BlobLocation]:
        with self._reader.snapshot() as snapshot:
            places = snapshot.payload_places(
                copy.project_id, copy.day, [digest_of(ref) for ref in refs]
            )
        day = date_of(copy.day)
        return [
            BlobLocation(
                ref_from_digest(digest),
                object_name(project, day, place.object.hex()),
                place.offset,
                place.stored_bytes,
            )
            for digest, place in places.items()
        ]

    @contextmanager
    def _place_for(self, plain_bytes: int) -> Iterator[None]:
        """Bound the memory of large payloads that are assembled at the same time."""
        if plain_bytes <= LARGE_BYTES:
            yield
            return
        if not self._large.acquire(timeout=LARGE_WAIT_SECONDS):
            raise ObjectStoreUnavailable(_TOO_MANY, public=_TOO_MANY)
        try:
            yield
        finally:
            self._large.release()


def _is_absence(error: PayloadError) -> bool:
    return isinstance(error, (ObjectMissing, PayloadMissing))


def _what(error: PayloadError) -> str:
    if isinstance(error, PayloadCorrupt):
        return "its stored bytes give another content"
    return "what it is made of is not there"
