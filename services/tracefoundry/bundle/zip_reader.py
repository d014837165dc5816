"""A zip opened by a strict profile: one that no two programs can read differently.

Many attacks on readers of zips give a file two meanings: headers that differ, members that overlap,
bytes before, between or after the members, a second directory, names that become one on some disk.
So everything in the file must be where and what :mod:`.zip_format` would write, and each refusal
says what is not. Members are read in pieces, and inflated no further than the size that was told.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from tracefoundry.bundle import zip_format
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.members import MAX_MEMBERS
from tracefoundry.bundle.zip_format import CENTRAL, DEFLATED, END, LIMIT_32, STORED, Entry

_PIECE: Final = 256 * 1024
_FREE_INFLATION: Final = 64 * 1024 * 1024
_MOST_INFLATION: Final = 100
_MAX_NAME: Final = 128
_MAX_DIRECTORY: Final = MAX_MEMBERS * (CENTRAL.size + _MAX_NAME + 28)
_SYMLINK: Final = 0o120000
_FILE_TYPE: Final = 0o170000


class ZipReader:
    """The members of a zip, by name. One file, usable from several threads.

    Raises:
        NotABundle: the file breaks the profile.
        OSError: it cannot be read.
    """

    entries: dict[str, Entry]

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._size = file.seek(0, os.SEEK_END)
        self._data_end = 0
        self.entries = {}
        self._read_directory()
        self._check_order()
        self._check_local_headers()

    @property
    def data_end(self) -> int:
        """The first byte after the members, where the directory begins."""
        return self._data_end

    def raw(self, entry: Entry) -> Iterator[bytes]:
        """The compressed bytes of a member, in pieces."""
        offset = entry.data_offset
        while offset < entry.end:
            piece = self._at(offset, min(_PIECE, entry.end - offset), entry.name)
            yield piece
            offset += len(piece)

    def inflate(self, entry: Entry) -> Iterator[tuple[bytes, bytes]]:
        """A member in pieces: compressed bytes, and what they inflate to.

        Raises:
            NotABundle: it does not inflate to the size and checksum that its headers tell.
        """
        crc = size = 0
        inflater = _Inflater(entry) if entry.method == DEFLATED else None
        for raw in self.raw(entry):
            pieces = (raw,) if inflater is None else inflater.pieces(raw)
            for piece in pieces:
                crc = zlib.crc32(piece, crc)
                size += len(piece)
                yield raw, piece
                raw = b""
            if raw and inflater is not None:
                yield raw, b""
        if inflater is not None:
            inflater.check_end()
        if size != entry.size:
            raise NotABundle(
                f"has {size:,} bytes where its headers say {entry.size:,}", member=entry.name
            )
        if crc != entry.crc:
            raise NotABundle("its CRC-32 does not match its bytes", member=entry.name)

    def content(self, name: str, most_bytes: int) -> bytes:
        """A whole member.

        Raises:
            NotABundle: it is larger than ``most_bytes``, or damaged.
        """
        entry = self.entries[name]
        if entry.size > most_bytes:
            raise NotABundle(
                f"has {entry.size:,} bytes; a bundle allows {most_bytes:,} here", member=name
            )
        return b"".join(piece for _, piece in self.inflate(entry))

    def _at(self, offset: int, size: int, member: str | None = None) -> bytes:
        with self._lock:
            self._file.seek(offset)
            found = self._file.read(size)
        if len(found) != size:
            raise NotABundle("the file ends in the middle of it", member=member)
        return found

    def _read_directory(self) -> None:
        if self._size < END.size:
            raise NotABundle("the file is too short to be a zip; it may be cut off")
        end_offset = self._size - END.size
        end = self._at(end_offset, END.size)
        signature, _, _, _, count, size, offset, comment = END.unpack(end)
        if signature != zip_format.END_SIGNATURE or comment:
            raise NotABundle(
                "it does not end with a zip's end record: it is cut off, is no zip, or has bytes"
                " or a comment after its end"
            )
        tail = zip_format.END64.size + zip_format.LOCATOR.size
        if LIMIT_32 in (size, offset):
            if end_offset < tail:
                raise NotABundle("its end record asks for ZIP64 records that are not there")
            record = self._at(end_offset - tail, zip_format.END64.size)
            signature, *_, count, size, offset = zip_format.END64.unpack(record)
            if signature != zip_format.END64_SIGNATURE:
                raise NotABundle("its end record asks for ZIP64 records that are not there")
            end_offset -= tail
        if count > MAX_MEMBERS:
            raise NotABundle(f"it has {count:,} members; a bundle has at most {MAX_MEMBERS:,}")
        if size > _MAX_DIRECTORY or offset + size != end_offset:
            raise NotABundle(
                "bytes stand before its members or between its directory and its end: the offsets"
                " of the end record do not fit"
            )
        written = zip_format.end_records(count, offset, size)
        if self._at(end_offset, self._size - end_offset) != written:
            raise NotABundle("its end records are not those of one zip on one disk (false ZIP64?)")
        self._data_end = offset
        self._parse_directory(self._at(offset, size), count)

    def _parse_directory(self, directory: bytes, count: int) -> None:
        position = 0
        folded: dict[str, str] = {}
        before = ""
        for _ in range(count):
            entry, position = parse_central(directory, position)
            name = entry.name
            if name in self.entries:
                raise NotABundle("stands twice in the directory", member=name)
            if name.lower() in folded:
                raise NotABundle(f"differs from {folded[name.lower()]} by case alone", member=name)
            if name < before:
                raise NotABundle("the directory is not sorted by name", member=name)
            folded[name.lower()] = before = name
            self.entries[name] = entry
        if position != len(directory):
            raise NotABundle("the directory holds more bytes than its members need")
        inflated = sum(entry.size for entry in self.entries.values())
        if inflated > _FREE_INFLATION and inflated > _MOST_INFLATION * self._size:
            raise NotABundle(
                f"it would inflate to {inflated:,} bytes, over {_MOST_INFLATION} times its size:"
                " refused as a zip bomb"
            )

    def _check_order(self) -> None:
        """Members lie one after another, from the first byte to the directory."""
        offset = 0
        for entry in sorted(self.entries.values(), key=lambda entry: entry.offset):
            if entry.offset != offset:
                what = "overlaps" if entry.offset < offset else "does not follow"
                where = "the member before it" if offset else "the start of the file"
                raise NotABundle(f"{what} {where}", member=entry.name)
            offset = entry.end
        if offset != self._data_end:
            raise NotABundle("bytes stand between its last member and its directory")

    def _check_local_headers(self) -> None:
        for entry in self.entries.values():
            written = zip_format.local_header(entry)
            if self._at(entry.offset, len(written), entry.name) != written:
                raise NotABundle(
                    "its local header differs from the one in the directory", member=entry.name
                )


class _Inflater:
    """Inflates a member, by no more than its told size."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._left = entry.size
        self._stream = zlib.decompressobj(-15)

    def pieces(self, raw: bytes) -> Iterator[bytes]:
        """What these bytes inflate to, in bounded pieces."""
        while raw or self._left >= 0:
            if self._stream.eof:
                if raw:
                    raise NotABundle(
                        "bytes stand after the end of its compressed data",
                        member=self._entry.name,
                    )
                return
            try:
                piece = self._stream.decompress(raw, min(_PIECE * 4, self._left + 1))
            except zlib.error as error:
                raise NotABundle(f"cannot be inflated ({error})", member=self._entry.name) from None
            raw = self._stream.unconsumed_tail or self._stream.unused_data
            self._left -= len(piece)
            if self._left < 0:
                raise NotABundle(
                    "inflates to more bytes than its headers say", member=self._entry.name
                )
            if piece:
                yield piece
            elif not raw:
                return

    def check_end(self) -> None:
        """Raise if the compressed data does not end where the member ends."""
        if not self._stream.eof:
            raise NotABundle("its compressed data is cut off", member=self._entry.name)


