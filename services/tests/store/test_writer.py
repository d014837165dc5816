"""What a writer promises, over every store: insert once, count right, refuse little."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples import NOW_NS, llm, make_log, make_span, span_id, trace_id
from store.answers import (
    add_projects,
    all_traces,
    commit,
    logs_of,
    numbers,
    only_trace,
    span_count,
    spans_of,
)
from stores import RETENTION_NS, writer_of
from tracefoundry.model.genai import plain, registry
from tracefoundry.model.span import Resource
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.store import recompute as recompute_module
from tracefoundry.store.api import AnotherProcess, CommitResult, Store, Writer


def test_a_new_span_is_stored_with_its_trace(store: Store, writer: Writer) -> None:
    """One span makes one row and one summary."""
    assert commit(writer, [make_span(name="root", duration=5_000)]) == CommitResult()
    assert span_count(store) == 1
    summary = only_trace(store).summary
    assert summary.root_name == "root"
    assert summary.span_count == 1
    assert summary.service == "agent"
    assert summary.environment == "test"
    assert summary.end_time_ns - summary.start_time_ns == 5_000


def test_a_batch_sent_again_changes_nothing(store: Store, writer: Writer) -> None:
    """Resent spans are duplicates and the summary stays as it was, however often it is sent."""
    spans = [make_span(span=number, parent=1 if number > 1 else None) for number in range(1, 6)]
    prepared = [writer.prepare_span(1, span) for span in spans]
    writer.commit(prepared)
    before = all_traces(store)
    assert sorted(commit(writer, spans).duplicates) == [0, 1, 2, 3, 4]
    assert sorted(writer.commit(prepared).duplicates) == [0, 1, 2, 3, 4]
    assert all_traces(store) == before
    assert span_count(store) == 5


def test_a_batch_of_old_and_new_spans_counts_only_the_new(store: Store, writer: Writer) -> None:
    """Counters come from rows really inserted."""
    commit(writer, [make_span(span=1, status=2), make_span(span=2, parent=1)])
    result = commit(
        writer,
        [
            make_span(span=2, parent=1),
            make_span(span=3, parent=1, status=2),
            make_span(span=1, status=2),
        ],
    )
    assert sorted(result.duplicates) == [0, 2]
    summary = only_trace(store).summary
    assert (summary.span_count, summary.error_count) == (3, 2)


def test_a_span_that_stands_twice_in_one_batch_is_stored_once(store: Store, writer: Writer) -> None:
    """The second copy is a duplicate, or a conflict when it differs."""
    result = commit(writer, [make_span(), make_span(), make_span(name="other")])
    assert result.duplicates == [1]
    assert result.conflicts == [2]
    assert only_trace(store).summary.root_name == "work"


def test_the_same_key_with_other_content_is_a_conflict_and_the_first_stays(
    store: Store, writer: Writer
) -> None:
    """A conflict changes nothing."""
    commit(writer, [make_span(name="first")])
    assert commit(writer, [make_span(name="second")]).conflicts == [0]
    assert [span.name for span in spans_of(store)] == ["first"]


def test_spans_of_two_redaction_policies_are_never_a_conflict(store: Store, writer: Writer) -> None:
    """A resend after the policy changed is the same span, redacted in another way."""
    commit(writer, [make_span(name="a person", policy_version=2)])
    result = commit(writer, [make_span(name="[NAME]", policy_version=3)])
    assert (result.duplicates, result.conflicts) == ([0], [])


def test_spans_that_share_an_id_but_not_a_start_are_both_kept(store: Store, writer: Writer) -> None:
    """The start time is part of the key."""
    assert commit(writer, [make_span(start=0), make_span(start=10)]) == CommitResult()
    assert only_trace(store).summary.span_count == 2


def test_one_trace_id_in_two_projects_is_two_traces(store: Store, writer: Writer) -> None:
    """The project is part of every key."""
    (other,) = add_projects(store, "other")
    commit(writer, [make_span(name="one")])
    assert commit(writer, [make_span(name="two")], project=other) == CommitResult()
    names = {trace.project_id: trace.summary.root_name for trace in all_traces(store, 1, other)}
    assert names == {1: "one", other: "two"}


def test_a_trace_that_comes_child_first_ends_like_one_that_comes_at_once(
    store: Store, writer: Writer
) -> None:
    """Orphans become children when their parent arrives."""
    child = make_span(span=2, parent=1, start=10, status=2, name="child")
    root = make_span(span=1, duration=100, name="root")
    commit(writer, [child])
    early = only_trace(store).summary
    assert (early.root_name, early.missing_roots, early.missing_parents) == ("child", True, 1)
    commit(writer, [root])
    late = only_trace(store).summary
    assert (late.root_name, late.missing_roots, late.missing_parents) == ("root", False, 0)
    assert (late.span_count, late.error_count, late.status) == (2, 1, 2)
    assert (late.start_time_ns, late.end_time_ns) == (NOW_NS, NOW_NS + 1_010)


def test_a_roll_up_parent_that_comes_later_does_not_add_its_tokens(
    store: Store, writer: Writer
) -> None:
    """Tokens are recomputed over all spans of the trace."""
    agent = {**llm(30, 12), "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    commit(writer, [make_span(span=2, parent=1, attributes=llm(10, 5))])
    commit(writer, [make_span(span=3, parent=1, attributes=llm(20, 7))])
    commit(writer, [make_span(span=1, attributes=agent)])
    summary = only_trace(store).summary
    assert (summary.input_tokens, summary.output_tokens) == (30, 12)
    assert summary.agent == "a"


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
_projects = itertools.count()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=GRAPHS, data=st.data())
def test_the_summary_does_not_depend_on_how_spans_were_delivered(
    store: Store, writer: Writer, graph: list[Any], data: st.DataObject
) -> None:
    """Any split into commits, any order and any resends give the summary of all spans at once."""
    (project,) = add_projects(store, f"p{next(_projects)}")
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
        commit(writer, order[:size], project=project)
        if data.draw(st.booleans()):
            commit(writer, order[:size], project=project)
        order = order[size:]
    by_trace = itertools.groupby(
        sorted(spans, key=lambda span: span.trace_id), key=lambda span: span.trace_id
    )
    expected = {key: summarise([facts_of(span) for span in group]) for key, group in by_trace}
    found = {trace.trace_id: trace.summary for trace in all_traces(store, project)}
    assert found == expected


def test_concurrent_writers_of_one_trace_leave_the_right_summary(
    store: Store, writer: Writer
) -> None:
    """Four writers, overlapping batches: every span once, counts and tokens exact."""
    spans = [make_span(span=1, name="root")] + [
        make_span(span=number, parent=1, start=number, attributes=llm(1, 2))
        for number in range(2, 202)
    ]
    errors: list[BaseException] = []
    writers = 1 if store.capabilities.single_writer else 4

    def run(offset: int) -> None:
        own = writer_of(store)
        try:
            for first in range(0, len(spans), 20):
                part = spans[first : first + 25]
                commit(own, part if offset % 2 else part[::-1])
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
    summary = only_trace(store).summary
    assert span_count(store) == 201
    assert summary.span_count == 201
    assert (summary.input_tokens, summary.output_tokens) == (200, 400)
    assert (summary.root_name, summary.missing_parents) == ("root", 0)


def test_only_one_process_writes_where_the_store_has_a_single_writer(store: Store) -> None:
    """The second one is refused until the first one ends; other stores have any number."""
    with store.only_writer():
        if store.capabilities.single_writer:
            with pytest.raises(AnotherProcess), store.only_writer():
                pass
        else:
            with store.only_writer():
                pass
    with store.only_writer():
        pass


def test_spans_of_a_deleted_trace_are_refused_and_others_kept(store: Store, writer: Writer) -> None:
    """A tombstone keeps a trace away, whatever else is in the batch."""
    commit(writer, [make_span(trace=1)])
    store.deletion.delete_trace(1, trace_id(1), now_ns=time.time_ns(), retention_ns=RETENTION_NS)
    result = commit(writer, [make_span(trace=1), make_span(trace=2)], [make_log(trace=1)])
    assert [(item.index, item.reason) for item in result.refused_spans] == [(0, "trace_deleted")]
    assert [(item.index, item.reason) for item in result.refused_logs] == [(0, "trace_deleted")]
    assert numbers(all_traces(store)) == [2]
    assert (span_count(store), logs_of(store)) == (1, [])


def test_a_tombstone_that_is_over_lets_its_trace_in_and_is_removed(
    store: Store, writer: Writer
) -> None:
    """Kept until resent spans would be outside the window, and no longer."""
    commit(writer, [make_span(trace=1)])
    store.deletion.delete_trace(1, trace_id(1), now_ns=0, retention_ns=0)
    assert commit(writer, [make_span(trace=1)]) == CommitResult()
    with store.reader.snapshot() as snapshot:
        assert snapshot.was_deleted([1], trace_id(1), 0)
        assert not snapshot.was_deleted([1], trace_id(1), time.time_ns())
    writer.maintain(time.time_ns())
    with store.reader.snapshot() as snapshot:
        assert not snapshot.was_deleted([1], trace_id(1), 0)


def test_a_row_the_store_refuses_fails_alone(store: Store, writer: Writer) -> None:
    """A span whose row the store cannot take is found, refused and named; 40 others stay."""
    prepared = [writer.prepare_span(1, make_span(span=number)) for number in range(1, 42)]
    bad = prepared[17]
    if isinstance(bad.row, bytes):
        bad.row = bad.row.replace(b"work", b"w\x00rk")
    elif isinstance(bad.row, tuple):
        bad.row = (*bad.row[:13], 2**70, *bad.row[14:])
    else:
        bad.row = None
    result = writer.commit(prepared)
    assert [(item.index, item.reason) for item in result.refused_spans] == [(17, "data_error")]
    assert span_count(store) == 40
    assert only_trace(store).summary.span_count == 40


def test_log_records_are_stored_once(store: Store, writer: Writer) -> None:
    """The content is part of a log record's key, so two at one time are two, a resend is none."""
    logs = [make_log(body={"a": 1}), make_log(body={"a": 2})]
    assert commit(writer, logs=logs) == CommitResult()
    assert sorted(commit(writer, logs=logs).duplicate_logs) == [0, 1]
    assert commit(writer, logs=[logs[0], make_log(body={"a": 3}), logs[0]]).duplicate_logs == [2, 0]
    assert len(logs_of(store)) == 3


