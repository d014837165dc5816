"""The SQLite file gets smaller when traces are deleted."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from query.rows import insert
from samples import make_span, trace_id
from tracefoundry.store import migrations
from tracefoundry.store.api import StoreUnavailable, open_store
from tracefoundry.store.sql.engine import make_engine

DAY_NS = 86_400 * 1_000_000_000


def pages_of(url: str) -> tuple[int, int]:
    """(pages in the file, free ones among them)."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    connection.close()
    return pages, free


@pytest.fixture
def filled_url(sqlite_url: str) -> str:
    """A migrated file with 200 traces of 4 KB."""
    migrations.upgrade(sqlite_url)
    engine = make_engine(sqlite_url)
    insert(engine, [make_span(n, 1, start=n, attributes={"t": "x" * 4_000}) for n in range(1, 201)])
    engine.dispose()
    return sqlite_url


def test_after_delete_before_no_page_is_free(
    filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In more than one step, each a short transaction."""
    monkeypatch.setattr("tracefoundry.store.sqlite.free_pages.STEP_PAGES", 50)
    before = pages_of(filled_url)[0]
    store = open_store(filled_url)
    now = time.time_ns()
    deleted = store.deletion.delete_before([1], now, now_ns=now, retention_ns=7 * DAY_NS)
    store.close()
    pages, free = pages_of(filled_url)
    assert (deleted.traces, free, pages < before - 200) == (200, 0, True)


def test_after_deleting_one_trace_no_page_is_free(filled_url: str) -> None:
    """The same for a single one."""
    store = open_store(filled_url)
    store.deletion.delete_trace(1, trace_id(7), now_ns=time.time_ns(), retention_ns=7 * DAY_NS)
    store.close()
    assert pages_of(filled_url)[1] == 0


def test_a_delete_is_done_even_if_its_pages_cannot_be_freed(
    filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay free for new rows until the next delete."""

    def busy(_engine: object) -> int:
        raise StoreUnavailable("the database is locked")

    monkeypatch.setattr("tracefoundry.store.sqlite.free_pages._step", busy)
    store = open_store(filled_url)
    now = time.time_ns()
    first = store.deletion.delete_before([1], now, now_ns=now, retention_ns=7 * DAY_NS)
    monkeypatch.undo()
    left = pages_of(filled_url)[1]
    store.deletion.delete_before([1], now, now_ns=now, retention_ns=7 * DAY_NS)
    store.close()
    assert (first.traces, left > 0, pages_of(filled_url)[1]) == (200, True, 0)


def test_a_file_made_by_the_engine_can_shrink_too(tmp_path: Path) -> None:
    """How its pages are freed is set before the first table."""
    url = f"sqlite:///{tmp_path}/new.db"
    engine = make_engine(url, create=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
        mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()
    engine.dispose()
    assert mode == 2
