"""Logs whose trace has no spans: not shown, but deleted like any other content."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from query.conftest import Api
from query.rows import add_project, insert, insert_into
from samples import NOW_NS, make_log, make_span, trace_id
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import CommitResult, Store, open_store
from tracefoundry.store.records import Deleted
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine

PATH = f"/api/traces/{trace_id(1).hex()}"


def stored(engine: sa.Engine) -> dict[str, list[int]]:
    """Trace ids as small numbers, by table."""
    found = {}
    with engine.connect() as connection:
        for table in (tables.traces, tables.spans, tables.span_logs, tables.tombstones):
            rows = connection.execute(sa.select(table.c.trace_id).order_by(table.c.trace_id))
            found[table.name] = [int.from_bytes(trace, "big") for trace in rows.scalars()]
    return found


def counts(receipt: dict[str, Any]) -> tuple[int, int, int]:
    """(traces, spans, logs) of a receipt."""
    return receipt["traces"], receipt["spans"], receipt["logs"]


def test_a_trace_of_logs_alone_is_404_until_it_is_deleted_and_410_after(api: Api) -> None:
    """There is no trace to show, but there is something to delete, once."""
    insert(api.engine, [], [make_log(1, 1), make_log(1, 2), make_log(2, 1)])
    before = api.error(PATH)
    receipt = api.client.delete(PATH).json()
    assert (before, counts(receipt)) == ((404, "trace_not_found"), (0, 0, 2))
    assert (api.error(PATH), api.client.delete(PATH).status_code) == ((410, "trace_deleted"), 410)
    assert stored(api.engine) == {
        "traces": [],
        "spans": [],
        "span_logs": [2],
        "tombstones": [1],
    }


def test_deleting_what_was_never_there_is_404_and_leaves_nothing(api: Api) -> None:
    """No tombstone for a mistyped id."""
    assert api.client.delete(PATH).status_code == 404
    assert stored(api.engine)["tombstones"] == []


def test_logs_in_one_project_and_spans_in_another_are_ambiguous_to_delete(api: Api) -> None:
    """Reading means the spans; a delete must not leave content behind that it seemed to take."""
    add_project(api.engine, 2, "second")
    insert(api.engine, [make_span(1, 1)])
    insert(api.engine, [], [make_log(1, 1)], project=2)
    answer = api.client.delete(PATH)
    assert (api.client.get(PATH).status_code, answer.status_code) == (200, 409)
    assert "default, second" in answer.json()["error"]["message"]
    assert counts(api.client.delete(PATH, params={"project": "second"}).json()) == (0, 0, 1)


def test_delete_before_takes_older_logs_without_spans_in_batches(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tombstones; a trace that has a later log stays whole, as one that ends later does."""
    monkeypatch.setattr("tracefoundry.store.sql.deletion.logs_without_spans.BATCH_TRACES", 2)
    spans = [make_span(20, 1, duration=5), make_span(21, 1, duration=500)]
    logs = [make_log(trace, 1, time_offset=trace) for trace in range(1, 8)]
    logs += [make_log(3, 2, time_offset=200), make_log(20, 1), make_log(21, 1)]
    insert(api.engine, spans, logs)
    answer = api.client.delete("/api/traces", params={"before": str(NOW_NS + 100)})
    assert counts(answer.json()) == (1, 1, 7)
    assert stored(api.engine) == {
        "traces": [21],
        "spans": [21],
        "span_logs": [3, 3, 21],
        "tombstones": [1, 2, 4, 5, 6, 7, 20],
    }


def test_a_batch_ends_with_the_trace_that_has_too_many_logs(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction grows without bound."""
    monkeypatch.setattr("tracefoundry.store.sql.deletion.logs_without_spans.BATCH_LOGS", 3)
    insert(api.engine, [], [make_log(t, 1, time_offset=m) for t in (1, 2, 3) for m in range(4)])
    answer = api.client.delete("/api/traces", params={"before": str(NOW_NS + 100)})
    assert (counts(answer.json()), stored(api.engine)["span_logs"]) == ((0, 0, 12), [])


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[tuple[str, sa.Engine]]:
    """A migrated database with one log of trace 1 and no spans, and partitions for today."""
    migrations.upgrade(postgres_url)
    writer = open_store(postgres_url).writer(retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)
    writer.maintain(time.time_ns())
    writer.close()
    engine = make_engine(postgres_url)
    insert(engine, [], [make_log(1, 1)])
    yield postgres_url, engine
    engine.dispose()


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[Any]]:
    """Work on its way in a thread, and where its result or error will be."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - told in the test's own thread
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def wait_for_waiters(engine: sa.Engine, number: int) -> None:
    """Until so many sessions of this database wait for a lock."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.execute(waiting).scalar_one() >= number:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def delete(store: Store) -> Deleted:
    """Delete trace 1."""
    return store.deletion.delete_trace(
        1, trace_id(1), now_ns=time.time_ns(), retention_ns=7 * DAY_NS
    )


def test_a_log_that_is_being_written_goes_too(postgres: tuple[str, sa.Engine]) -> None:
    """The delete waits for the writer, or it would leave the log behind its tombstone."""
    url, engine = postgres
    store = open_store(url)
    with engine.begin() as connection:
        insert_into(connection, [], [make_log(1, 2)])
        thread, outcome = in_thread(lambda: delete(store))
        wait_for_waiters(engine, 1)
    thread.join(120)
    store.close()
    assert (outcome, stored(engine)["span_logs"]) == ([Deleted(logs=2)], [])


def test_spans_that_are_being_written_go_too(postgres: tuple[str, sa.Engine]) -> None:
    """The logs turn out not to be alone; the whole trace is deleted."""
    url, engine = postgres
    store = open_store(url)
    with engine.begin() as connection:
        insert_into(connection, [make_span(1, 1)])
        thread, outcome = in_thread(lambda: delete(store))
        wait_for_waiters(engine, 1)
    thread.join(120)
    store.close()
    assert outcome == [Deleted(traces=1, spans=1, logs=1)]
    assert stored(engine) == {"traces": [], "spans": [], "span_logs": [], "tombstones": [1]}


@pytest.mark.parametrize("kind", ["span", "log"])
def test_what_is_written_while_the_delete_is_at_it_is_refused(
    postgres: tuple[str, sa.Engine], kind: str
) -> None:
    """The writer waits, and finds the tombstone then."""
    url, engine = postgres
    store = open_store(url)

    def write() -> CommitResult:
        writer = open_store(url).writer(retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)
        try:
            if kind == "span":
                return writer.commit([writer.prepare_span(1, make_span(1, 1))])
            return writer.commit([], [writer.prepare_log(1, make_log(1, 2))])
        finally:
            writer.close()

    with engine.begin() as connection:
        # Holds the delete up after it has written its tombstone.
        connection.execute(sa.select(tables.span_logs.c.trace_id).with_for_update()).all()
        deleting, deleted = in_thread(lambda: delete(store))
        wait_for_waiters(engine, 1)
        writing, written = in_thread(write)
        wait_for_waiters(engine, 2)
    deleting.join(120)
    writing.join(120)
    store.close()
    assert deleted == [Deleted(logs=1)]
    refused = written[0].refused_spans if kind == "span" else written[0].refused_logs
    assert [refusal.reason for refusal in refused] == ["trace_deleted"]
    assert stored(engine) == {"traces": [], "spans": [], "span_logs": [], "tombstones": [1]}
