"""Imports: staged rows are invisible until all of them are published, at once and once only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from samples import NOW_NS, make_log, make_span, span_id, trace_id
from stores import writer_of
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.store.api import (
    AnotherProcess,
    CommitResult,
    ImportConflict,
    ImportRefused,
    Snapshot,
    Store,
    Writer,
)
from tracefoundry.store.import_api import ImportRun, Published
from tracefoundry.store.records import StoredTrace, TraceSelection

WEEK_NS = 7 * DAY_NS
OLD_NS = -400 * DAY_NS
"""A start long before every window of ingest."""
TODAY = day_of(time.time_ns())
REF = bytes(range(32))


def old_span(span: int = 1, *, trace: int = 1, **fields: Any) -> Span:
    """A span of more than a year ago."""
    return make_span(trace, span, start=OLD_NS + span, **fields)


def stage(run: ImportRun, spans: Sequence[Span], logs: Sequence[LogRecord] = ()) -> None:
    """Stage spans and logs of project 1."""
    traces = {span.trace_id for span in spans} | {log.trace_id for log in logs}
    run.admit([(1, trace) for trace in traces])
    run.stage(
        [run.prepare_span(1, span) for span in spans], [run.prepare_log(1, log) for log in logs]
    )


def import_all(store: Store, spans: Sequence[Span], logs: Sequence[LogRecord] = ()) -> Published:
    """A whole import."""
    with store.imports.open(time.time_ns()) as run:
        stage(run, spans, logs)
        return run.publish("bundle_import")


def found(store: Store, trace: int = 1) -> StoredTrace | None:
    """The trace, if it can be seen."""
    with store.reader.snapshot() as snapshot:
        traces = snapshot.find_traces([1], trace_id(trace))
        return traces[0] if traces else None


@contextmanager
def opened(store: Store, trace: int = 1) -> Iterator[tuple[Snapshot, StoredTrace]]:
    """A snapshot and the trace in it."""
    with store.reader.snapshot() as snapshot:
        (one,) = snapshot.find_traces([1], trace_id(trace))
        yield snapshot, one


def model_of(store: Store, trace: int = 1) -> tuple[list[Span], list[LogRecord]]:
    """What is stored of a trace."""
    with opened(store, trace) as (snapshot, one):
        spans = [span for chunk in snapshot.model_spans(one) for span in chunk]
        logs = [log for chunk in snapshot.model_logs(1, one.trace_id) for log in chunk]
    return spans, logs


def test_an_imported_trace_is_read_as_it_was_in_the_file(store: Store) -> None:
    """Spans of any age and their logs come back equal, through every way of reading."""
    spans = [old_span(1, name="root"), old_span(2, parent=1, name="needle", status=2)]
    logs = [make_log(span=2, time_offset=OLD_NS)]
    result = import_all(store, spans, logs)
    assert ([(1, trace_id(1))], 2, 1) == (result.traces, result.spans, result.logs)
    assert (spans, logs) == model_of(store)
    with opened(store) as (snapshot, one):
        assert ("bundle_import", TODAY) == (one.source, one.import_day)
        assert ("offline", "test") == (one.summary.environment, one.original_environment)
        assert (2, 1, "root") == (
            one.summary.span_count, one.summary.error_count, one.summary.root_name,
        )  # fmt: skip
        assert [span_id(1), span_id(2)] == [
            span.span_id for span in snapshot.skeletons(one, limit=10).spans
        ]
        page = snapshot.spans(one, limit=10)
        assert ["root", "needle"] == [span.name for span in page.spans]
        assert [span_id(2)] == list(page.logs)
        assert ["needle"] == [span.name for span in snapshot.span(one, span_id(2)).spans]
        assert {} == (snapshot.counting_spans(one) or {})
        assert [] == snapshot.links(one, 10).spans
        selection = TraceSelection(start_ns=0, end_ns=2**62)
        hits = snapshot.search(
            [1], selection, sort="newest", after=None, limit=10, text="needle", content=True,
            budget_seconds=5,
        )  # fmt: skip
        assert [trace_id(1)] == [hit.trace_id for hit in hits.traces]
        assert [] == snapshot.statistics([1], 0, 2**62, "service").groups


def test_nothing_is_seen_before_all_is_published(store: Store) -> None:
    """Staged traces are in no list, and an import that ends before leaves nothing."""
    with store.imports.open(time.time_ns()) as run:
        stage(run, [old_span()])
        stage(run, [old_span(trace=2)])
        assert found(store) is None
    assert found(store) is None
    assert 0 == store.imports.remove_leftovers()
    assert Published(traces=[(1, trace_id(1))], spans=1) == import_all(store, [old_span()])


def test_spans_of_a_trace_may_come_in_many_batches_and_twice(store: Store) -> None:
    """The first one stays, and counts are of what is stored."""
    with store.imports.open(time.time_ns()) as run:
        stage(run, [old_span(1), old_span(1), old_span(2)])
        stage(run, [old_span(2), old_span(3)])
        assert 3 == run.publish("file_import").spans
    assert [old_span(number) for number in (1, 2, 3)] == model_of(store)[0]


def test_a_second_import_changes_nothing(store: Store) -> None:
    """The same content is present already; the trace keeps its day, beside a trace that is new."""
    import_all(store, [old_span()], [make_log(time_offset=OLD_NS)])
    before = found(store)
    with store.imports.open(time.time_ns() + DAY_NS) as run:
        stage(run, [old_span(), old_span(trace=2)], [make_log(time_offset=OLD_NS)])
        result = run.publish("bundle_import")
    assert [(1, trace_id(1))] == result.present
    assert [(1, trace_id(2))] == result.traces
    assert before == found(store)
    assert ([old_span()], [make_log(time_offset=OLD_NS)]) == model_of(store)


def test_other_content_under_the_same_id_is_a_conflict(store: Store) -> None:
    """Neither this trace nor any other of the import is stored."""
    import_all(store, [old_span()])
    with pytest.raises(ImportConflict) as caught:
        import_all(store, [old_span(name="other"), old_span(trace=2)])
    assert (1, trace_id(1), False) == (
        caught.value.project_id, caught.value.trace_id, caught.value.live,
    )  # fmt: skip
    assert found(store, 2) is None
    assert [old_span()] == model_of(store)[0]


def test_a_live_trace_is_not_imported_over(store: Store, writer: Writer) -> None:
    """Its spans came over OTLP: neither source may change the other's."""
    writer.commit([writer.prepare_span(1, make_span())])
    with pytest.raises(ImportConflict) as caught:
        import_all(store, [old_span()])
    assert caught.value.live
    assert [make_span()] == model_of(store)[0]


