"""Contents that wait, on disk, until the bundle's writer asks for them.

Whether a content can still be read must be known before the line of its span is written, and the
writer asks for contents later, many at once. In between they stand in an unlinked file, so that
memory stays flat; the file is cut as soon as nothing in it is wanted any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_MEMORY_BYTES = 4 * 1024 * 1024
"""Beyond this the file is on disk."""


class ContentSpool:
    """Contents by ref. Use it as a context manager; the file goes with it."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is where the file is made; the system's for temporary files by default."""
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed in __exit__)
            max_size=_IN_MEMORY_BYTES,
            dir=None if folder is None else str(folder),
            buffering=1024 * 1024,
        )
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._at_end = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, ref: str) -> bool:
        return ref in self._places

    def put(self, ref: str, content: bytes) -> None:
        """Keep a content until it is taken."""
        if ref not in self._places:
            if not self._at_end:
                self._file.seek(self._end)
                self._at_end = True
            self._file.write(content)
            self._places[ref] = (self._end, len(content))
            self._end += len(content)

    def take(self, refs: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of those of these refs that are here, in the order of the file. Each can be
        taken once."""
        found = []
        for ref in refs:
            place = self._places.pop(ref, None)
            if place is not None:
                found.append((place, ref))
        self._at_end = False
        for (offset, length), ref in sorted(found):
            self._file.seek(offset)
            yield ref, self._file.read(length)
        self._cut()

    def clear(self) -> None:
        """Forget what nobody has taken."""
        self._places.clear()
        self._cut()

    def _cut(self) -> None:
        if not self._places and self._end:
            self._file.seek(0)
            self._file.truncate()
            self._end = 0
            self._at_end = True
