"""When the disk reserve of a SQLite file is taken, kept and given up."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracefoundry import disk_space
from tracefoundry.store.api import DISK_FULL, DiskFull, StoreUnavailable
from tracefoundry.store.sql.errors import unavailable
from tracefoundry.store.sqlite import disk_reserve
from tracefoundry.store.sqlite.disk_reserve import DiskReserve

MIB = 1024 * 1024
TOTAL = 160 * MIB
KEPT = 10 * MIB
HELD = 2 * KEPT


@pytest.fixture
def set_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how much of a disk of 160 MiB is free."""

    def set_to(free_bytes: int) -> None:
        usage = SimpleNamespace(total=TOTAL, used=TOTAL - free_bytes, free=free_bytes)
        monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda _folder: usage)

    return set_to


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The reserve's file."""
    return tmp_path / "t.db.reserve"


@pytest.fixture
def reserve(tmp_path: Path) -> DiskReserve:
    """The reserve of a database."""
    return DiskReserve(tmp_path / "t.db")


def test_it_is_taken_in_real_blocks_while_there_is_room(
    reserve: DiskReserve, file: Path, set_free: Callable[[int], None]
) -> None:
    """Readable by its owner alone."""
    set_free(HELD + KEPT)
    reserve.hold()
    status = file.stat()
    assert (HELD, True, 0o600) == (
        status.st_size,
        status.st_blocks * 512 >= HELD,
        status.st_mode & 0o777,
    )


@pytest.mark.parametrize(
    ("held", "free", "stores"),
    [
        (True, KEPT, True),
        (True, KEPT - 1, False),
        (False, KEPT + HELD, True),
        (False, KEPT + HELD - 1, False),
        (False, 0, False),
    ],
)
def test_spans_are_stored_while_it_is_held_and_there_is_room_beside(
    reserve: DiskReserve,
    file: Path,
    set_free: Callable[[int], None],
    held: bool,
    free: int,
    stores: bool,
) -> None:
    """Readiness says the same, and takes nothing."""
    if held:
        file.write_bytes(bytes(HELD))
    set_free(free)
    for look in (reserve.check, reserve.hold):
        if stores:
            look()
        else:
            with pytest.raises(DiskFull, match="no spans are stored"):
                look()
        if look == reserve.check:
            assert held == file.exists()
    assert (held or stores) == file.exists()


@pytest.mark.parametrize(
    ("free", "large", "given_up"),
    [
        (MIB, False, False),
        (MIB - 1, False, True),
        (MIB, True, True),
        (KEPT, True, False),
        (KEPT - 1, True, True),
    ],
)
def test_it_is_given_up_for_what_does_not_fit(
    reserve: DiskReserve,
    file: Path,
    set_free: Callable[[int], None],
    free: int,
    large: bool,
    given_up: bool,
) -> None:
    """A deletion needs more room than an entry of the audit log."""
    file.write_bytes(bytes(HELD))
    set_free(free)
    assert given_up == reserve.give_up_if_needed(large=large)
    assert given_up != file.exists()
    assert not (given_up and reserve.give_up_if_needed(large=large))


def test_a_folder_that_takes_no_files_is_said(
    reserve: DiskReserve, file: Path, set_free: Callable[[int], None]
) -> None:
    """With the file and the cause, for the log."""
    set_free(HELD + KEPT)
    file.mkdir()
    (file / "x").touch()
    with pytest.raises(StoreUnavailable, match="Is a directory") as caught:
        reserve.hold()
    assert "reserve" not in caught.value.public


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE])
def test_sqlites_errors_of_a_full_disk_are_told_from_others(code: int) -> None:
    """Senders and probes hear what to do."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    found = unavailable(error)
    assert (DiskFull, DISK_FULL) == (type(found), found and found.public)


def test_a_database_that_cannot_grow_is_told(tmp_path: Path) -> None:
    """By the error that SQLite really raises, with a limit of pages in place of a disk."""
    with contextlib.closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None)) as limited:
        limited.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            limited.execute("CREATE TABLE big AS SELECT randomblob(1000000) AS x")
    assert isinstance(unavailable(caught.value), DiskFull)


def test_writers_of_one_process_may_take_it_at_the_same_time(
    tmp_path: Path, set_free: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each writes a file of its own and moves it to the name that all share."""
    set_free(TOTAL)
    all_opened = threading.Barrier(8)
    allocate = disk_reserve._allocate

    def allocate_together(descriptor: int, size_bytes: int) -> None:
        all_opened.wait(30)
        allocate(descriptor, size_bytes)

    monkeypatch.setattr(disk_reserve, "_allocate", allocate_together)

    def hold(_number: int) -> None:
        DiskReserve(tmp_path / "t.db").hold()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(8)))
    assert ["t.db.reserve"] == [file.name for file in tmp_path.iterdir()]
