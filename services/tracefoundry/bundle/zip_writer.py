"""A zip written in one pass to a stream: equal members in equal order give equal bytes.

A member's header stands before its bytes and holds their sizes and checksum, so each member is
compressed in memory before any of it is written. Members are small (see :mod:`.members`), and no
data descriptors are needed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from tracefoundry.bundle import zip_format
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.members import MAX_MEMBERS
from tracefoundry.bundle.zip_format import DEFLATED, STORED, Entry

_LEVEL: Final = 3
"""Measured: level 6 takes two to three times as long for a tenth to an eighth less."""
_HIGHEST_RATIO: Final = 50
"""What deflates better is stored: readers, ours and others, take high ratios for an attack."""
_RAW_DEFLATE: Final = -15


class SupportsWrite(Protocol):
    """Where the zip goes: a file, or the body of a response."""

    def write(self, data: bytes, /) -> object: ...


class Packed(msgspec.Struct, frozen=True):
    """A member's bytes, ready to be written."""

    method: int
    crc: int
    size: int
    data: bytes
    sha256: str
    deflated_sha256: str | None


def pack(content: bytes, *, compress: bool = True) -> Packed:
    """Hash and compress a member. Pure, and most of it runs outside the interpreter's lock."""
    crc, sha256 = zlib.crc32(content), hashlib.sha256(content).hexdigest()
    if compress and content:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
        deflated = packer.compress(content) + packer.flush()
        if len(deflated) < len(content) <= _HIGHEST_RATIO * len(deflated):
            digest = hashlib.sha256(deflated).hexdigest()
            return Packed(DEFLATED, crc, len(content), deflated, sha256, digest)
    return Packed(STORED, crc, len(content), content, sha256, None)


class ZipWriter:
    """Writes members one after another, then the directory.

    Args:
        entries: members that the stream holds already, for a file that is continued.
    """

    def __init__(self, out: SupportsWrite, entries: Iterable[Entry] = ()) -> None:
        self._out = out
        self._entries = {entry.name: entry for entry in entries}
        self._offset = max((entry.end for entry in self._entries.values()), default=0)

    def write(self, name: str, packed: Packed) -> None:
        """Write a member.

        Raises:
            BundleError: there are too many members.
            ValueError: the name is taken.
        """
        if name in self._entries:
            raise ValueError(f"two members named {name}")
        if len(self._entries) >= MAX_MEMBERS:
            raise BundleError(
                f"the traces do not fit into one bundle of {MAX_MEMBERS:,} members;"
                " export fewer traces at a time, or without payloads"
            )
        entry = Entry(name, packed.method, packed.crc, len(packed.data), packed.size, self._offset)
        self._out.write(zip_format.local_header(entry))
        self._out.write(packed.data)
        self._entries[name] = entry
        self._offset = entry.end

    def finish(self) -> None:
        """Write the central directory, sorted by name, and the end."""
        size = 0
        for name in sorted(self._entries):
            header = zip_format.central_header(self._entries[name])
            self._out.write(header)
            size += len(header)
        self._out.write(zip_format.end_records(len(self._entries), self._offset, size))
