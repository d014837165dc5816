"""Decompression of request bodies within a limit, so that a small bomb cannot fill the memory.

Output is produced piece by piece and counted; the first byte above the limit ends the work. The
zstandard package cannot limit the output of one call. So each call gets so little input that its
output exceeds the rest of the limit by at most a megabyte (4 bytes of input, a zstd block, give at
most 128 KiB). Several gzip members or zstd frames in a row are one body (RFC 1952, RFC 8878). Their
number is limited too, because each costs time even if it is empty.
"""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from tracefoundry.otlp.decoded import TooLarge, Undecodable, UnsupportedEncoding

MAX_MEMBERS: Final = 10_000
"""Most gzip members or zstd frames in one body. Parallel compressors write one per 128 KiB."""

_INPUT_PIECE: Final = 64 * 1024
_OUTPUT_PIECE: Final = 256 * 1024
_ZSTD_BYTES_PER_INPUT_BYTE: Final = 128 * 1024 // 4
_ZSTD_SMALLEST_PIECE: Final = 32
_ZSTD_WINDOW: Final = 64 * 1024 * 1024
"""Largest zstd window accepted: the best levels of common encoders use up to 32 MiB."""


def decompress(body: bytes, content_encoding: str, limit: int) -> bytes:
    """The plain body of a request.

    Args:
        body: the bytes as received.
        content_encoding: value of the header of that name; case ignored, empty is identity.
        limit: most bytes of the plain body.

    Raises:
        TooLarge: the plain body is longer than ``limit``.
        Undecodable: the body is corrupt, truncated, or not compressed as the header says.
        UnsupportedEncoding: none of identity, gzip, deflate, zstd.
    """
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    if name in ("gzip", "x-gzip"):
        return _inflate(body, limit, "gzip", 16 + zlib.MAX_WBITS)
    if name == "deflate":
        # "deflate" is the zlib format (RFC 9110), but some clients send the bare stream.
        return _inflate(body, limit, "deflate", 15 if _has_zlib_header(body) else -15)
    if name == "zstd":
        return _unzstd(body, limit)
    raise UnsupportedEncoding(
        f"Content-Encoding {content_encoding[:64]!r} is not supported: use gzip, zstd or none"
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request body is longer than {limit} bytes after decompression")


def _truncated(name: str) -> Undecodable:
    return Undecodable(f"the {name} body is truncated")


def _too_many(name: str) -> Undecodable:
    return Undecodable(f"the {name} body has more than {MAX_MEMBERS} parts")


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflate(body: bytes, limit: int, name: str, wbits: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    members = 1
    stream = zlib.decompressobj(wbits)

    def take(feed: bytes) -> bool:
        nonlocal total
        try:
            piece = stream.decompress(feed, min(_OUTPUT_PIECE, limit - total + 1))
        except zlib.error as error:
            raise Undecodable(f"the body is not valid {name}: {error}") from None
        total += len(piece)
        if total > limit:
            raise _too_large(limit)
        pieces.append(piece)
        return bool(piece)

    # Fed in pieces, because unused_data copies all that follows each member.
    for start in range(0, len(body), _INPUT_PIECE):
        feed = body[start : start + _INPUT_PIECE]
        while feed:
            if stream.eof:
                if name != "gzip":
                    raise Undecodable(f"the {name} body goes on after its end")
                feed = feed.lstrip(b"\x00")  # gzip tools pad with zeros and skip them
                if not feed:
                    break
                members += 1
                if members > MAX_MEMBERS:
                    raise _too_many(name)
                stream = zlib.decompressobj(wbits)
            take(feed)
            feed = stream.unused_data if stream.eof else stream.unconsumed_tail
    # A bare deflate stream has no trailer: all input may be taken while output is still due.
    while not stream.eof and take(b""):
        pass
    if not stream.eof:
        raise _truncated(name)
    return b"".join(pieces)


def _unzstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    pieces: list[bytes] = []
    total = 0
    frames = 1
    frame = decompressor.decompressobj()
    view = memoryview(body)
    position = 0
    while position < len(body):
        if frame.eof:
            frames += 1
            if frames > MAX_MEMBERS:
                raise _too_many("zstd")
            frame = decompressor.decompressobj()
        size = (limit - total) // _ZSTD_BYTES_PER_INPUT_BYTE
        size = min(max(size, _ZSTD_SMALLEST_PIECE), _INPUT_PIECE)
        feed = view[position : position + size]
        try:
            piece = frame.decompress(feed)
        except zstandard.ZstdError as error:
            raise Undecodable(f"the body is not valid zstd: {error}") from None
        total += len(piece)
        if total > limit:
            raise _too_large(limit)
        pieces.append(piece)
        position += len(feed) - len(frame.unused_data)
    if not frame.eof:
        raise _truncated("zstd")
    return b"".join(pieces)
