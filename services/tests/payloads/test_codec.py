"""The stored form of one blob: compression, encryption, verification."""

from __future__ import annotations

import random
import secrets

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.payload import digest_of, ref_of
from tracefoundry.payloads.codec import MAX_CONTENT_BYTES, BlobCodec, DecodedBlob, walk_blobs
from tracefoundry.payloads.errors import PayloadCorrupt, UnknownKey
from tracefoundry.payloads.keys import KeyRing

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
CODECS = {
    "plain": BlobCodec(),
    "encrypted": BlobCodec(KeyRing({"old": OLD})),
}
PROMPT = b"You are a helpful assistant. " * 40


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> BlobCodec:
    """Without and with encryption."""
    return CODECS[request.param]


@given(content=st.binary(max_size=3000), name=st.sampled_from(sorted(CODECS)))
def test_any_content_comes_back(content: bytes, name: str) -> None:
    """Encoding and decoding give equal bytes."""
    ref = ref_of(content)
    stored = CODECS[name].encode("default", ref, content)
    assert DecodedBlob("content", content) == CODECS[name].decode("default", ref, stored.data)


def test_text_is_compressed_as_standard_zstd() -> None:
    """Any zstd tool reads what follows the header."""
    stored = CODECS["plain"].encode("default", ref_of(PROMPT), PROMPT)
    frame = stored.data[stored.data.index(b"\x28\xb5\x2f\xfd") :]
    assert ("zstd", PROMPT) == (stored.codec, zstandard.ZstdDecompressor().decompress(frame))


def test_what_does_not_shrink_is_stored_raw() -> None:
    """Random bytes cost the header and nothing else."""
    content = secrets.token_bytes(1000)
    stored = CODECS["plain"].encode("default", ref_of(content), content)
    assert ("raw", 1000, 1014) == (stored.codec, stored.plain_bytes, len(stored.data))


def test_encrypted_content_is_not_readable() -> None:
    """The stored bytes contain no part of the content, compressed or not."""
    content = b"xq7" + secrets.token_hex(16).encode()
    stored = CODECS["encrypted"].encode("default", ref_of(content), content)
    assert (False, False) == (content in stored.data, content[3:11] in stored.data)


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255), name=st.sampled_from([*CODECS]))
def test_any_changed_byte_is_found(position: int, flip: int, name: str) -> None:
    """A flipped bit anywhere, header included, is an error that names the payload."""
    content = PROMPT + b"!"
    ref = ref_of(content)
    data = bytearray(CODECS[name].encode("default", ref, content).data)
    data[position % len(data)] ^= flip
    with pytest.raises((PayloadCorrupt, UnknownKey), match=ref):
        CODECS[name].decode("default", ref, bytes(data))


@given(size=st.integers(0, 200))
def test_a_cut_blob_is_found(size: int) -> None:
    """Missing bytes at the end are an error, and so are added ones."""
    ref = ref_of(PROMPT)
    data = CODECS["plain"].encode("default", ref, PROMPT).data
    for damaged in (data[: min(size, len(data) - 1)], data + bytes(size + 1)):
        with pytest.raises(PayloadCorrupt, match=ref):
            CODECS["plain"].decode("default", ref, damaged)


def test_a_blob_does_not_pass_for_another_one(codec: BlobCodec) -> None:
    """A valid blob under another ref is an error."""
    data = codec.encode("default", ref_of(b"one"), b"one").data
    with pytest.raises(PayloadCorrupt, match=ref_of(b"two")):
        codec.decode("default", ref_of(b"two"), data)


def test_an_encrypted_blob_does_not_pass_into_another_project() -> None:
    """The project is bound by the encryption."""
    codec = CODECS["encrypted"]
    data = codec.encode("alpha", ref_of(b"one"), b"one").data
    with pytest.raises(PayloadCorrupt, match="fails authentication"):
        codec.decode("beta", ref_of(b"one"), data)


