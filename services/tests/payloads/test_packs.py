"""Packs: many blobs in one object, found again by offset and length."""

from __future__ import annotations

import datetime
import hashlib
import random

import pytest

from tracefoundry.model.payload import ref_of
from tracefoundry.payloads.codec import BlobCodec, EncodedBlob, walk_blobs
from tracefoundry.payloads.errors import ObjectMissing, PayloadCorrupt
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.packs import (
    MAX_PACK_BYTES,
    START_BYTES,
    UNIQUE_BYTES,
    BlobLocation,
    Pack,
    PackBuilder,
    PackStartCache,
    build_packs,
    read_blobs,
)

DAY = datetime.date(2026, 11, 21)
CODEC = BlobCodec()


def encoded(seed: int, length: int) -> EncodedBlob:
    """A blob that does not compress."""
    content = random.Random(seed).randbytes(length)
    return CODEC.encode("default", ref_of(content), content)


def locations(packs: list[Pack]) -> list[BlobLocation]:
    """Where all blobs of some packs stand."""
    return [BlobLocation(e.ref, p.name, e.offset, e.length) for p in packs for e in p.entries]


def test_a_pack_is_named_by_what_it_holds() -> None:
    """Project, day and the SHA-256 of the stored bytes."""
    [pack] = build_packs("default", DAY, [encoded(1, 100), encoded(2, 50)])
    digest = hashlib.sha256(pack.data).hexdigest()
    assert f"default/2026-11-21/{digest}" == pack.name


def test_entries_tell_where_and_how_each_blob_is_stored() -> None:
    """Offset, length, plain length, codec and form."""
    text = b"again " * 100
    blobs = [encoded(1, 100), CODEC.encode("default", ref_of(text), text)]
    [pack] = build_packs("default", DAY, blobs)
    first, second = pack.entries
    assert [(0, 114, 100, "raw", "content"), (114, len(blobs[1].data), 600, "zstd", "content")] == [
        (e.offset, e.length, e.plain_bytes, e.codec, e.form) for e in (first, second)
    ]


def test_a_pack_can_be_walked_without_the_database() -> None:
    """Walking finds the entries, and at the end the blob that makes the pack unlike any other."""
    [pack] = build_packs("default", DAY, [encoded(i, 40 * i) for i in range(1, 20)])
    *walked, (offset, length) = walk_blobs(pack.data)
    assert [(e.offset, e.length) for e in pack.entries] == walked
    assert (len(pack.data), True) == (offset + length, length <= UNIQUE_BYTES)


def test_equal_blobs_make_packs_of_different_names() -> None:
    """A pack that is put for a second time is never the one that a deletion takes away."""
    blobs = [encoded(1, 100)]
    [one], [other] = build_packs("default", DAY, blobs), build_packs("default", DAY, blobs)
    assert (one.entries, False) == (other.entries, one.name == other.name)


def test_packs_hold_eight_mebibytes_at_most() -> None:
    """A new pack begins where the next blob does not fit."""
    packs = build_packs("default", DAY, [encoded(i, 3 * 1024 * 1024) for i in range(5)])
    assert ([2, 2, 1], True) == (
        [len(pack.entries) for pack in packs],
        all(len(pack.data) <= MAX_PACK_BYTES for pack in packs),
    )


def test_no_blobs_make_no_pack() -> None:
    """Nothing is put for nothing."""
    assert [] == build_packs("default", DAY, [])


def test_a_blob_longer_than_a_pack_is_refused() -> None:
    """Planning cuts content before that."""
    with pytest.raises(ValueError, match="does not fit"):
        PackBuilder("default", DAY).add(encoded(1, MAX_PACK_BYTES))


def test_blobs_are_read_from_their_ranges(store: ObjectStore) -> None:
    """From several packs, in any order, neighbours or not."""
    blobs = [encoded(i, 30_000) for i in range(20)]
    packs = build_packs("default", DAY, blobs[:12]) + build_packs("default", DAY, blobs[12:])
    store.put_many([(pack.name, pack.data) for pack in packs])
    wanted = random.Random(1).sample(locations(packs), 9)
    read = read_blobs(store, CODEC, "default", wanted)
    assert {w.ref for w in wanted} == {ref_of(blob.content) for blob in read.values()}


def test_neighbours_come_with_one_request(store: ObjectStore, request_log: list[int]) -> None:
    """Two far ends of a pack are two ranges, all between them one."""
    packs = build_packs("default", DAY, [encoded(i, 30_000) for i in range(20)])
    store.put_many([(pack.name, pack.data) for pack in packs])
    where = locations(packs)
    read_blobs(store, CODEC, "default", where)
    read_blobs(store, CODEC, "default", [where[0], where[-1]])
    assert [20 * 30_014, 30_014, 30_014] == request_log


@pytest.fixture
def request_log(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the ranges that were read."""
    lengths: list[int] = []
    get = store.get

    def logged(name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = get(name, offset, length)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(store, "get", logged)
    return lengths


def test_the_beginning_of_a_pack_is_read_once(store: ObjectStore, request_log: list[int]) -> None:
    """What comes after it is read by its range."""
    blobs = [encoded(i, 20_000) for i in range(6)]
    packs = build_packs("default", DAY, blobs)
    store.put_many([(pack.name, pack.data) for pack in packs])
    starts = PackStartCache(store)
    for where in locations(packs):
        read_blobs(starts, CODEC, "default", [where])
    assert [START_BYTES, 20_014, 20_014, 20_014] == request_log


def test_a_damaged_pack_names_the_payload(store: ObjectStore) -> None:
    """Only the payload whose bytes changed is refused."""
    [pack] = build_packs("default", DAY, [encoded(1, 100), encoded(2, 100)])
    data = bytearray(pack.data)
    data[pack.entries[1].offset + 20] ^= 1
    store.put(pack.name, bytes(data))
    good, bad = locations([pack])
    read_blobs(store, CODEC, "default", [good])
    with pytest.raises(PayloadCorrupt, match=bad.ref):
        read_blobs(store, CODEC, "default", [good, bad])


def test_a_cut_pack_names_the_payload(store: ObjectStore) -> None:
    """A range beyond the end is damage."""
    [pack] = build_packs("default", DAY, [encoded(1, 100), encoded(2, 100)])
    store.put(pack.name, pack.data[: pack.entries[1].offset + 20])
    with pytest.raises(PayloadCorrupt, match=f"{pack.entries[1].ref}.*cut off"):
        read_blobs(store, CODEC, "default", locations([pack]))


def test_a_missing_pack_is_named(store: ObjectStore) -> None:
    """The error names the object."""
    [pack] = build_packs("default", DAY, [encoded(1, 100)])
    with pytest.raises(ObjectMissing, match=pack.name):
        read_blobs(store, CODEC, "default", locations([pack]))
