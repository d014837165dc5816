"""Packs of what stays, without a database."""

from __future__ import annotations

import datetime
import hashlib

import pytest

from tracefoundry.deletion import pack_rewriting
from tracefoundry.deletion.pack_rewriting import StoredBlob, new_packs
from tracefoundry.payloads.packs import UNIQUE_BYTES
from tracefoundry.store.records import BlobPlace

DAY = datetime.date(2026, 11, 27)


def blob(name: bytes, data: bytes) -> StoredBlob:
    """A payload that was somewhere else."""
    return StoredBlob(name.ljust(32), BlobPlace(b"old", 77, len(data), 3), data)


def test_every_payload_is_where_its_new_place_says() -> None:
    """Its bytes and its depth are as they were; the object's name is the SHA-256 of its bytes."""
    blobs = [blob(b"%d" % n, b"%d" % n * n) for n in range(1, 10)]
    (pack,) = new_packs("default", DAY, blobs)
    digest = hashlib.sha256(pack.data)
    assert f"default/2026-11-27/{digest.hexdigest()}" == pack.name
    assert [one.ref for one in blobs] == list(pack.places)
    for one in blobs:
        place = pack.places[one.ref]
        assert one.data == pack.data[place.offset : place.offset + place.stored_bytes]
        assert (digest.digest(), 3) == (place.object, place.depth)


def test_no_pack_is_larger_than_packs_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload that does not fit begins the next one."""
    monkeypatch.setattr(pack_rewriting, "MAX_PACK_BYTES", UNIQUE_BYTES + 10)
    blobs = [blob(b"a", b"x" * 6), blob(b"b", b"y" * 4), blob(b"c", b"z")]
    packs = list(new_packs("default", DAY, blobs))
    assert [[b"a", b"b"], [b"c"]] == [[ref.rstrip() for ref in pack.places] for pack in packs]


def test_nothing_makes_no_pack() -> None:
    """An object of which nothing stays goes whole."""
    assert [] == list(new_packs("default", DAY, []))


def test_no_two_packs_have_the_same_name() -> None:
    """Else a writer could put, as already there, an object that is just being removed."""
    packs = [pack for _ in range(2) for pack in new_packs("default", DAY, [blob(b"a", b"x")])]
    assert 2 == len({pack.name for pack in packs})