def test_a_very_large_trace_is_recomputed_later(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit the totals wait, say so, and are computed after the pause."""
    monkeypatch.setattr(recompute_module, "LARGE_TRACE_SPANS", 3)
    commit(writer, [make_span(span=1), make_span(span=2, parent=1, attributes=llm(1, 1))])
    commit(
        writer,
        [
            make_span(span=3, parent=1, attributes=llm(10, 1)),
            make_span(span=4, parent=1, attributes=llm(100, 1)),
        ],
    )
    waiting = only_trace(store)
    assert (waiting.summary.span_count, waiting.totals_pending, waiting.summary.input_tokens) == (
        4,
        True,
        1,
    )
    assert writer.recompute_deferred_summaries(time.time_ns()) == 0
    assert writer.recompute_deferred_summaries(time.time_ns() + 6_000_000_000) == 1
    done = only_trace(store)
    assert (done.totals_pending, done.summary.input_tokens) == (False, 111)


def test_span_ids_are_bytes_in_key_order(store: Store, writer: Writer) -> None:
    """Ids sort as unsigned bytes, as their hex does."""
    commit(writer, [make_span(span=2**63 + 1), make_span(span=5)])
    assert [span.span_id for span in spans_of(store)] == [span_id(5), span_id(2**63 + 1)]


def test_a_better_view_does_not_make_a_resent_span_a_conflict(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest is over what was sent, not over what is derived from it."""
    commit(writer, [make_span(attributes=llm(1, 1))])
    monkeypatch.setitem(registry.VERSIONS, plain.DIALECT, 99)
    assert commit(writer, [make_span(attributes=llm(1, 1))]).duplicates == [0]


def test_spans_of_equal_resources_share_one(store: Store, writer: Writer) -> None:
    """Whatever the order of their keys."""
    one = Resource({"service.name": "a", "k": 1})
    same = Resource({"k": 1, "service.name": "a"})
    other = Resource({"service.name": "b"})
    commit(writer, [make_span(span=1, resource=one), make_span(span=2, resource=same)])
    commit(writer, [make_span(span=3, resource=other)])
    trace = only_trace(store)
    assert trace.summary.services == ["a", "b"]
    with store.reader.snapshot() as snapshot:
        resources = snapshot.spans(trace, limit=10).resources
    assert sorted(str(resource.service) for resource in resources.values()) == ["a", "b"]


def test_what_was_passed_in_may_change_afterwards(store: Store, writer: Writer) -> None:
    """A store keeps none of the caller's objects, and gives none of its own."""
    span = make_span(attributes={"k": ["before"]}, resource=Resource({"service.name": "before"}))
    commit(writer, [span])
    span.attributes["k"].append("after")
    span.resource.attributes["service.name"] = "after"
    (stored,) = spans_of(store)
    assert (stored.attributes, stored.resource.service) == ({"k": ["before"]}, "before")
    stored.attributes.clear()
    only_trace(store).summary.services.clear()
    assert spans_of(store)[0].attributes == {"k": ["before"]}
    assert only_trace(store).summary.services == ["before"]


def test_a_snapshot_does_not_see_what_comes_after_it(store: Store, writer: Writer) -> None:
    """It is one moment of the store, for all of its questions."""
    commit(writer, [make_span(span=1)])
    with store.reader.snapshot() as snapshot:
        (trace,) = snapshot.find_traces([1], trace_id(1))
        commit(writer, [make_span(span=2, start=1), make_span(trace=2)])
        assert len(snapshot.skeletons(trace, limit=10).spans) == 1
        assert snapshot.find_traces([1], trace_id(2)) == []
    assert span_count(store) == 3


def test_the_projects_of_a_writer_are_those_of_administration(store: Store, writer: Writer) -> None:
    """By name, with what they set for themselves."""
    add_projects(store, "shop")
    assert sorted(writer.projects()) == ["default", "shop"]
    assert sorted(writer.projects().values(), key=lambda one: one.name) == (
        store.administration.projects()
    )
