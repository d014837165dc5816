"""The uncompressed bytes of a file, piece by piece, whatever compression it has.

The compression is recognised by its first bytes: gzip, zstd, or the frames that the collector's
file exporter writes when it compresses (each record is its length as four bytes, big-endian, and
then a zstd stream of its own). A compressed file that ends too early is an error, and so is one
that inflates beyond all proportion.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard

from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.model.limits import MAX_BODY_BYTES
from tracefoundry.otlp.compression import decompress
from tracefoundry.otlp.decoded import TooLarge, Undecodable

MAX_RATIO: Final = 1_000
"""Most plain bytes for each compressed byte, once more than ``RATIO_FREE_BYTES`` came out."""
RATIO_FREE_BYTES: Final = 64 * 1024 * 1024

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_PIECE: Final = 64 * 1024
_OUTPUT_PIECE: Final = 1024 * 1024
_ZSTD_PIECE: Final = 1024
"""The zstandard package cannot limit the output of a call: a kilobyte gives at most 32 MiB."""
_ZSTD_WINDOW: Final = 64 * 1024 * 1024


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The plain bytes of a file from its start.

    Raises:
        UnreadableFile: the compressed data are damaged, cut off, or inflate too much.
    """
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if start.startswith(_GZIP):
        yield from _checked(_gunzip(file), file, "gzip")
    elif start.startswith(_ZSTD):
        yield from _checked(_unzstd(file), file, "zstd")
    elif start[4:8] == _ZSTD:
        yield from _collector_frames(file)
    else:
        while piece := file.read(_PIECE):
            yield piece


def _checked(plain: Iterator[bytes], file: BinaryIO, name: str) -> Iterator[bytes]:
    total = 0
    for piece in plain:
        total += len(piece)
        if total > RATIO_FREE_BYTES and total > MAX_RATIO * file.tell():
            raise UnreadableFile(
                f"the {name} data",
                f"inflate to more than {MAX_RATIO} times their size",
                "if the file is what it should be, decompress it first",
            )
        yield piece


def _damaged(name: str, error: object) -> UnreadableFile:
    return UnreadableFile(f"the {name} data", f"are damaged ({error})", "export the file again")


def _cut_off(name: str) -> UnreadableFile:
    return UnreadableFile(f"the {name} data", "end too early", "copy or export the file again")


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    while feed := file.read(_PIECE):
        while feed:
            if stream.eof:
                feed = feed.lstrip(b"\x00")  # gzip tools pad with zeros and skip them
                if not feed:
                    break
                stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
            try:
                piece = stream.decompress(feed, _OUTPUT_PIECE)
            except zlib.error as error:
                raise _damaged("gzip", error) from None
            if piece:
                yield piece
            feed = stream.unused_data if stream.eof else stream.unconsumed_tail
    if not stream.eof:
        raise _cut_off("gzip")


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    while feed := file.read(_ZSTD_PIECE):
        while feed:
            if frame.eof:
                frame = decompressor.decompressobj()
            try:
                piece = frame.decompress(feed)
            except zstandard.ZstdError as error:
                raise _damaged("zstd", error) from None
            if piece:
                yield piece
            feed = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise _cut_off("zstd")


def _collector_frames(file: BinaryIO) -> Iterator[bytes]:
    """Each record of the collector's compressed file, as a line."""
    number = 0
    while length := file.read(4):
        number += 1
        place = f"record {number}"
        size = int.from_bytes(length, "big")
        if size > MAX_BODY_BYTES:
            raise UnreadableFile(place, f"claims {size:,} bytes", "export the file again")
        frame = file.read(size)
        if len(length) < 4 or len(frame) < size:
            raise UnreadableFile(place, "ends too early", "copy or export the file again")
        try:
            plain = decompress(frame, "zstd", MAX_BODY_BYTES)
        except (TooLarge, Undecodable) as error:
            raise UnreadableFile(place, str(error), "export the file again") from None
        if not plain.lstrip().startswith(b"{"):
            raise UnreadableFile(
                place, "is not JSON", "set `format: json` in the collector's file exporter"
            )
        yield plain.replace(b"\n", b" ") + b"\n"
