"""Files of a SQLite database are readable by their owner alone.

New ones are, by the process's umask. Those that an older version left are closed at the start of a
process that writes. SQLite gives its log and the log's index the permissions of the database file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_BESIDE = ("", "-wal", "-shm", "-journal", ".lock", ".retention.lock", ".reserve")


def make_private(database: Path) -> None:
    """Take the permissions of others off the files of a database that belong to this user. Files of
    other users, and links, are left alone."""
    if not hasattr(os, "geteuid"):
        return
    for suffix in _BESIDE:
        path = database.with_name(database.name + suffix)
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        mine = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if mine and status.st_mode & 0o077:
            path.chmod(stat.S_IMODE(status.st_mode) & 0o700)
