"""The store's contract, over every database: insert once, count right, refuse little."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples import NOW_NS, llm, make_log, make_span, span_id, trace_id
from store.conftest import new_writer
from store.reading import count, empty, rows, trace_rows
from tracefoundry.model.genai import plain, registry
from tracefoundry.model.span import Resource, Span
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store import recompute as recompute_module
from tracefoundry.store.api import CommitResult, Writer
from tracefoundry.store.sql.engine import make_engine


def store(writer: Writer, *spans: Span) -> CommitResult:
    """Commit spans to the default project."""
    return writer.commit([writer.prepare_span(1, span) for span in spans])


def only_trace(url: str) -> dict[str, Any]:
    """The one trace summary."""
    (row,) = trace_rows(url)
    return row


def test_a_new_span_is_stored_with_its_trace(writer: Writer, migrated_url: str) -> None:
    """One span makes one row and one summary."""
    result = store(writer, make_span(name="root", duration=5_000))
    assert result == CommitResult()
    assert count(migrated_url, "spans") == 1
    trace = only_trace(migrated_url)
    assert trace["root_name"] == "root"
    assert trace["span_count"] == 1
    assert trace["service"] == "agent"
    assert trace["environment"] == "test"
    assert trace["end_time_ns"] - trace["start_time_ns"] == 5_000


def test_a_batch_sent_again_changes_nothing(writer: Writer, migrated_url: str) -> None:
    """Resent spans are duplicates and the summary stays as it was."""
    spans = [make_span(span=number, parent=1 if number > 1 else None) for number in range(1, 6)]
    store(writer, *spans)
    before = trace_rows(migrated_url)
    result = store(writer, *spans)
    assert sorted(result.duplicates) == [0, 1, 2, 3, 4]
    assert trace_rows(migrated_url) == before
    assert count(migrated_url, "spans") == 5


def test_a_batch_of_old_and_new_spans_counts_only_the_new(
    writer: Writer, migrated_url: str
) -> None:
    """Counters come from rows really inserted."""
    store(writer, make_span(span=1, status=2), make_span(span=2, parent=1))
    result = store(
        writer,
        make_span(span=2, parent=1),
        make_span(span=3, parent=1, status=2),
        make_span(span=1, status=2),
    )
    assert sorted(result.duplicates) == [0, 2]
    trace = only_trace(migrated_url)
    assert (trace["span_count"], trace["error_count"]) == (3, 2)


def test_a_span_that_stands_twice_in_one_batch_is_stored_once(
    writer: Writer, migrated_url: str
) -> None:
    """The second copy is a duplicate, or a conflict when it differs."""
    result = store(writer, make_span(), make_span(), make_span(name="other"))
    assert result.duplicates == [1]
    assert result.conflicts == [2]
    assert only_trace(migrated_url)["root_name"] == "work"


def test_the_same_key_with_other_content_is_a_conflict_and_the_first_stays(
    writer: Writer, migrated_url: str
) -> None:
    """A conflict changes nothing."""
    store(writer, make_span(name="first"))
    result = store(writer, make_span(name="second"))
    assert result.conflicts == [0]
    assert rows(migrated_url, "SELECT name FROM spans") == [{"name": "first"}]


def test_spans_that_share_an_id_but_not_a_start_are_both_kept(
    writer: Writer, migrated_url: str
) -> None:
    """The start time is part of the key."""
    result = store(writer, make_span(start=0), make_span(start=10))
    assert result == CommitResult()
    assert only_trace(migrated_url)["span_count"] == 2


def test_a_trace_that_comes_child_first_ends_like_one_that_comes_at_once(
    writer: Writer, migrated_url: str
) -> None:
    """Orphans become children when their parent arrives."""
    child = make_span(span=2, parent=1, start=10, status=2, name="child")
    root = make_span(span=1, duration=100, name="root")
    store(writer, child)
    early = only_trace(migrated_url)
    assert (early["root_name"], early["missing_roots"], early["missing_parents"]) == (
        "child",
        True,
        1,
    )
    store(writer, root)
    late = only_trace(migrated_url)
    assert (late["root_name"], late["missing_roots"], late["missing_parents"]) == ("root", False, 0)
    assert (late["span_count"], late["error_count"], late["status"]) == (2, 1, 2)
    assert (late["start_time_ns"], late["end_time_ns"]) == (NOW_NS, NOW_NS + 1_010)


def test_a_roll_up_parent_that_comes_later_does_not_add_its_tokens(
    writer: Writer, migrated_url: str
) -> None:
    """Tokens are recomputed over all spans of the trace."""
    agent = {**llm(30, 12), "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    store(writer, make_span(span=2, parent=1, attributes=llm(10, 5)))
    store(writer, make_span(span=3, parent=1, attributes=llm(20, 7)))
    store(writer, make_span(span=1, attributes=agent))
    trace = only_trace(migrated_url)
    assert (trace["input_tokens"], trace["output_tokens"]) == (30, 12)
    assert trace["agent"] == "a"


GRAPHS = st.lists(
    st.tuples(
        st.integers(1, 2),  # trace
        st.integers(1, 6),  # span
        st.one_of(st.none(), st.integers(1, 8)),  # parent
        st.integers(0, 3),  # start
        st.integers(0, 2),  # status
        st.booleans(),  # usage
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda span: (span[0], span[1], span[3]),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=GRAPHS, data=st.data())
def test_the_summary_does_not_depend_on_how_spans_were_delivered(
    writer: Writer, migrated_url: str, graph: list[Any], data: st.DataObject
) -> None:
    """Any split into commits, any order and any resends give the summary of all spans at once."""
    empty(migrated_url, "spans", "traces")
    spans = [
        make_span(
            trace, span, parent, start=start, status=status,
            attributes=llm(span, 1) if usage else None,
        )
        for trace, span, parent, start, status, usage in graph
    ]  # fmt: skip
    order = data.draw(st.permutations(spans))
    while order:
        size = data.draw(st.integers(1, len(order)))
        store(writer, *order[:size])
        if data.draw(st.booleans()):
            store(writer, *order[:size])
        order = order[size:]
    expected = {}
    for key, group in itertools.groupby(
        sorted(spans, key=lambda span: span.trace_id), key=lambda span: span.trace_id
    ):
        expected[key] = summarise([facts_of(span) for span in group])
    found = {bytes(row["trace_id"]): row for row in trace_rows(migrated_url)}
    assert found.keys() == expected.keys()
    for key, summary in expected.items():
        for field in summary.__struct_fields__:
            assert (field, found[key][field]) == (field, getattr(summary, field))


def test_concurrent_writers_of_one_trace_leave_the_right_summary(
    writer: Writer, migrated_url: str
) -> None:
    """Four writers, overlapping batches: every span once, counts and tokens exact."""
    spans = [make_span(span=1, name="root")] + [
        make_span(span=number, parent=1, start=number, attributes=llm(1, 2))
        for number in range(2, 202)
    ]
    errors: list[BaseException] = []
    # One process writes to a SQLite file, from one thread; concurrent writers are PostgreSQL's.
    writers = 1 if migrated_url.startswith("sqlite") else 4

    def run(offset: int) -> None:
        own = new_writer(migrated_url)
        try:
            for first in range(0, len(spans), 20):
                part = spans[first : first + 25]
                store(own, *(part if offset % 2 else reversed(part)))
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            own.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    trace = only_trace(migrated_url)
    assert count(migrated_url, "spans") == 201
    assert trace["span_count"] == 201
    assert (trace["input_tokens"], trace["output_tokens"]) == (200, 400)
    assert (trace["root_name"], trace["missing_parents"]) == ("root", 0)


def test_spans_of_a_deleted_trace_are_refused_and_others_kept(
    writer: Writer, migrated_url: str
) -> None:
    """A tombstone keeps a trace away, whatever else is in the batch."""
    engine = make_engine(migrated_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tombstones"
                " (project_id, trace_id, deleted_at_ns, keep_until_ns, reason)"
                " VALUES (1, :trace, 0, 9000000000000000000, 'deleted')"
            ),
            {"trace": trace_id(1)},
        )
    engine.dispose()
    result = writer.commit(
        [writer.prepare_span(1, make_span(trace=1)), writer.prepare_span(1, make_span(trace=2))],
        [writer.prepare_log(1, make_log(trace=1))],
    )
    assert [(item.index, item.reason) for item in result.refused_spans] == [(0, "trace_deleted")]
    assert [(item.index, item.reason) for item in result.refused_logs] == [(0, "trace_deleted")]
    assert [bytes(row["trace_id"]) for row in trace_rows(migrated_url)] == [trace_id(2)]
    assert (count(migrated_url, "spans"), count(migrated_url, "span_logs")) == (1, 0)


def test_a_row_the_database_refuses_fails_alone(writer: Writer, migrated_url: str) -> None:
    """A span whose bytes the database cannot take is found, refused and named; 40 others stay."""
    prepared = [writer.prepare_span(1, make_span(span=number)) for number in range(1, 42)]
    bad = prepared[17]
    if isinstance(bad.row, bytes):
        bad.row = bad.row.replace(b"work", b"w\x00rk")
    else:
        bad.row = (*bad.row[:13], 2**70, *bad.row[14:])
    result = writer.commit(prepared)
    assert [(item.index, item.reason) for item in result.refused_spans] == [(17, "data_error")]
    assert count(migrated_url, "spans") == 40
    assert only_trace(migrated_url)["span_count"] == 40


def test_a_span_of_a_day_without_partition_gets_one(migrated_url: str) -> None:
    """A writer that never ran its maintenance still stores, and makes what was missing."""
    writer = new_writer(migrated_url)
    result = writer.commit(
        [
            writer.prepare_span(1, make_span(span=1, start=-3 * DAY_NS)),
            writer.prepare_span(1, make_span(span=2, parent=1)),
        ],
        [writer.prepare_log(1, make_log())],
    )
    writer.close()
    assert result == CommitResult()
    assert (count(migrated_url, "spans"), count(migrated_url, "span_logs")) == (2, 1)


def test_log_records_are_stored_once(writer: Writer, migrated_url: str) -> None:
    """The content is part of a log record's key, so two at one time are two, a resend is none."""
    first, second = make_log(body={"a": 1}), make_log(body={"a": 2})
    prepared = [writer.prepare_log(1, log) for log in (first, second)]
    assert writer.commit([], prepared) == CommitResult()
    assert sorted(writer.commit([], prepared).duplicate_logs) == [0, 1]
    assert count(migrated_url, "span_logs") == 2


