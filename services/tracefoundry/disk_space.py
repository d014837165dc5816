"""How full a disk may get: below this much free space nothing new is stored.

A disk that is full to its last byte cannot even be cleared: deleting rows writes to the log of a
database, and payloads that stay are packed anew. So ingest stops while there is still some room.
"""

from __future__ import annotations

import shutil
from pathlib import Path

MOST_KEPT_FREE_BYTES = 32 * 1024 * 1024
"""About as much as SQLite's log grows before it is moved into the file."""
_SHARE = 16
"""Of a small disk a sixteenth is kept free."""


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write on the disk of a folder.

    Raises:
        OSError: the folder is not there.
    """
    return shutil.disk_usage(folder).free


def kept_free_bytes(folder: Path) -> int:
    """Below how many free bytes the disk of a folder counts as full.

    Raises:
        OSError: the folder is not there.
    """
    return min(MOST_KEPT_FREE_BYTES, shutil.disk_usage(folder).total // _SHARE)


def is_full(folder: Path) -> bool:
    """Whether nothing new may be stored on the disk of a folder.

    Raises:
        OSError: the folder is not there.
    """
    usage = shutil.disk_usage(folder)
    return usage.free < min(MOST_KEPT_FREE_BYTES, usage.total // _SHARE)
