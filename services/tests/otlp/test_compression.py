"""Compressed bodies: every encoding, bombs, and bodies that are not what their header says."""

from __future__ import annotations

import contextlib
import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.otlp.compression import MAX_MEMBERS, decompress
from tracefoundry.otlp.decoded import TooLarge, Undecodable, UnsupportedEncoding

PLAIN = random.Random(7).randbytes(200_000) + bytes(1_000_000) + b"span" * 50_000
LIMIT = 64 * 1024 * 1024


def bare_deflate(body: bytes) -> bytes:
    """The stream without the zlib header that some clients leave out."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def zstd_stream(body: bytes) -> bytes:
    """A zstd frame that does not tell its content size."""
    stream = zstandard.ZstdCompressor().compressobj()
    return stream.compress(body) + stream.flush()


COMPRESSORS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("zstd", zstandard.compress),
    ("zstd", zstd_stream),
]
each_compressor = pytest.mark.parametrize(
    ("name", "compress"), COMPRESSORS, ids=["gzip", "zlib", "deflate", "zstd", "zstd-stream"]
)


@each_compressor
def test_a_compressed_body_comes_back(name: str, compress: Callable[[bytes], bytes]) -> None:
    """What was compressed is given back, up to exactly the limit, in any case of the name."""
    assert decompress(compress(PLAIN), name.upper(), len(PLAIN)) == PLAIN
    assert decompress(compress(b""), f" {name} ", 0) == b""


@each_compressor
@given(body=st.binary(max_size=2000) | st.integers(0, 700_000).map(bytes))
def test_any_body_comes_back(name: str, compress: Callable[[bytes], bytes], body: bytes) -> None:
    """Sizes around the inner buffers included."""
    assert decompress(compress(body), name, LIMIT) == body


@pytest.mark.parametrize("name", ["", "identity", "Identity"])
def test_an_uncompressed_body_passes_within_the_limit(name: str) -> None:
    """Identity is no encoding, but the limit holds."""
    assert decompress(b"abc", name, 3) == b"abc"
    with pytest.raises(TooLarge, match="longer than 2 bytes"):
        decompress(b"abc", name, 2)


@each_compressor
def test_one_byte_above_the_limit_is_too_large(
    name: str, compress: Callable[[bytes], bytes]
) -> None:
    """The limit is on the plain body."""
    with pytest.raises(TooLarge):
        decompress(compress(PLAIN), name, len(PLAIN) - 1)


@each_compressor
def test_a_bomb_is_refused_without_filling_the_memory(
    name: str, compress: Callable[[bytes], bytes]
) -> None:
    """64 MiB of zeros against a limit of 1 MiB: little more than the limit is ever allocated."""
    bomb = compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompress(bomb, name, 1024 * 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


@each_compressor
@pytest.mark.parametrize("cut", [1, 5, 9, 1000])
def test_a_truncated_body_is_undecodable(
    name: str, compress: Callable[[bytes], bytes], cut: int
) -> None:
    """A body that ends too early is never taken for a shorter one."""
    with pytest.raises(Undecodable):
        decompress(compress(PLAIN)[:-cut], name, LIMIT)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("body", [b"", b'{"resourceSpans": []}', b"\x0a\x00", b"x" * 100])
def test_a_plain_body_under_a_compressed_header_is_undecodable(name: str, body: bytes) -> None:
    """The collector's receiver answers 400 here too."""
    with pytest.raises(Undecodable):
        decompress(body, name, LIMIT)


@each_compressor
def test_bytes_after_the_end_are_undecodable(name: str, compress: Callable[[bytes], bytes]) -> None:
    """Rubbish behind a good body is not ignored."""
    with pytest.raises(Undecodable):
        decompress(compress(b"abc") + b"rubbish", name, LIMIT)


def test_a_body_of_several_gzip_members_is_one_body() -> None:
    """Members are joined (RFC 1952), empty ones and zero padding included."""
    body = gzip.compress(PLAIN[:9]) + gzip.compress(b"") + gzip.compress(PLAIN[9:]) + bytes(512)
    assert decompress(body, "x-gzip", LIMIT) == PLAIN


def test_a_body_of_several_zstd_frames_is_one_body() -> None:
    """Frames are joined (RFC 8878); skippable ones hold nothing."""
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    body = zstandard.compress(PLAIN[:9]) + skippable + zstd_stream(PLAIN[9:])
    assert decompress(body, "zstd", LIMIT) == PLAIN


@pytest.mark.parametrize(
    ("name", "part"),
    [("gzip", gzip.compress(b"", mtime=0)), ("zstd", zstandard.compress(b""))],
    ids=["gzip", "zstd"],
)
def test_a_body_of_very_many_empty_parts_is_undecodable(name: str, part: bytes) -> None:
    """Each part costs time and none of the limit, so their number is bounded."""
    assert decompress(part * MAX_MEMBERS, name, LIMIT) == b""
    with pytest.raises(Undecodable, match="more than 10000 parts"):
        decompress(part * (MAX_MEMBERS + 1), name, LIMIT)


def test_a_zstd_window_above_the_bound_is_undecodable() -> None:
    """A tiny frame cannot make the decoder reserve gigabytes."""
    parameters = zstandard.ZstdCompressionParameters(window_log=28)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Undecodable):
        decompress(stream.compress(b"abc") + stream.flush(), "zstd", LIMIT)


@pytest.mark.parametrize("name", ["br", "snappy", "gzip, gzip", "x" * 1000])
def test_an_unknown_encoding_differs_from_a_bad_body(name: str) -> None:
    """Unknown encodings are 415, with a short message that says what to use."""
    with pytest.raises(UnsupportedEncoding, match="use gzip, zstd or none") as caught:
        decompress(b"abc", name, LIMIT)
    assert len(str(caught.value)) < 200


@given(body=st.binary(max_size=200), name=st.sampled_from(["gzip", "deflate", "zstd"]))
def test_any_bytes_are_decompressed_or_refused(body: bytes, name: str) -> None:
    """Nothing but the named errors ever comes out."""
    with contextlib.suppress(Undecodable, TooLarge):
        assert len(decompress(body, name, 1000)) <= 1000