def test_a_trace_that_came_alive_during_the_import_is_a_conflict(
    store: Store, writer: Writer
) -> None:
    """It is found when the import is published."""
    with store.imports.open(time.time_ns()) as run:
        stage(run, [old_span()])
        assert writer.commit([writer.prepare_span(1, make_span())]) == CommitResult()
        with pytest.raises(ImportConflict):
            run.publish("bundle_import")
    assert [make_span()] == model_of(store)[0]


def test_live_spans_of_an_imported_trace_are_refused(store: Store, writer: Writer) -> None:
    """With their logs, and the trace stays as it was imported; neighbours are stored."""
    import_all(store, [old_span()])
    before = found(store)
    spans = [make_span(), make_span(2, 2)]
    result = writer.commit(
        [writer.prepare_span(1, span) for span in spans], [writer.prepare_log(1, make_log())]
    )
    assert [(0, "trace_imported")] == [(one.index, one.reason) for one in result.refused_spans]
    assert [(0, "trace_imported")] == [(one.index, one.reason) for one in result.refused_logs]
    only_log = writer.commit([], [writer.prepare_log(1, make_log())])
    assert ["trace_imported"] == [one.reason for one in only_log.refused_logs]
    assert before == found(store)
    assert ([old_span()], []) == model_of(store)
    assert [make_span(2, 2)] == model_of(store, 2)[0]


def test_one_import_at_a_time(store: Store) -> None:
    """A second one is told so; leftovers are not looked for while one is at work."""
    with store.imports.open(time.time_ns()) as run:
        stage(run, [old_span()])
        with pytest.raises(AnotherProcess), store.imports.open(time.time_ns()):
            pass
        assert 0 == store.imports.remove_leftovers()
        assert 1 == run.publish("bundle_import").spans


