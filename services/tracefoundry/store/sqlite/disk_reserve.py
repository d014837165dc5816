"""A file of some megabytes beside a SQLite database, removed when its disk is full.

Deleting rows from SQLite writes: the changed pages stand in the write-ahead log before they can be
freed. On a disk without any room left nothing could be deleted, no token revoked and no deletion
audited. So the space for it is taken while there is some, as a file of real blocks:

* the spans' writer stores only while the reserve is held and the disk has room beside it
  (:meth:`DiskReserve.hold`);
* everything else that writes (deletion, retention, tokens, the audit log) may use its space: it is
  given up when less is free than a transaction needs (:meth:`DiskReserve.give_up_if_needed`);
* it is taken again by the spans' writer once there is room for it and for spans.

All processes of a database see the same file, so none needs to tell the others.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

from tracefoundry.disk_space import free_bytes, kept_free_bytes
from tracefoundry.store.api import DiskFull, StoreUnavailable

_LEAST_FREE_BYTES = 1024 * 1024
"""Free space in which small transactions (an audit entry, a token) still fit."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskReserve:
    """The reserve of one database file. Safe between processes and threads."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._folder = database.parent
        self._file = database.with_name(database.name + ".reserve")
        self._sizes: tuple[int, int] | None = None

    @property
    def kept_free_bytes(self) -> int:
        """Below this much free space no spans are stored."""
        return self._read_sizes()[0]

    @property
    def size_bytes(self) -> int:
        """What is held: room for the log of a deletion after the log of the spans' writer, which is
        at most half of it, has been moved into the file."""
        return self._read_sizes()[1]

    def hold(self) -> None:
        """Make sure that the reserve is held and that there is room beside it, before spans are
        stored.

        Raises:
            DiskFull: there is not; nothing may be stored.
            StoreUnavailable: the reserve cannot be written for another reason.
        """
        if self._is_held():
            if free_bytes(self._folder) >= self.kept_free_bytes:
                return
        elif free_bytes(self._folder) >= self.size_bytes + self.kept_free_bytes and self._take():
            return
        raise DiskFull(f"the disk of {str(self._database)!r} is full: no spans are stored")

    def check(self) -> None:
        """Say what :meth:`hold` would say, and take nothing.

        Raises:
            DiskFull: no spans would be stored now.
        """
        wanted = self.kept_free_bytes + (0 if self._is_held() else self.size_bytes)
        if free_bytes(self._folder) < wanted:
            raise DiskFull(f"the disk of {str(self._database)!r} is full: no spans are stored")

    def give_up_if_needed(self, *, large: bool = False) -> bool:
        """Give the reserve up where a transaction that is no commit of spans may not fit; returns
        whether it did.

        Args:
            large: the transaction deletes many rows.
        """
        try:
            kept = self.kept_free_bytes
            least = kept if large else min(_LEAST_FREE_BYTES, kept // 2)
            if free_bytes(self._folder) >= least:
                return False
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

    def _is_held(self) -> bool:
        try:
            return self._file.stat().st_size >= self.size_bytes
        except FileNotFoundError:
            return False

    def _take(self) -> bool:
        """Write the file; False where there was no room after all."""
        # A name of its own for each writer: several may begin at the same time, in one process too.
        taker = f"{os.getpid()}.{threading.get_native_id()}"
        new = self._file.with_name(f"{self._file.name}.{taker}")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                _allocate(descriptor, self.size_bytes)
            finally:
                os.close(descriptor)
            new.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            if error.errno in _NO_ROOM:
                return False
            raise StoreUnavailable(
                f"cannot write the disk reserve {str(self._file)!r}: {error.strerror}"
            ) from error
        return True

    def _read_sizes(self) -> tuple[int, int]:
        # The size of a disk does not change often enough to be asked for at each commit.
        if self._sizes is None:
            kept = kept_free_bytes(self._folder)
            self._sizes = kept, 2 * kept
        return self._sizes


def _allocate(descriptor: int, size_bytes: int) -> None:
    """Give a file real blocks. Where the system cannot, zeros are written."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        try:
            allocate(descriptor, 0, size_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    zeros = bytes(1024 * 1024)
    left = size_bytes
    while left:
        left -= os.write(descriptor, zeros[: min(left, len(zeros))])
    os.fsync(descriptor)
