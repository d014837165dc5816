"""The records of a zip file, in the one form that bundles allow (APPNOTE.TXT 6.3.10).

The writer writes these bytes. The reader parses them and compares them with what the writer would
have written, so every field that is not checked by name is checked by its bytes. ZIP64's extra
field is there exactly where a size or an offset does not fit into 32 bits.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

STORED: Final = 0
DEFLATED: Final = 8

LOCAL: Final = struct.Struct("<4s5H3L2H")
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
END: Final = struct.Struct("<4s4H2LH")
END64: Final = struct.Struct("<4sQ2H2L4Q")
LOCATOR: Final = struct.Struct("<4sLQL")

LOCAL_SIGNATURE: Final = b"PK\x03\x04"
CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
END_SIGNATURE: Final = b"PK\x05\x06"
END64_SIGNATURE: Final = b"PK\x06\x06"
LOCATOR_SIGNATURE: Final = b"PK\x06\x07"

LIMIT_32: Final = 0xFFFFFFFF
_ZIP64_EXTRA: Final = 0x0001
_TIME: Final = 0
_DATE: Final = (1 << 5) | 1
"""1980-01-01, the first date of the format."""
_UNIX: Final = 3 << 8
_MODE: Final = 0o100644 << 16


class Entry(msgspec.Struct, frozen=True):
    """One member, as both of its headers tell it.

    Attributes:
        crc: CRC-32 of the uncompressed bytes.
        offset: of its local header.
    """

    name: str
    method: int
    crc: int
    compressed: int
    size: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Where its bytes begin."""
        return self.offset + LOCAL.size + len(self.name) + len(_extra(self.size, self.compressed))

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.data_offset + self.compressed


def local_header(entry: Entry) -> bytes:
    """The header that stands before the bytes of a member."""
    name = entry.name.encode("ascii")
    extra = _extra(entry.size, entry.compressed)
    return (
        LOCAL.pack(
            LOCAL_SIGNATURE, 45 if extra else 20, 0, entry.method, _TIME, _DATE, entry.crc,
            _short(entry.compressed, extra), _short(entry.size, extra), len(name), len(extra),
        )
        + name
        + extra
    )  # fmt: skip


def central_header(entry: Entry) -> bytes:
    """The header of a member in the central directory."""
    name = entry.name.encode("ascii")
    big = [value for value in (entry.size, entry.compressed, entry.offset) if value >= LIMIT_32]
    extra = struct.pack(f"<2H{len(big)}Q", _ZIP64_EXTRA, 8 * len(big), *big) if big else b""
    version = 45 if extra else 20
    return (
        CENTRAL.pack(
            CENTRAL_SIGNATURE, _UNIX | version, version, 0, entry.method, _TIME, _DATE, entry.crc,
            min(entry.compressed, LIMIT_32), min(entry.size, LIMIT_32), len(name), len(extra),
            0, 0, 0, _MODE, min(entry.offset, LIMIT_32),
        )
        + name
        + extra
    )  # fmt: skip


def end_records(entries: int, directory_offset: int, directory_bytes: int) -> bytes:
    """What stands after the central directory."""
    end = END.pack(
        END_SIGNATURE, 0, 0, entries, entries,
        min(directory_bytes, LIMIT_32), min(directory_offset, LIMIT_32), 0,
    )  # fmt: skip
    if max(directory_offset, directory_bytes) < LIMIT_32:
        return end
    record = END64.pack(
        END64_SIGNATURE, END64.size - 12, _UNIX | 45, 45, 0, 0, entries, entries,
        directory_bytes, directory_offset,
    )  # fmt: skip
    locator = LOCATOR.pack(LOCATOR_SIGNATURE, 0, directory_offset + directory_bytes, 1)
    return record + locator + end


def read_extra(extra: bytes, fields: int) -> list[int] | None:
    """The 64-bit values of ZIP64's extra field; None if it is not exactly that field."""
    if len(extra) != 4 + 8 * fields:
        return None
    kind, size, *values = struct.unpack(f"<2H{fields}Q", extra)
    return list(values) if (kind, size) == (_ZIP64_EXTRA, 8 * fields) else None


def _extra(size: int, compressed: int) -> bytes:
    """ZIP64's extra field of a local header, which has both sizes or none."""
    if max(size, compressed) < LIMIT_32:
        return b""
    return struct.pack("<2H2Q", _ZIP64_EXTRA, 16, size, compressed)


def _short(value: int, extra: bytes) -> int:
    return LIMIT_32 if extra else value