def test_a_deleted_trace_can_be_imported_again(store: Store) -> None:
    """Deletion takes spans, logs and summary; the import lifts the tombstone."""
    import_all(store, [old_span(), old_span(trace=2)], [make_log(time_offset=OLD_NS)])
    deleted = store.deletion.delete_trace(
        1, trace_id(1), now_ns=time.time_ns(), retention_ns=WEEK_NS
    )
    assert (1, 1, 1) == (deleted.traces, deleted.spans, deleted.logs)
    with store.reader.snapshot() as snapshot:
        assert snapshot.was_deleted([1], trace_id(1), time.time_ns())
    assert found(store) is None
    assert [old_span(trace=2)] == model_of(store, 2)[0]
    import_all(store, [old_span()], [make_log(time_offset=OLD_NS)])
    assert ([old_span()], [make_log(time_offset=OLD_NS)]) == model_of(store)
    with store.reader.snapshot() as snapshot:
        assert not snapshot.was_deleted([1], trace_id(1), time.time_ns())


def test_deletion_before_a_time_takes_imported_traces_too(store: Store) -> None:
    """They go by their own end, like all others."""
    import_all(store, [old_span(), make_span(2)])
    deleted = store.deletion.delete_before(
        [1], NOW_NS - DAY_NS, now_ns=time.time_ns(), retention_ns=WEEK_NS
    )
    assert (1, 1) == (deleted.traces, deleted.spans)
    assert found(store) is None
    assert [make_span(2)] == model_of(store, 2)[0]


def test_imports_expire_by_their_day(store: Store) -> None:
    """An old trace lives as long after its import as a new one after its arrival."""
    import_all(store, [old_span()], [make_log(time_offset=OLD_NS)])

    def nothing() -> None:
        pass

    with store.deletion.retention_run(dry_run=False, check=nothing) as run:
        assert 0 == run.mark_expired_traces(1, before_day=TODAY)
        assert 0 == run.delete_expired_imports(1, before_day=TODAY, rows_from=0).traces
        assert 0 == run.delete_expired_traces(1, before_day=TODAY).traces
        assert ([old_span()], [make_log(time_offset=OLD_NS)]) == model_of(store)
        gone = run.delete_expired_imports(1, before_day=TODAY + 1, rows_from=0)
    assert (1, 1, 1) == (gone.traces, gone.spans, gone.logs)
    assert found(store) is None


def test_payloads_belong_to_the_day_of_the_import(store: Store) -> None:
    """Contents are looked up under it, whatever the time of the span."""
    entry = PayloadEntry(
        "attribute", "span", "text", "string", f"sha256:{REF.hex()}", 4, None, "present"
    )
    span = old_span(payloads=(entry,))
    import_all(store, [span])
    asked: list[int] = []

    def contents(project: int, day: int, refs: object) -> dict[str, bytes]:
        asked.append(day)
        return {f"sha256:{REF.hex()}": b"full"}

    with opened(store) as (snapshot, one):
        (chunk,) = snapshot.model_spans(one, contents=contents)
        assert TODAY == one.payload_day(span.start_time_ns)
        assert {1} == snapshot.owners([1], one.trace_id)
        assert snapshot.has_payload_references([1], one.trace_id)
    assert [TODAY] == asked
    assert "full" == chunk[0].attributes["text"]


def test_logs_without_spans_are_not_stored(store: Store) -> None:
    """A trace needs a span, and its import says which ones had none."""
    result = import_all(store, [old_span(trace=2)], [make_log(time_offset=OLD_NS)])
    assert [(1, trace_id(1))] == result.without_spans
    assert found(store) is None
    assert [(1, trace_id(2))] == result.traces


def test_too_many_traces_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy, before anything is stored."""
    monkeypatch.setattr("tracefoundry.store.staging.MOST_TRACES", 2)
    with (
        store.imports.open(time.time_ns()) as run,
        pytest.raises(ImportRefused, match="in parts"),
    ):
        run.admit([(1, trace_id(number)) for number in range(3)])


def test_a_trace_that_is_too_large_to_sum_up_keeps_exact_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its totals are of its first spans, and it says that they are pending."""
    monkeypatch.setattr("tracefoundry.store.staging.LARGEST_RECOMPUTE_SPANS", 2)
    monkeypatch.setattr("tracefoundry.store.staging.FIRST_SPANS", 1)
    import_all(store, [old_span(1, name="root"), *(old_span(n, parent=1) for n in (2, 3))])
    one = found(store)
    assert one is not None
    assert one.totals_pending
    assert (3, "root") == (one.summary.span_count, one.summary.root_name)
    writer = writer_of(store)
    writer.recompute_deferred_summaries(time.time_ns() + DAY_NS)
    writer.close()
    assert one == found(store)
