"""The contents of a bundle in one unlinked temporary file, found by hash.

Spans ask for contents in the order of traces, while a bundle stores them by hash, many in one
compressed pack: reading them in place would inflate a pack for every span. Memory holds 40 bytes a
content.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.model.payload import digest_of, ref_from_digest

_DIGEST_BYTES = 32


class ContentFile:
    """Contents by ref.

    Args:
        contents: (SHA-256 in hex, content), by SHA-256.
        folder: where the file is; the system's folder for temporary files if None.

    Raises:
        NotABundle: the contents do not come in order.
        OSError: they cannot be written.
    """

    def __init__(self, contents: Iterable[tuple[str, bytes]], folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._digests = bytearray()
        self._ends = array("Q", [0])
        try:
            before = b""
            for sha256, content in contents:
                digest = bytes.fromhex(sha256)
                if digest <= before:
                    raise NotABundle("its payloads are not sorted, or one stands twice")
                before = digest
                self._file.write(content)
                self._digests += digest
                self._ends.append(self._ends[-1] + len(content))
            self._file.flush()
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def find(self, refs: Collection[str]) -> dict[str, bytes]:
        """The contents of those of these refs that are here."""
        found: dict[str, bytes] = {}
        for ref in refs:
            place = self._place_of(digest_of(ref))
            if place is not None:
                start, end = self._ends[place], self._ends[place + 1]
                found[ref] = os.pread(self._file.fileno(), end - start, start)
        return found

    def _place_of(self, digest: bytes) -> int | None:
        place = bisect_left(range(len(self)), digest, key=self._digest)
        return place if place < len(self) and self._digest(place) == digest else None

    def _digest(self, place: int) -> bytes:
        return bytes(self._digests[place * _DIGEST_BYTES : (place + 1) * _DIGEST_BYTES])


def is_stored_ref(ref: str | None) -> bool:
    """Whether a ref names content by its plain hash, not by a keyed one or a sender's words."""
    if ref is None:
        return False
    try:
        return ref_from_digest(digest_of(ref)) == ref
    except ValueError:
        return False
