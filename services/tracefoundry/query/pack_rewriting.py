"""Writes objects anew without the blobs that go.

What stays is copied as it is stored: it is not decoded, so it needs no key, and damage stays as
visible as it is.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping

from tracefoundry.payloads.errors import ObjectMissing
from tracefoundry.payloads.objects import ObjectStore, object_name
from tracefoundry.payloads.packs import MAX_PACK_BYTES, UNIQUE_BYTES, unique_blob
from tracefoundry.store.records import BlobPlace

log = logging.getLogger(__name__)

GAP_BYTES = 256 * 1024
"""Reading this much for nothing costs less than another request to an object store."""


def rewrite(
    objects: ObjectStore,
    project: str,
    day: datetime.date,
    packs: Mapping[bytes, Mapping[bytes, BlobPlace]],
    doomed: Collection[bytes],
) -> dict[bytes, BlobPlace]:
    """Put what stays of these objects, by SHA-256 and ref, into new ones; returns the new places.

    A blob that is not whole where it should be is left out: it was lost before.

    Raises:
        ObjectStoreUnavailable: some of the new objects may have been put.
    """
    moved: dict[bytes, BlobPlace] = {}
    data: list[bytes] = []
    entries: list[tuple[bytes, BlobPlace]] = []
    size = 0

    def put() -> None:
        nonlocal size
        if not data:
            return
        pack = b"".join([*data, unique_blob(project)])
        digest = hashlib.sha256(pack).digest()
        objects.put(object_name(project, day, digest.hex()), pack)
        offset = 0
        for ref, place in entries:
            moved[ref] = BlobPlace(digest, offset, place.stored_bytes, place.depth)
            offset += place.stored_bytes
        data.clear()
        entries.clear()
        size = 0

    for old, blobs in sorted(packs.items()):
        staying = {ref: at for ref, at in blobs.items() if ref not in doomed}
        name = object_name(project, day, old.hex())
        for ref, stored in _stored(objects, name, staying):
            if size + len(stored) > MAX_PACK_BYTES - UNIQUE_BYTES:
                put()
            data.append(stored)
            entries.append((ref, staying[ref]))
            size += len(stored)
    put()
    return moved


def _stored(
    objects: ObjectStore, name: str, places: Mapping[bytes, BlobPlace]
) -> Iterator[tuple[bytes, bytes]]:
    """The stored bytes of blobs of one object; those that are not whole there are left out."""
    run: list[tuple[bytes, BlobPlace]] = []
    end = 0
    ordered = sorted(places.items(), key=lambda item: item[1].offset)
    for ref, place in [*ordered, (b"", None)]:
        if run and (place is None or place.offset - end > GAP_BYTES):
            start = run[0][1].offset
            try:
                data = objects.get(name, start, end - start)
            except ObjectMissing:
                log.warning("object %s is missing: what it held cannot be kept", name)
                return
            for one, at in run:
                stored = data[at.offset - start : at.offset - start + at.stored_bytes]
                if len(stored) == at.stored_bytes:
                    yield one, stored
                else:
                    log.warning("object %s is cut off: a payload in it is lost", name)
            run = []
        if place is not None:
            run.append((ref, place))
            end = max(end if len(run) > 1 else 0, place.offset + place.stored_bytes)
