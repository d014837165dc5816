"""Packs: many blobs of one project and one UTC day in one object.

One PUT a message does not scale, so the blobs of a commit share an object, named by the SHA-256 of
its stored bytes, and the database knows where in it each blob stands. A pack is its blobs one
after the other; each begins with its own header, so a pack can also be read without the database
(:func:`tracefoundry.payloads.codec.walk_blobs`).

At its end stands a tiny random blob that nothing refers to, so that no two packs have the same
name. Else a writer could put a pack that is there already just before a deletion, which found
nothing that needs it, takes it away.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tracefoundry.payloads.codec import BlobCodec, Codec, DecodedBlob, EncodedBlob, Form
from tracefoundry.payloads.errors import PayloadCorrupt
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.refs import ref_of

MAX_PACK_BYTES = 8 * 1024 * 1024
UNIQUE_BYTES = 64
"""More than the blob takes that makes a pack unlike any other."""

HEAD_BYTES = 64 * 1024
"""How much of a pack is read at once: a turn of a conversation is far smaller."""
MOST_HEADS = 256
"""Most beginnings kept while one payload is read: 16 MiB."""

_MAX_GAP_BYTES = 64 * 1024
"""Reading this much for nothing costs less than another request to an object store."""


class PackEntry(msgspec.Struct, frozen=True, gc=False):
    """Where a blob stands in its pack, and what the database keeps about it.

    Attributes:
        ref: what it is the content of.
        offset: first byte in the pack.
        length: stored bytes, header included.
        plain_bytes: length of the value that the ref names.
        codec: how it is compressed.
        form: whether it is the value or describes a list.
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
    """Where a blob is stored, as a row of the database names it."""

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
        """True when the blob can be added without passing MAX_PACK_BYTES."""
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
        """The pack, None when nothing was added. The builder is empty afterwards."""
        if not self._entries:
            return None
        data = b"".join([*self._data, unique_blob(self._project)])
        name = object_name(self._project, self._day, hashlib.sha256(data).hexdigest())
        pack = Pack(name, data, tuple(self._entries))
        self._data, self._entries, self._size = [], [], 0
        return pack


def unique_blob(project: str) -> bytes:
    """A blob that nothing refers to and that makes the bytes around it unlike any other."""
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


class PackHeads:
    """The beginnings of packs that one payload is read from.

    The description of a list and the message that it appended were stored by one commit and stand
    in one pack. Reading its beginning whole and keeping it saves the second request, and a long
    conversation is a chain of many.
    """

    def __init__(self, store: ObjectStore) -> None:
        """Keep beginnings of objects of this store for as long as this lives."""
        self._store = store
        self._heads: dict[str, bytes] = {}

    def get(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of an object, like :meth:`ObjectStore.get`."""
        end = offset + length
        if end > HEAD_BYTES:
            return self._store.get(name, offset, length)
        head = self._heads.get(name)
        if head is None:
            head = self._store.get(name, 0, HEAD_BYTES)
            if len(self._heads) < MOST_HEADS:
                self._heads[name] = head
        return head[offset:end]


def read_blobs(
    store: ObjectStore | PackHeads,
    codec: BlobCodec,
    project: str,
    locations: Sequence[BlobLocation],
) -> Mapping[str, DecodedBlob]:
    """Verified blobs by ref; neighbours in a pack come with one request.

    Raises:
        ObjectMissing: a pack is gone.
        ObjectStoreUnavailable: the store cannot answer now.
        PayloadCorrupt: stored bytes do not give the content of their ref.
        UnknownKey: a blob needs a key that is not configured.
    """
    blobs: dict[str, DecodedBlob] = {}
    for location, stored in read_stored(store, locations):
        if len(stored) != location.length:
            raise PayloadCorrupt(location.ref, "its object is cut off")
        blobs[location.ref] = codec.decode(project, location.ref, stored)
    return blobs


def read_stored(
    store: ObjectStore | PackHeads,
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
    for group in _neighbours(locations, max_gap_bytes):
        start = group[0].offset
        end = max(location.offset + location.length for location in group)
        data = store.get(group[0].object_name, start, end - start)
        for location in group:
            at = location.offset - start
            yield location, data[at : at + location.length]


def _neighbours(
    locations: Iterable[BlobLocation], max_gap_bytes: int
) -> Iterator[list[BlobLocation]]:
    """Groups that are worth one range each, at most a pack long."""
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
