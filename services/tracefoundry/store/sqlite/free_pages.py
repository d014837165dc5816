"""Freeing the space of deleted rows in a SQLite file, and removing their text from its log.

SQLite keeps the pages of deleted rows in a list of free pages and uses them again, but the file
does not shrink by itself. Files are made with ``auto_vacuum = INCREMENTAL``: pages are freed when
somebody asks for it, as many at a time as asked for. On PostgreSQL autovacuum does this, and
dropping a partition frees its space at once.

``secure_delete`` overwrites deleted rows, but that is a change like any other: it stands in the
write-ahead log, behind older versions of the same pages, which still hold the text. Only a
checkpoint that truncates the log takes the text out of both files.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tracefoundry.disk_space import free_bytes
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.sql.engine import LOCK_TIMEOUT_MS, store_errors, writing

STEP_PAGES = 2_000
"""Pages (4 KiB) freed in one transaction: the spans' writer gets its turn between two."""
_LEAST_STEP_PAGES = 16
_PAGE_BYTES = 4_096
_PAGES_WRITTEN = 8
"""Pages in the log, at most about, for each page that is freed: what stands at the end of the file
moves forward, and what points at it changes."""

TRUNCATE_WAIT_S = 3.0
"""How long a checkpoint tries to truncate the log beside readers and the writer."""
_ATTEMPT_MS = 20
"""The longest wait of one attempt, in which the writer has to wait too."""
_PAUSE_S = 0.02

_INCREMENTAL = 2
"""What ``PRAGMA auto_vacuum`` says of a file whose pages can be freed in steps."""

_log = logging.getLogger(__name__)


def incremental_vacuum(engine: sa.Engine) -> int:
    """Free all free pages of a file; returns how many.

    A step that cannot have the file (another process holds it) ends this early: the pages stay
    free for new rows, and the next call goes on.
    """
    freed = 0
    while True:
        try:
            step = _step(engine)
        except (StoreUnavailable, sqlite3.Error) as error:
            _log.info("free pages stay in the file until the next delete: %s", error)
            return freed
        freed += step.freed
        if step.freed < step.wanted:
            return freed
        if step.wanted < STEP_PAGES:
            truncate_log(engine)  # the next step needs its room


def truncate_log(engine: sa.Engine) -> bool:
    """Move everything from SQLite's log into the file, and empty the log; returns whether it is.

    A reader that is at work needs the log as it is. After a number of attempts the log stays for
    the next call, which empties all of it.
    """
    deadline = time.monotonic() + TRUNCATE_WAIT_S
    try:
        with store_errors(), engine.connect() as connection:
            native: Any = connection.connection.driver_connection
            native.execute(f"PRAGMA busy_timeout = {_ATTEMPT_MS}")
            try:
                # Most of the work waits for nobody and keeps nobody waiting.
                native.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                while native.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > deadline:
                        _log.info("the log of the SQLite file is emptied at the next delete")
                        return False
                    time.sleep(_PAUSE_S)
            finally:
                native.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
    except (StoreUnavailable, sqlite3.Error) as error:
        _log.info("the log of the SQLite file is emptied at the next delete: %s", error)
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Step:
    """Pages that one transaction was to free, and that it freed: fewer where none are left."""

    wanted: int
    freed: int


def _step(engine: sa.Engine) -> _Step:
    """Free pages in one transaction, fewer on a disk that is almost full."""
    with writing(engine) as connection:
        mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()
        free: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        if mode != _INCREMENTAL or not free:
            return _Step(STEP_PAGES, 0)
        file = Path(connection.exec_driver_sql("PRAGMA database_list").one()[2])
        room = free_bytes(file.parent) // _PAGE_BYTES // _PAGES_WRITTEN
        wanted = max(_LEAST_STEP_PAGES, min(STEP_PAGES, room))
        native = connection.connection.cursor()
        try:
            for _ in range(min(free, wanted)):
                # One page at a time: the driver runs a statement without columns only to its
                # first result, and this one has a result for each page.
                native.execute("PRAGMA incremental_vacuum(1)")
        finally:
            native.close()
        left: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        return _Step(wanted, free - left)