def test_resources_are_stored_once_and_touched_once_a_day(
    writer: Writer, migrated_url: str
) -> None:
    """Spans of equal resources share one dictionary row, whatever the order of the keys."""
    one = Resource({"service.name": "a", "k": 1})
    same = Resource({"k": 1, "service.name": "a"})
    other = Resource({"service.name": "b"})
    store(writer, make_span(span=1, resource=one), make_span(span=2, resource=same))
    store(writer, make_span(span=3, resource=other))
    found = rows(migrated_url, "SELECT service, last_used_day FROM resources ORDER BY service")
    today = time.time_ns() // DAY_NS
    assert found == [
        {"service": "a", "last_used_day": today},
        {"service": "b", "last_used_day": today},
    ]
    assert trace_rows(migrated_url)[0]["services"] == ["a", "b"]


def test_a_very_large_trace_is_recomputed_later(
    writer: Writer, migrated_url: str, monkeypatch: Any
) -> None:
    """Above the limit the totals wait, say so, and are settled after the pause."""
    monkeypatch.setattr(recompute_module, "LARGE_TRACE_SPANS", 3)
    store(writer, make_span(span=1), make_span(span=2, parent=1, attributes=llm(1, 1)))
    store(
        writer,
        make_span(span=3, parent=1, attributes=llm(10, 1)),
        make_span(span=4, parent=1, attributes=llm(100, 1)),
    )
    waiting = only_trace(migrated_url)
    assert (waiting["span_count"], waiting["totals_pending"], waiting["input_tokens"]) == (
        4,
        True,
        1,
    )
    assert writer.recompute_deferred_summaries(time.time_ns()) == 0
    assert writer.recompute_deferred_summaries(time.time_ns() + 6_000_000_000) == 1
    settled = only_trace(migrated_url)
    assert (settled["totals_pending"], settled["input_tokens"]) == (False, 111)


