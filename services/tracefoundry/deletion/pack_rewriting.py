"""Stores objects (packs of many payloads) anew without the payloads that go.

What stays is copied as it is stored: it is not decoded, so it needs no key, and damage stays as
visible as it is.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tracefoundry.model.payload import digest_of, ref_from_digest
from tracefoundry.payloads.errors import ObjectMissing
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import (
    MAX_PACK_BYTES,
    UNIQUE_BYTES,
    BlobLocation,
    read_stored,
    unique_blob,
)
from tracefoundry.store.records import BlobPlace

log = logging.getLogger(__name__)

GAP_BYTES = 256 * 1024
"""Reading this much without need costs less than another request to an object store."""


class StoredBlob(NamedTuple):
    """A payload with its stored bytes and where they were."""

    ref: bytes
    place: BlobPlace
    data: bytes


class NewPack(NamedTuple):
    """An object to put, and where in it each payload is."""

    name: str
    data: bytes
    places: dict[bytes, BlobPlace]


def rewrite(
    objects: ObjectStore,
    project: str,
    day: datetime.date,
    packs: Mapping[bytes, Mapping[bytes, BlobPlace]],
    removed: Collection[bytes],
) -> dict[bytes, BlobPlace]:
    """Put what stays of these objects, by SHA-256 and ref, into new ones; returns the new places.

    A payload that is not whole where it should be is left out: it was lost before.

    Raises:
        ObjectStoreUnavailable: some of the new objects may have been put.
    """
    staying = (
        blob
        for digest, blobs in sorted(packs.items())
        for blob in _stored(
            objects,
            object_name(project, day, digest.hex()),
            {ref: place for ref, place in blobs.items() if ref not in removed},
        )
    )
    moved: dict[bytes, BlobPlace] = {}
    for pack in new_packs(project, day, staying):
        objects.put(pack.name, pack.data)
        moved.update(pack.places)
    return moved


def new_packs(project: str, day: datetime.date, blobs: Iterable[StoredBlob]) -> Iterator[NewPack]:
    """Packs of these payloads, in their order, each as full as it may be. Pure."""
    batch: list[StoredBlob] = []
    size = 0
    for blob in blobs:
        if batch and size + len(blob.data) > MAX_PACK_BYTES - UNIQUE_BYTES:
            yield _pack(project, day, batch)
            batch, size = [], 0
        batch.append(blob)
        size += len(blob.data)
    if batch:
        yield _pack(project, day, batch)


def _pack(project: str, day: datetime.date, blobs: list[StoredBlob]) -> NewPack:
    data = b"".join([*(blob.data for blob in blobs), unique_blob(project)])
    digest = hashlib.sha256(data).digest()
    places: dict[bytes, BlobPlace] = {}
    offset = 0
    for ref, place, stored in blobs:
        places[ref] = BlobPlace(digest, offset, place.stored_bytes, place.depth)
        offset += len(stored)
    return NewPack(object_name(project, day, digest.hex()), data, places)


def _stored(
    objects: ObjectStore, name: str, places: Mapping[bytes, BlobPlace]
) -> Iterator[StoredBlob]:
    """The payloads of one object; those that are not whole there are left out."""
    locations = [
        BlobLocation(ref_from_digest(ref), name, place.offset, place.stored_bytes)
        for ref, place in places.items()
    ]
    try:
        for location, data in read_stored(objects, locations, max_gap_bytes=GAP_BYTES):
            if len(data) == location.length:
                ref = digest_of(location.ref)
                yield StoredBlob(ref, places[ref], data)
            else:
                log.warning("object %s is cut off: a payload in it is lost", name)
    except ObjectMissing:
        log.warning("object %s is missing: what it held cannot be kept", name)