def test_a_rotated_key_still_reads_what_it_wrote() -> None:
    """After rotation old and new blobs are read, and new ones use the new key."""
    rotated = BlobCodec(KeyRing({"new": NEW, "old": OLD}))
    before = CODECS["encrypted"].encode("default", ref_of(PROMPT), PROMPT).data
    after = rotated.encode("default", ref_of(PROMPT), PROMPT).data
    read = [rotated.decode("default", ref_of(PROMPT), data).content for data in (before, after)]
    assert ([PROMPT, PROMPT], b"new") == (read, after[14:17])


def test_a_removed_key_is_named() -> None:
    """The error says which key to add again."""
    data = CODECS["encrypted"].encode("default", ref_of(PROMPT), PROMPT).data
    with pytest.raises(UnknownKey, match="key 'old'"):
        BlobCodec(KeyRing({"new": NEW})).decode("default", ref_of(PROMPT), data)


def test_blobs_from_before_encryption_are_still_read() -> None:
    """Turning encryption on loses nothing."""
    data = CODECS["plain"].encode("default", ref_of(PROMPT), PROMPT).data
    assert PROMPT == CODECS["encrypted"].decode("default", ref_of(PROMPT), data).content


def test_the_same_content_is_encrypted_differently_each_time() -> None:
    """Nonces are random, so equal blobs of two days cannot be told to be equal."""
    first, second = (CODECS["encrypted"].encode("p", ref_of(b"x"), b"x").data for _ in range(2))
    assert first != second


def test_a_frame_that_claims_to_be_huge_is_refused_before_it_is_unpacked() -> None:
    """The allocation is bounded by the header, which is bounded too."""
    ref = ref_of(PROMPT)
    data = CODECS["plain"].encode("default", ref, PROMPT).data
    bomb = zstandard.ZstdCompressor().compress(bytes(100_000_000))
    header = data[:10] + len(bomb).to_bytes(4, "big")
    with pytest.raises(PayloadCorrupt, match="length differs"):
        CODECS["plain"].decode("default", ref, header + bomb)


def test_content_over_the_limit_is_refused() -> None:
    """64 MiB is what a body may hold."""
    content = bytes(MAX_CONTENT_BYTES + 1)
    with pytest.raises(ValueError, match="over 67108864"):
        CODECS["plain"].encode("default", ref_of(b""), content)


def test_a_description_of_a_list_is_checked_by_itself(codec: BlobCodec) -> None:
    """Its ref names the list, so a checksum guards the description."""
    stored = codec.encode("default", ref_of(b"[1]"), b"about a list", form="list", plain_bytes=3)
    decoded = codec.decode("default", stored.ref, stored.data)
    assert (DecodedBlob("list", b"about a list"), 3) == (decoded, stored.plain_bytes)


def test_an_object_is_walked_by_its_blobs_headers(codec: BlobCodec) -> None:
    """Offsets and lengths are found without the database."""
    contents = [random.Random(i).randbytes(i * 50) for i in range(5)] + [PROMPT]
    stored = [codec.encode("default", ref_of(content), content).data for content in contents]
    walked = [b"".join(stored)[at : at + n] for at, n in walk_blobs(b"".join(stored))]
    assert stored == walked


@pytest.mark.parametrize("data", [b"x", b"TFB", bytes(100)])
def test_walking_other_bytes_is_an_error(data: bytes) -> None:
    """What is no blob is not skipped."""
    with pytest.raises(ValueError, match="no blob at offset 0"):
        list(walk_blobs(data))


@pytest.mark.parametrize("ref", ["", "sha256:", "sha256:" + "A" * 64, "sha1:" + "a" * 64, "../x"])
def test_a_malformed_ref_is_refused(ref: str) -> None:
    """Only sha256: and 64 lower-case digits are a ref."""
    with pytest.raises(ValueError, match="not a payload ref"):
        digest_of(ref)
