"""A trace is running from the start of an agent run until the run's span arrives, in any order."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from samples import NOW_NS, RESOURCE, SCOPE, make_span, span_id, trace_id
from store.answers import all_traces, commit, only_trace, page
from stores import RETENTION_NS, writer_of
from tracefoundry.model.genai import registry
from tracefoundry.model.run_starts import EVENT_NAME, RUNNING_FOR_NS, is_running, unfinished
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.records import StoredTrace

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}


def started(span: int = 1, *, trace: int = 1, time_offset: int = 0, **more: Any) -> LogRecord:
    """The event of the start of a run, as ingest makes it."""
    attributes = {
        **AGENT,
        "tracefoundry.run.name": "invoke_agent planner",
        "gen_ai.conversation.id": "talk",
        **more,
    }
    return LogRecord(
        trace_id(trace),
        span_id(span),
        EVENT_NAME,
        NOW_NS + time_offset,
        0,
        9,
        "INFO",
        None,
        attributes,
        RESOURCE,
        SCOPE,
        genai=registry.derive_from_event(EVENT_NAME, attributes, None, NOW_NS),
        policy_version=2,
    )


def root(span: int = 1, **more: Any) -> Span:
    """The span of the run that :func:`started` tells of."""
    return make_span(span=span, name="invoke_agent planner", attributes=AGENT, **more)


def put(writer: Writer, *records: Span | LogRecord) -> None:
    """One commit of spans and logs."""
    commit(
        writer,
        [one for one in records if isinstance(one, Span)],
        [one for one in records if isinstance(one, LogRecord)],
    )


def running(store: Store, since_ns: int = NOW_NS - RUNNING_FOR_NS) -> list[StoredTrace]:
    """The traces with an unfinished run that started after a time."""
    with store.reader.snapshot() as snapshot:
        return page(snapshot, running_since_ns=since_ns).traces


def test_a_run_without_any_span_is_listed_as_running(store: Store, writer: Writer) -> None:
    """With the name, agent, conversation and service that its start event has."""
    put(writer, started())
    (trace,) = running(store)
    summary = trace.summary
    assert summary == only_trace(store).summary
    assert (summary.span_count, summary.error_count, summary.missing_roots) == (0, 0, True)
    assert (summary.root_name, summary.agent, summary.conversation_id) == (
        "invoke_agent planner",
        "planner",
        "talk",
    )
    assert (summary.service, summary.services, summary.environment) == ("agent", ["agent"], "test")
    assert (summary.started_ns, summary.start_time_ns, summary.end_time_ns) == (NOW_NS,) * 3


def test_a_trace_runs_while_spans_below_the_run_arrive(store: Store, writer: Writer) -> None:
    """They are counted; the run stands in for their root."""
    put(writer, started())
    put(writer, make_span(span=2, parent=1, start=5, status=2))
    (trace,) = running(store)
    summary = trace.summary
    assert (summary.span_count, summary.error_count) == (1, 1)
    assert (summary.root_name, summary.root_span_id) == ("invoke_agent planner", span_id(1))
    assert (summary.missing_roots, summary.missing_parents) == (True, 1)
    assert (summary.status, summary.end_time_ns) == (2, NOW_NS + 1_005)


RECORDS = {"start": started(), "root": root(), "child": make_span(span=2, parent=1, start=5)}


@pytest.mark.parametrize("order", list(itertools.permutations(RECORDS)))
def test_the_root_ends_it_in_any_order(
    store: Store, writer: Writer, order: tuple[str, ...]
) -> None:
    """The summary is that of the spans, as if no event had come."""
    for name in order:
        put(writer, RECORDS[name])
    facts = [facts_of(root()), facts_of(make_span(span=2, parent=1, start=5))]
    expected = summarise(facts)
    expected.conversation_id = "talk"
    assert only_trace(store).summary == expected
    assert running(store) == []


def test_the_start_and_the_spans_of_one_commit(store: Store, writer: Writer) -> None:
    """A batch brings both: with the root nothing runs, without it the trace does."""
    put(writer, started(), make_span(span=2, parent=1))
    assert only_trace(store).summary.started_ns == NOW_NS
    put(writer, root(), started(3, time_offset=9))
    assert only_trace(store).summary.started_ns == NOW_NS + 9
    put(writer, root(3, parent=1))
    assert running(store) == []


def test_what_comes_again_changes_nothing(store: Store, writer: Writer) -> None:
    """The event before and after the root."""
    put(writer, started())
    before = all_traces(store)
    put(writer, started())
    assert all_traces(store) == before
    put(writer, root())
    ended = all_traces(store)
    put(writer, started())
    put(writer, started(time_offset=50))
    assert all_traces(store) == ended
    assert running(store) == []


def test_of_several_runs_the_earliest_and_latest_unfinished_count(
    store: Store, writer: Writer
) -> None:
    """A sub-agent that is still going keeps its trace running."""
    put(writer, started(1), started(2, time_offset=10), started(3, time_offset=20))
    put(writer, root(1))
    summary = only_trace(store).summary
    assert (summary.started_ns, summary.last_started_ns) == (NOW_NS + 10, NOW_NS + 20)
    assert not summary.missing_roots
    put(writer, root(3, parent=1))
    summary = only_trace(store).summary
    assert (summary.started_ns, summary.last_started_ns) == (NOW_NS + 10, NOW_NS + 10)


def test_a_run_is_not_running_any_more_after_its_time(store: Store, writer: Writer) -> None:
    """The filter is told since when; the trace stays in the list."""
    put(writer, started())
    assert running(store, NOW_NS) == []
    assert len(running(store, NOW_NS - 1)) == 1
    assert len(all_traces(store)) == 1
    assert is_running(NOW_NS, NOW_NS + RUNNING_FOR_NS - 1)
    assert not is_running(NOW_NS, NOW_NS + RUNNING_FOR_NS)


def test_two_writers_agree(store: Store, writer: Writer) -> None:
    """One stores the event, the other the root."""
    other = writer_of(store)
    put(other, started())
    put(writer, root())
    put(other, started(2, time_offset=1))
    put(writer, make_span(span=2, parent=1))
    other.close()
    assert running(store) == []


def test_the_starts_of_a_trace_are_read_back(store: Store, writer: Writer) -> None:
    """With the sender's service; those of other traces are not."""
    put(writer, started(), started(2, trace=2), started(3, time_offset=5), root())
    with store.reader.snapshot() as snapshot:
        (trace,) = snapshot.find_traces([1], trace_id(1))
        starts = snapshot.run_starts(trace)
    assert {start.span_id for start in starts} == {span_id(1), span_id(3)}
    (left,) = unfinished(starts, {span_id(1)})
    assert (left.span_id, left.time_ns, left.name) == (
        span_id(3),
        NOW_NS + 5,
        "invoke_agent planner",
    )
    assert (left.service, left.environment, left.agent, left.conversation_id) == (
        "agent",
        "test",
        "planner",
        "talk",
    )


def test_a_deleted_run_is_gone_and_stays_refused(store: Store, writer: Writer) -> None:
    """Its event that comes again makes no row."""
    put(writer, started())
    deleted = store.deletion.delete_trace(
        1, trace_id(1), now_ns=time.time_ns(), retention_ns=RETENTION_NS
    )
    assert (deleted.traces, deleted.spans, deleted.logs) == (1, 0, 1)
    assert all_traces(store) == []
    result = commit(writer, [], [started(), started(2)])
    assert [refusal.reason for refusal in result.refused_logs] == ["trace_deleted"] * 2
    assert all_traces(store) == []


def test_a_run_whose_event_names_nothing_is_named_after_its_agent(
    store: Store, writer: Writer
) -> None:
    """Strict redaction may have taken the name."""
    put(writer, started(**{"tracefoundry.run.name": 5}))
    assert only_trace(store).summary.root_name == "planner"