def parse_central(directory: bytes, position: int) -> tuple[Entry, int]:
    try:
        fields = CENTRAL.unpack_from(directory, position)
    except struct.error:
        raise NotABundle("the directory is cut off") from None
    (signature, made_by, _, flags, method, _, _, crc, compressed, size, name_bytes,
     extra_bytes, comment, _, _, mode, offset) = fields  # fmt: skip
    if signature != zip_format.CENTRAL_SIGNATURE:
        raise NotABundle("the directory is damaged: a header has no signature")
    after_name = position + CENTRAL.size + name_bytes
    raw_name = directory[position + CENTRAL.size : after_name]
    extra = directory[after_name : after_name + extra_bytes]
    name = _checked_name(raw_name)
    if flags & 0x2041:
        raise NotABundle("is encrypted", member=name)
    if flags & 0x8:
        raise NotABundle("has a data descriptor, which bundles do not use", member=name)
    if method not in (STORED, DEFLATED):
        raise NotABundle(f"has compression method {method}; only 0 and 8 are known", member=name)
    if made_by >> 8 == 3 and (mode >> 16) & _FILE_TYPE == _SYMLINK:
        raise NotABundle("is a symbolic link", member=name)
    if comment:
        raise NotABundle("has a comment", member=name)
    big = [index for index, value in enumerate((size, compressed, offset)) if value == LIMIT_32]
    values = [size, compressed, offset]
    if big or extra:
        found = zip_format.read_extra(extra, len(big)) if big else None
        if found is None or any(value < LIMIT_32 for value in found):
            raise NotABundle(
                "has an extra field other than ZIP64's, or ZIP64 where it is not needed",
                member=name,
            )
        for index, value in zip(big, found, strict=True):
            values[index] = value
    size, compressed, offset = values
    if method == STORED and size != compressed:
        raise NotABundle("is stored, but its two sizes differ", member=name)
    entry = Entry(name, method, crc, compressed, size, offset)
    end = after_name + extra_bytes
    if directory[position:end] != zip_format.central_header(entry):
        raise NotABundle(
            "its header in the directory has flags, times, modes or versions that bundles do not"
            " have",
            member=name,
        )
    return entry, end


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        raise NotABundle("its name is not ASCII", member=raw.decode("latin-1")) from None
    parts = name.split("/")
    fault = None
    if not name or len(name) > _MAX_NAME:
        fault = f"its name is empty or longer than {_MAX_NAME} characters"
    elif "\x00" in name or "\\" in name:
        fault = "its name has a backslash or NUL"
    elif name.startswith("/") or ":" in name:
        fault = "its name is an absolute path"
    elif ".." in parts:
        fault = "its name leads out of the folder (..)"
    elif "" in parts or "." in parts:
        fault = "its name is a folder, or has empty parts"
    if fault is not None:
        raise NotABundle(fault, member=name)
    return name
