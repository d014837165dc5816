"""How every writing connection to the SQLite file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import unquote

from tracefoundry.store.contract import StoreMisconfigured

BUSY_TIMEOUT_S = 10
WAL_PAGES = 8_000
"""Pages (4 KiB) of write-ahead log before a checkpoint: fewer checkpoints under load."""
CACHE_KIB = 32_768


def database_path(url: str) -> Path:
    """The file of a ``sqlite:///relative`` or ``sqlite:////absolute`` URL.

    Raises:
        StoreMisconfigured: the URL is of another form, or the folder does not exist.
    """
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix) or ":memory:" in url:
        raise StoreMisconfigured(
            f"database URL {url!r} is not of the form sqlite:///PATH (a file; four slashes for an"
            " absolute path)"
        )
    path = Path(unquote(url[len(prefix) :].partition("?")[0]))
    if not path.parent.is_dir():
        raise StoreMisconfigured(f"the folder of the SQLite file {str(path)!r} does not exist")
    return path


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, durable at every COMMIT."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {WAL_PAGES}",
        f"cache_size = -{CACHE_KIB}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection
