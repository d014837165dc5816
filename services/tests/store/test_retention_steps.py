"""The steps of a run of retention, over every store. The days of partitions have tests of their
own: here a store that drops days gives the same answers, row by row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from samples import NOW_NS, make_log, make_span
from store.answers import add_projects, all_traces, commit, logs_of, numbers, span_count
from store.payloads import DAY, blob, ref, referring, store_payloads
from tracefoundry.model.span import Resource
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import AnotherProcess, Store, Writer
from tracefoundry.store.deletion_api import RetentionRun
from tracefoundry.store.deletion_records import ExpiredTraces
from tracefoundry.store.records import AuditEntry


@contextmanager
def run_on(store: Store, *, dry_run: bool = False) -> Iterator[RetentionRun]:
    """A run that nothing stops."""
    with store.deletion.retention_run(dry_run=dry_run, check=lambda: None) as run:
        yield run


def three_days(writer: Writer) -> None:
    """1 is old, 2 began before DAY and goes on, 3 is of DAY alone; each with a log a day."""
    commit(
        writer,
        [
            make_span(1, 1, start=-2 * DAY_NS),
            make_span(1, 2, start=-DAY_NS),
            make_span(2, 1, start=-DAY_NS),
            make_span(2, 2, start=0),
            make_span(3, 1, start=0),
        ],
        [
            make_log(1, 1, time_offset=-2 * DAY_NS),
            make_log(2, 1, time_offset=-DAY_NS),
            make_log(2, 2, time_offset=0),
        ],
    )


def test_only_one_run_is_at_work(store: Store) -> None:
    """Dry runs may go on beside it."""
    with run_on(store):
        with pytest.raises(AnotherProcess), run_on(store):
            pass
        with run_on(store, dry_run=True) as dry:
            assert dry.expired_payload_days() == {}
    with run_on(store):
        pass


def test_what_the_check_raises_ends_the_run(store: Store, writer: Writer) -> None:
    """It comes through as it is, and another run may begin."""
    three_days(writer)

    def stop() -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        store.deletion.retention_run(dry_run=False, check=stop) as run,
    ):
        run.delete_rows("spans", 1, range(DAY))
    assert span_count(store) == 5
    with run_on(store) as run:
        assert run.oldest_span_day(after=0) == DAY - 2


def test_spans_expire_with_their_summaries_in_order(store: Store, writer: Writer) -> None:
    """Marked first, then rows, then the summaries of which nothing is left."""
    three_days(writer)
    with run_on(store) as run:
        assert run.oldest_span_day(after=0) == DAY - 2
        assert run.oldest_span_day(after=DAY) is None
        assert run.mark_expired_traces(1, before_day=DAY) == 1
        assert run.mark_expired_traces(1, before_day=DAY) == 0
        assert {trace.missing_expired for trace in all_traces(store)} == {True, False}
        assert run.delete_rows("spans", 1, range(DAY)) == 3
        assert run.delete_rows("span_logs", 1, range(DAY)) == 2
        assert run.delete_expired_traces(1, before_day=DAY) == ExpiredTraces(traces=1, span_count=2)
        if not store.capabilities.drops_days:  # else the day goes with its partition
            assert run.oldest_span_day(after=0) == DAY
    assert sorted(numbers(all_traces(store))) == [2, 3]
    assert (span_count(store), len(logs_of(store, 2))) == (2, 1)


def test_a_marked_summary_is_frozen(store: Store, writer: Writer) -> None:
    """What is left would not tell the whole: only counts and times grow."""
    three_days(writer)
    with run_on(store) as run:
        run.mark_expired_traces(1, before_day=DAY)
        run.delete_rows("spans", 1, range(DAY))
    commit(writer, [make_span(2, 3, start=50, name="late", status=2)])
    (trace,) = [one for one in all_traces(store) if numbers([one]) == [2]]
    summary = trace.summary
    assert (summary.span_count, summary.error_count, trace.missing_expired) == (3, 1, True)
    assert (summary.status, summary.start_time_ns) == (0, NOW_NS - DAY_NS)


def test_spans_that_came_after_their_day_was_deleted_go_with_the_summary(
    store: Store, writer: Writer
) -> None:
    """With their logs and references."""
    three_days(writer)
    with run_on(store) as run:
        run.mark_expired_traces(1, before_day=DAY)
        run.delete_rows("spans", 1, range(DAY))
        run.delete_rows("span_logs", 1, range(DAY))
        late = referring(1, "a", start=-DAY_NS, span=9)
        commit(writer, [late], [make_log(1, 9, time_offset=-DAY_NS)])
        assert run.delete_expired_traces(1, before_day=DAY) == ExpiredTraces(
            traces=1, span_count=3, spans=1, logs=1, payload_refs=1
        )


def test_a_trace_with_a_later_span_stays(store: Store, writer: Writer) -> None:
    """Though it was marked, and was old when the run began."""
    three_days(writer)
    with run_on(store) as run:
        run.mark_expired_traces(1, before_day=DAY)
        commit(writer, [make_span(1, 7, start=0)])
        assert run.delete_expired_traces(1, before_day=DAY).traces == 0
    assert sorted(numbers(all_traces(store))) == [1, 2, 3]


def test_a_dry_run_counts_and_changes_nothing(store: Store, writer: Writer) -> None:
    """Every step of it."""
    three_days(writer)
    store_payloads(writer, [referring(4, "a", start=-DAY_NS)], [blob("a", day=DAY - 1)])
    before = all_traces(store)
    with run_on(store, dry_run=True) as run:
        assert run.mark_expired_traces(1, before_day=DAY) == 1
        assert run.delete_rows("spans", 1, range(DAY)) == 4
        assert run.delete_rows("span_payload_refs", 1, range(DAY)) == 1
        assert run.delete_rows("payload_blobs", 1, range(DAY)) == 1
        assert run.delete_expired_traces(1, before_day=DAY) == ExpiredTraces(traces=2, span_count=3)
        run.mark_payloads_expired(1, DAY - 1, now_ns=1, reason="retention")
        assert run.expired_payload_days() == {}
        assert run.delete_records("resources", before=DAY + 2) == 1
    assert all_traces(store) == before
    assert span_count(store) == 6
    with run_on(store) as run:
        assert run.payload_days(1, before_day=DAY) == [DAY - 1]


def test_another_projects_data_stays(store: Store, writer: Writer) -> None:
    """Every step is of one project."""
    (other,) = add_projects(store, "other")
    three_days(writer)
    with run_on(store) as run:
        assert run.mark_expired_traces(other, before_day=DAY + 1) == 0
        assert run.delete_rows("spans", other, range(DAY + 1)) == 0
        assert run.delete_expired_traces(other, before_day=DAY + 1) == ExpiredTraces()
    assert span_count(store) == 5


def test_payloads_expire_by_day(store: Store, writer: Writer) -> None:
    """The mark stays as it was made first, until spans have expired and all rows are gone."""
    days = [DAY - 2, DAY - 1, DAY]
    spans = [
        referring(number, "a", "l", start=(day - DAY) * DAY_NS) for number, day in enumerate(days)
    ]
    blobs = [blob("a", day=day) for day in days]
    blobs += [blob("l", day=day, parts=("a",)) for day in days]
    spans[0] = referring(9, "a", "l", start=-2 * DAY_NS)
    store_payloads(writer, spans, blobs)
    with run_on(store) as run:
        assert run.payload_days(1, before_day=DAY) == days[:2]
        run.mark_payloads_expired(1, DAY - 2, now_ns=5, reason="disk")
        run.mark_payloads_expired(1, DAY - 2, now_ns=6, reason="retention")
        assert run.expired_payload_days() == {(1, DAY - 2): "disk"}
        assert run.delete_payload_marks(1, before_day=DAY) == 0
        assert run.delete_rows("payload_blobs", 1, range(DAY - 2, DAY - 1)) == 2
        assert run.delete_rows("payload_list_parts", 1, range(DAY - 2, DAY - 1)) == 1
        assert run.payload_days(1, before_day=DAY) == [DAY - 1]
        assert run.delete_payload_marks(1, before_day=DAY - 2) == 0
        assert run.delete_payload_marks(1, before_day=DAY - 1) == 1
        assert run.expired_payload_days() == {}
    with store.reader.snapshot() as snapshot:
        assert set(snapshot.payload_places(1, DAY, [ref("a"), ref("l")])) == {ref("a"), ref("l")}


def test_small_records_go_by_their_age(store: Store, writer: Writer) -> None:
    """The bound is exclusive; entries of dictionaries count from their last use."""
    commit(writer, [make_span(1, 1), make_span(2, 1, resource=Resource({"service.name": "b"}))])
    store.deletion.delete_trace(1, make_span(2).trace_id, now_ns=0, retention_ns=0)
    with store.administration.change() as change:
        for at_ns in (10, 20):
            change.record(AuditEntry(at_ns=at_ns, action="a", outcome="allowed"))
    today = time.time_ns() // DAY_NS
    with run_on(store) as run:
        assert run.delete_records("audit_entries", before=20) == 1
        assert run.delete_records("tombstones", before=NOW_NS) == 0
        assert run.delete_records("tombstones", before=NOW_NS + 1) == 1
        assert run.delete_records("payload_tombstones", before=2**62) == 0
        assert run.delete_records("resources", before=today) == 0
        assert run.delete_records("resources", before=today + 1) == 2
        assert run.delete_records("scopes", before=today + 1) == 1
    entries, _ = store.administration.audit_page(start_ns=0, end_ns=2**62, limit=10)
    assert [entry.at_ns for entry in entries] == [20]


def test_days_are_listed_only_where_they_are_dropped_whole(store: Store, writer: Writer) -> None:
    """As the capabilities say; what is stored and freed can be asked of any store."""
    three_days(writer)
    with run_on(store) as run:
        run.finish_interrupted_drops(spans_day=0, payloads_day=0)
        days = {one.day for one in run.partitions("spans") if one.filled}
        assert bool(days) == store.capabilities.drops_days
        size = run.database_bytes()
        assert size is None or size > 0
        run.reclaim_space()
    assert span_count(store) == 5
