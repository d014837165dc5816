"""Packs: many blobs of one project and one UTC day in one object.

One PUT per message does not scale. So the blobs of a commit share an object, which is named by the
SHA-256 of its stored bytes, and the database has the offset and length of each blob. A pack is its
blobs one after another. Each begins with its own header, so a pack can also be read without the
database (:func:`tracefoundry.payloads.codec.walk_blobs`).

A pack ends with a tiny random blob that nothing refers to, so no two packs have the same name.
Otherwise a writer could put a pack that exists already, and rely on it, just before a deletion that
found no use of it removes the object.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tracefoundry.model.payload import ref_of
from tracefoundry.payloads.codec import BlobCodec, Codec, DecodedBlob, EncodedBlob, Form
from tracefoundry.payloads.errors import PayloadCorrupt
from tracefoundry.payloads.objects import ObjectStore, object_name

MAX_PACK_BYTES = 8 * 1024 * 1024
UNIQUE_BYTES = 64
"""Space reserved for the random blob at the end of a pack."""

START_BYTES = 64 * 1024
"""Length of the start of a pack that is read at once: one turn of a conversation is far smaller."""
MAX_CACHED_STARTS = 256
"""Most starts of packs in the cache while one payload is read: 16 MiB."""

_MAX_GAP_BYTES = 64 * 1024
"""Reading this much in vain costs less than another request to an object store."""


class PackEntry(msgspec.Struct, frozen=True, gc=False):
    """Where a blob is in its pack, and what the database records about it.

    Attributes:
        ref: the ref of its value.
        offset: first byte in the pack.
        length: stored bytes, header included.
        plain_bytes: length of the value.
        codec: how it is compressed.
        form: whether it is the value or a list node.
    """

    ref: str
    offset: int
    length: int
    plain_bytes: int
    codec: Codec
    form: Form


class Pack(msgspec.Struct, frozen=True, gc=False):
    """A finished pack: the object to put and the rows to write."""

    name: str
    data: bytes
    entries: tuple[PackEntry, ...]


class BlobLocation(msgspec.Struct, frozen=True, gc=False):
    """Where a blob is stored, from its row in the database."""

    ref: str
    object_name: str
    offset: int
    length: int


class PackBuilder:
    """Collects blobs of one project and day until the pack is full."""

    def __init__(self, project: str, day: datetime.date) -> None:
        """Start an empty pack."""
        self._project = project
        self._day = day
        self._data: list[bytes] = []
        self._entries: list[PackEntry] = []
        self._size = 0

    def fits(self, blob: EncodedBlob) -> bool:
        """True if the pack stays within MAX_PACK_BYTES with this blob."""
        return self._size + len(blob.data) <= MAX_PACK_BYTES - UNIQUE_BYTES

    def add(self, blob: EncodedBlob) -> None:
        """Append a blob.

        Raises:
            ValueError: it does not fit.
        """
        if not self.fits(blob):
            raise ValueError(f"payload {blob.ref} does not fit into the pack")
        self._entries.append(
            PackEntry(blob.ref, self._size, len(blob.data), blob.plain_bytes, blob.codec, blob.form)
        )
        self._data.append(blob.data)
        self._size += len(blob.data)

    def finish(self) -> Pack | None:
        """The pack; None if nothing was added. The builder is empty afterwards."""
        if not self._entries:
            return None
        data = b"".join([*self._data, unique_blob(self._project)])
        name = object_name(self._project, self._day, hashlib.sha256(data).hexdigest())
        pack = Pack(name, data, tuple(self._entries))
        self._data, self._entries, self._size = [], [], 0
        return pack


def unique_blob(project: str) -> bytes:
    """A random blob that nothing refers to, to give a pack a name that no other pack has."""
    salt = os.urandom(16)
    return BlobCodec().encode(project, ref_of(salt), salt).data


def build_packs(project: str, day: datetime.date, blobs: Iterable[EncodedBlob]) -> list[Pack]:
    """As few packs as the blobs need, in their order.

    Raises:
        ValueError: a single blob is larger than a pack.
    """
    builder = PackBuilder(project, day)
    packs: list[Pack] = []
    for blob in blobs:
        if not builder.fits(blob):
            full = builder.finish()
            if full is not None:
                packs.append(full)
        builder.add(blob)
    last = builder.finish()
    return packs if last is None else [*packs, last]


class PackStartCache:
    """Caches the starts of the packs that one payload is read from.

    A list node and the messages that it appends are mostly stored by one commit, in one pack. With
    the start of the pack cached, they need one request instead of two. A long conversation is a
    chain of many list nodes.
    """

    def __init__(self, store: ObjectStore) -> None:
        """Read objects of this store; the cache lives as long as this object."""
        self._store = store
        self._starts: dict[str, bytes] = {}

    def get(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of an object, like :meth:`ObjectStore.get`."""
        end = offset + length
        if end > START_BYTES:
            return self._store.get(name, offset, length)
        start_bytes = self._starts.get(name)
        if start_bytes is None:
            start_bytes = self._store.get(name, 0, START_BYTES)
            if len(self._starts) < MAX_CACHED_STARTS:
                self._starts[name] = start_bytes
        return start_bytes[offset:end]


def read_blobs(
    store: ObjectStore | PackStartCache,
    codec: BlobCodec,
    project: str,
    locations: Sequence[BlobLocation],
) -> Mapping[str, DecodedBlob]:
    """Verified blobs by ref; blobs near each other in a pack are read with one request.

    Raises:
        ObjectMissing: a pack does not exist.
        ObjectStoreUnavailable: the store cannot answer now.
        PayloadCorrupt: stored bytes are not those that their ref names.
        UnknownKey: a blob needs a key that is not configured.
    """
    blobs: dict[str, DecodedBlob] = {}
    for location, stored in read_stored(store, locations):
        if len(stored) != location.length:
            raise PayloadCorrupt(location.ref, "its object is cut off")
        blobs[location.ref] = codec.decode(project, location.ref, stored)
    return blobs


def read_stored(
    store: ObjectStore | PackStartCache,
    locations: Iterable[BlobLocation],
    *,
    max_gap_bytes: int = _MAX_GAP_BYTES,
) -> Iterator[tuple[BlobLocation, bytes]]:
    """Blobs as they are stored, by place; too short where an object is cut off. Neighbours come
    with one request.

    Raises:
        ObjectMissing: a pack is gone.
        ObjectStoreUnavailable: the store cannot answer now.
    """
    for group in _groups(locations, max_gap_bytes):
        start = group[0].offset
        end = max(location.offset + location.length for location in group)
        data = store.get(group[0].object_name, start, end - start)
        for location in group:
            at = location.offset - start
            yield location, data[at : at + location.length]


def _groups(locations: Iterable[BlobLocation], max_gap_bytes: int) -> Iterator[list[BlobLocation]]:
    """Groups of blobs that are read with one range request each."""
    group: list[BlobLocation] = []
    end = 0
    for location in sorted(locations, key=lambda where: (where.object_name, where.offset)):
        if group and (
            group[0].object_name != location.object_name or location.offset - end > max_gap_bytes
        ):
            yield group
            group, end = [], 0
        group.append(location)
        end = max(end, location.offset + location.length)
    if group:
        yield group