def test_span_ids_are_bytes_in_key_order(writer: Writer, migrated_url: str) -> None:
    """Ids sort as unsigned bytes, as their hex does."""
    store(writer, make_span(span=2**63 + 1), make_span(span=5))
    found = rows(migrated_url, "SELECT span_id FROM spans ORDER BY span_id")
    assert [bytes(row["span_id"]) for row in found] == [span_id(5), span_id(2**63 + 1)]


def test_a_tombstone_that_is_over_lets_its_trace_in_and_is_forgotten(
    writer: Writer, migrated_url: str
) -> None:
    """Kept until resent spans would be outside the window, and no longer."""
    engine = make_engine(migrated_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tombstones"
                " (project_id, trace_id, deleted_at_ns, keep_until_ns, reason)"
                " VALUES (1, :trace, 0, 1, 'deleted')"
            ),
            {"trace": trace_id(1)},
        )
    engine.dispose()
    assert store(writer, make_span(trace=1)) == CommitResult()
    writer.maintain(time.time_ns())
    assert count(migrated_url, "tombstones") == 0


def test_logs_wait_for_a_delete_of_their_trace_and_are_then_refused(postgres_url: str) -> None:
    """A commit of logs alone locks the trace's row before it looks for tombstones."""
    migrations.upgrade(postgres_url)
    writer = new_writer(postgres_url)
    writer.maintain(time.time_ns())
    store(writer, make_span(trace=1))
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


def test_a_better_view_does_not_make_a_resent_span_a_conflict(
    writer: Writer, migrated_url: str, monkeypatch: Any
) -> None:
    """The digest is over what was sent, not over what is derived from it."""
    store(writer, make_span(attributes=llm(1, 1)))
    monkeypatch.setitem(registry.VERSIONS, plain.DIALECT, 99)
    assert store(writer, make_span(attributes=llm(1, 1))).duplicates == [0]
