"""What SQL writers leave in their tables, and what they wait for."""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa

from samples import make_log, make_span, trace_id
from store.answers import commit
from store.conftest import new_writer
from store.reading import count, rows
from tracefoundry.model.span import Resource
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import CommitResult, Writer
from tracefoundry.store.sql.engine import make_engine


def test_resources_are_stored_once_and_touched_once_a_day(
    url_writer: Writer, migrated_url: str
) -> None:
    """Spans of equal resources share one dictionary row, whatever the order of the keys."""
    one = Resource({"service.name": "a", "k": 1})
    same = Resource({"k": 1, "service.name": "a"})
    other = Resource({"service.name": "b"})
    commit(url_writer, [make_span(span=1, resource=one), make_span(span=2, resource=same)])
    commit(url_writer, [make_span(span=3, resource=other)])
    found = rows(migrated_url, "SELECT service, last_used_day FROM resources ORDER BY service")
    today = time.time_ns() // DAY_NS
    assert found == [
        {"service": "a", "last_used_day": today},
        {"service": "b", "last_used_day": today},
    ]


def test_a_span_of_a_day_without_partition_gets_one(migrated_url: str) -> None:
    """A writer that never ran its maintenance still stores, and makes what was missing."""
    writer = new_writer(migrated_url)
    result = commit(
        writer,
        [make_span(span=1, start=-3 * DAY_NS), make_span(span=2, parent=1)],
        [make_log()],
    )
    writer.close()
    assert result == CommitResult()
    assert (count(migrated_url, "spans"), count(migrated_url, "span_logs")) == (2, 1)


def test_logs_wait_for_a_delete_of_their_trace_and_are_then_refused(postgres_url: str) -> None:
    """A commit of logs alone locks the trace's row before it looks for tombstones."""
    migrations.upgrade(postgres_url)
    writer = new_writer(postgres_url)
    writer.maintain(time.time_ns())
    commit(writer, [make_span(trace=1)])
    results: list[CommitResult] = []
    engine = make_engine(postgres_url)
    with engine.connect() as deleting:
        deleting.execute(sa.text("SELECT 1 FROM traces FOR UPDATE"))
        thread = threading.Thread(
            target=lambda: results.append(writer.commit([], [writer.prepare_log(1, make_log())]))
        )
        thread.start()
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 30
        with engine.connect() as watching:
            while not watching.execute(waiting).scalar_one():
                assert time.monotonic() < deadline, "the writer did not wait for the row"
                watching.rollback()
        deleting.execute(
            sa.text("INSERT INTO tombstones VALUES (1, :trace, 0, 9000000000000000000, 'deleted')"),
            {"trace": trace_id(1)},
        )
        deleting.execute(sa.text("DELETE FROM spans"))
        deleting.execute(sa.text("DELETE FROM traces"))
        deleting.commit()
    thread.join(30)
    engine.dispose()
    writer.close()
    assert [refusal.reason for refusal in results[0].refused_logs] == ["trace_deleted"]
    assert count(postgres_url, "span_logs") == 0
