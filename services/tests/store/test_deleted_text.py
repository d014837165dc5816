"""What is deleted is in no file of a SQLite database: not in a free page, not in its log."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import NOW_NS, make_log, make_span, trace_id
from store.answers import commit
from stores import prepare_database, writer_of
from tracefoundry.model.times import DAY_NS
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store, Writer, open_store
from tracefoundry.store.sql.engine import make_engine, reading
from tracefoundry.store.sqlite import free_pages

TRACES = 400
RETENTION_NS = 7 * DAY_NS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a database in which ``TRACES`` traces have a text of their own each, in random
    order, so that pages were split; every fifth text fills pages of its own."""
    url = f"sqlite:///{tmp_path}/t.db"
    prepare_database(url)
    store = open_store(url)
    writer = writer_of(store)
    numbers = list(range(1, TRACES + 1))
    random.Random(5).shuffle(numbers)
    for at in range(0, TRACES, 20):
        commit(
            writer,
            [
                make_span(
                    trace=place(n),
                    span=n,
                    start=n,
                    name=text(n),
                    attributes={"k": text(n) + " tells me about an illness" * (n % 5 == 0) * 500},
                )
                for n in numbers[at : at + 20]
            ],
            [make_log(trace=place(n), span=n, body=text(n)) for n in numbers[at : at + 20]],
        )
    writer.close()
    store.close()
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The same database."""
    opened = open_store(f"sqlite:///{folder}/t.db")
    yield opened
    opened.close()


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    """A writer that stays open, as in ``serve``: the log is not removed by the last to close."""
    made = writer_of(store)
    made.projects()
    yield made
    made.close()


def place(number: int) -> int:
    """Where in the order of trace ids a trace is."""
    return number * 2_654_435_761 % 2**32 + 1


def text(number: int) -> str:
    return f"MARK-{number:05}-{number * 7919 % 100_000:05}"


def still_there(folder: Path, numbers: Iterator[int] | range | list[int]) -> dict[str, int]:
    """In which files of a folder texts of these traces are, and how many."""
    found: dict[str, int] = {}
    for file in folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        count = sum(text(number).encode() in content for number in numbers)
        if count:
            found[file.name] = count
    return found


def delete(store: Store, number: int) -> None:
    deleted = store.deletion.delete_trace(
        1, trace_id(place(number)), now_ns=time.time_ns(), retention_ns=RETENTION_NS
    )
    assert (deleted.traces, deleted.spans, deleted.logs) == (1, 1, 1)


def test_a_deleted_trace_is_in_no_file(folder: Path, store: Store, writer: Writer) -> None:
    """The others stay."""
    gone = list(range(3, TRACES, 23))
    assert still_there(folder, gone) != {}
    for number in gone:
        delete(store, number)
        assert still_there(folder, [number]) == {}
    assert still_there(folder, gone) == {}
    kept = [number for number in range(1, TRACES + 1) if number not in gone]
    assert still_there(folder, kept)["t.db"] == len(kept)


def test_what_is_written_and_deleted_at_once_is_in_no_file(
    folder: Path, store: Store, writer: Writer
) -> None:
    """It was never moved out of the log before."""
    commit(writer, [make_span(trace=place(9_999), name=text(9_999))], [
        make_log(trace=place(9_999), body=text(9_999))
    ])  # fmt: skip
    assert still_there(folder, [9_999]) != {}
    delete(store, 9_999)
    assert still_there(folder, [9_999]) == {}


def test_a_bulk_deletion_leaves_nothing_in_files(
    folder: Path, store: Store, writer: Writer
) -> None:
    """What is newer stays."""
    middle = TRACES // 2
    deleted = store.deletion.delete_before(
        [1], NOW_NS + middle + 1_000, now_ns=time.time_ns(), retention_ns=RETENTION_NS
    )
    assert deleted.traces == middle - 1
    assert still_there(folder, range(1, middle)) == {}
    assert still_there(folder, range(middle, TRACES + 1))["t.db"] == TRACES - middle + 1


def test_retention_leaves_nothing_in_files(folder: Path, store: Store, writer: Writer) -> None:
    """A run in ten days."""
    from tracefoundry.retention import run_once

    run_once(store, None, Settings(), time.time_ns() + 10 * DAY_NS, False)
    assert still_there(folder, range(1, TRACES + 1)) == {}


def test_beside_a_reader_the_log_is_emptied_as_soon_as_it_has_ended(
    folder: Path, store: Store, writer: Writer
) -> None:
    """Within the time of the attempts."""
    engine = make_engine(f"sqlite:///{folder}/t.db")
    began = threading.Event()
    over = threading.Event()

    def read() -> None:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM spans").scalar_one()
            began.set()
            over.wait(0.5)

    reader = threading.Thread(target=read)
    reader.start()
    began.wait()
    delete(store, 7)
    reader.join()
    engine.dispose()
    assert still_there(folder, [7]) == {}


def test_what_a_long_reader_kept_is_emptied_by_the_next_delete(
    folder: Path, store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delete is done all the same, and does not wait for it."""
    monkeypatch.setattr(free_pages, "TRUNCATE_WAIT_S", 0.2)
    engine = make_engine(f"sqlite:///{folder}/t.db")
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM spans").scalar_one()
        delete(store, 7)
        assert still_there(folder, [7]) != {}
    delete(store, 8)
    engine.dispose()
    assert still_there(folder, [7, 8]) == {}


def test_a_writer_at_work_does_not_keep_the_log(folder: Path, store: Store) -> None:
    """Nor does the delete keep the writer for long."""
    over = threading.Event()
    longest = [0.0]

    def write() -> None:
        writer = writer_of(store)
        number = 10_000
        while not over.is_set():
            began = time.monotonic()
            commit(writer, [make_span(trace=place(number), name="other")])
            longest[0] = max(longest[0], time.monotonic() - began)
            number += 1
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in (11, 12, 13):
            delete(store, number)
            assert still_there(folder, [number]) == {}
    finally:
        over.set()
        thread.join()
    assert longest[0] < 30
