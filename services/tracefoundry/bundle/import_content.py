"""The contents of a bundle in one unlinked temporary file, found by hash.

Spans ask for contents in the order of traces, while a bundle stores them by hash, many in one
compressed pack: reading them in place would inflate a pack for every span. Memory holds 40 bytes a
content, and an index by the first two bytes of hashes. (The file is not mapped into memory: mapped
pages would count as memory of the process, in the end all of them.)
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.model.payload import digest_of

_DIGEST_BYTES = 32
_BUCKETS = 1 << 16


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
        self._buckets = array("Q")
        """By the first two bytes of a hash: how many contents come before."""
        try:
            before = b""
            for sha256, content in contents:
                digest = bytes.fromhex(sha256)
                if digest <= before:
                    raise NotABundle("its payloads are not sorted, or one stands twice")
                before = digest
                self._begin_bucket(digest[0] << 8 | digest[1])
                self._file.write(content)
                self._digests += digest
                self._ends.append(self._ends[-1] + len(content))
            self._begin_bucket(_BUCKETS)
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
        """The contents of those of these refs that are here. Keyed refs and a sender's own words
        never are."""
        found: dict[str, bytes] = {}
        for ref in refs:
            try:
                place = self._place_of(digest_of(ref))
            except ValueError:
                continue
            if place is not None:
                start, end = self._ends[place], self._ends[place + 1]
                found[ref] = os.pread(self._file.fileno(), end - start, start)
        return found

    def _place_of(self, digest: bytes) -> int | None:
        bucket = digest[0] << 8 | digest[1]
        at = self._buckets[bucket] * _DIGEST_BYTES
        end = self._buckets[bucket + 1] * _DIGEST_BYTES
        # A bucket holds a few digests, so it is searched from its start.
        while (at := self._digests.find(digest, at, end)) >= 0:
            if at % _DIGEST_BYTES == 0:
                return at // _DIGEST_BYTES
            at += 1
        return None

    def _begin_bucket(self, bucket: int) -> None:
        while len(self._buckets) <= bucket:
            self._buckets.append(len(self))
