"""Freeing the space of deleted rows in a SQLite file.

SQLite keeps the pages of deleted rows in a list of free pages and uses them again, but the file
does not shrink by itself. Files are made with ``auto_vacuum = INCREMENTAL``: pages are freed when
somebody asks for it, as many at a time as asked for. On PostgreSQL autovacuum does this, and
dropping a partition frees its space at once.
"""

from __future__ import annotations

import logging
import sqlite3

import sqlalchemy as sa

from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.sql.engine import writing

STEP_PAGES = 2_000
"""Pages (4 KiB) freed in one transaction: the spans' writer gets its turn between two."""

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
        freed += step
        if step < STEP_PAGES:
            return freed


def checkpoint(engine: sa.Engine) -> None:
    """Move what was freed out of SQLite's log, so that the file really shrinks. Waits for nobody:
    what readers still need stays until the next time."""
    with engine.connect() as connection:
        native = connection.connection.cursor()
        native.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        native.close()


def _step(engine: sa.Engine) -> int:
    """One transaction; returns the pages that it freed, fewer than a step's when none are left."""
    with writing(engine) as connection:
        mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()
        free: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        if mode != _INCREMENTAL or not free:
            return 0
        native = connection.connection.cursor()
        try:
            for _ in range(min(free, STEP_PAGES)):
                # One page at a time: the driver runs a statement without columns only to its
                # first result, and this one has a result for each page.
                native.execute("PRAGMA incremental_vacuum(1)")
        finally:
            native.close()
        left: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        return free - left
