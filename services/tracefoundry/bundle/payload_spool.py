"""Payloads on their way into a bundle: kept in unlinked temporary files, given back in order.

Payloads arrive in the order of traces and leave in the order of their SHA-256, and only when all
are known is it known how they are laid out. What is held in memory does not grow with their
number: the index is a file too, and is sorted in ranges of digests.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

_ENTRY: Final = struct.Struct("<32sQQ")
"""Digest, offset, size."""
_SORTED_AT_ONCE: Final = 250_000
_REMEMBERED: Final = 250_000
"""Digests that are remembered as spooled. A payload that comes again later is spooled again, and
left out when they are sorted."""
_READ_ENTRIES: Final = 20_000
_BUFFER_BYTES: Final = 256 * 1024


class PayloadSpool:
    """Payloads by digest. ``folder``: where the files are; the system's by default."""

    def __init__(self, folder: Path | None = None) -> None:
        self._data: IO[bytes] = _unlinked_file(folder)
        self._index: IO[bytes] = _unlinked_file(folder)
        self._recent: set[bytes] = set()
        self._offset = 0
        self._entries = 0

    def __contains__(self, digest: bytes) -> bool:
        """Whether the payload is known to be here; it may be here all the same."""
        return digest in self._recent

    @property
    def remembered(self) -> int:
        """How many digests memory holds."""
        return len(self._recent)

    def add(self, digest: bytes, content: bytes) -> None:
        """Spool a payload.

        Raises:
            OSError: the disk is full.
        """
        if digest in self._recent:
            return
        if len(self._recent) >= _REMEMBERED:
            self._recent.clear()
        self._recent.add(digest)
        self._data.write(content)
        self._index.write(_ENTRY.pack(digest, self._offset, len(content)))
        self._offset += len(content)
        self._entries += 1

    def sizes(self) -> Iterator[tuple[bytes, int]]:
        """(digest, size) of all, each once, by digest."""
        for digest, _, size in self._sorted():
            yield digest, size

    def contents(self) -> Iterator[tuple[bytes, bytes]]:
        """(digest, content) of all, each once, by digest."""
        self._data.flush()
        descriptor = self._data.fileno()
        for digest, offset, size in self._sorted():
            yield digest, os.pread(descriptor, size, offset)

    def close(self) -> None:
        """Give up the files."""
        self._data.close()
        self._index.close()
        self._recent.clear()

    def _sorted(self) -> Iterator[tuple[bytes, int, int]]:
        ranges = -(-self._entries // _SORTED_AT_ONCE)
        # Digests are spread evenly, so equal ranges of their first four bytes hold about as many.
        bounds = [number * 2**32 // ranges for number in range(ranges + 1)] if ranges else []
        for low, high in pairwise(bounds):
            first, last = low.to_bytes(4, "big"), (high - 1).to_bytes(4, "big")
            found = sorted(entry for entry in self._all() if first <= entry[0][:4] <= last)
            before = b""
            for digest, offset, size in found:
                if digest != before:
                    yield digest, offset, size
                before = digest

    def _all(self) -> Iterator[tuple[bytes, int, int]]:
        self._index.flush()
        descriptor, offset = self._index.fileno(), 0
        while piece := os.pread(descriptor, _ENTRY.size * _READ_ENTRIES, offset):
            yield from _ENTRY.iter_unpack(piece)
            offset += len(piece)


def _unlinked_file(folder: Path | None) -> IO[bytes]:
    """A file without a name, which is gone with the process."""
    return tempfile.TemporaryFile(dir=folder, buffering=_BUFFER_BYTES)
