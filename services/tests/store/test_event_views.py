"""What GenAI events say about their spans reaches the totals of the trace, in any order."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from samples import NOW_NS, llm, make_log, make_span
from store.answers import all_traces, commit, only_trace
from store.conftest import new_writer
from store.reading import rows, trace_rows
from stores import writer_of
from tracefoundry.model.genai import registry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store import migrations
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.commit import LOOK_AGAIN_NS
from tracefoundry.store.sql.engine import make_engine

DETAILS = "gen_ai.client.inference.operation.details"
BARE = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
SAID = {
    **BARE,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.conversation.id": "talk",
}


def event(
    span: int = 1, *, name: str = DETAILS, body: Any = None, time_offset: int = 0, **said: Any
) -> LogRecord:
    """A log record as ingest makes it."""
    log = make_log(1, span, name=name, body=body, time_offset=time_offset)
    log.attributes = said
    log.genai = registry.derive_from_event(name, said, body, log.time_ns)
    return log


def chat(span: int = 1, parent: int | None = None, **more: Any) -> Span:
    """A call without usage."""
    return make_span(span=span, parent=parent, attributes={**BARE, **more})


def put(writer: Writer, *records: Span | LogRecord) -> None:
    """One commit of spans and logs."""
    commit(
        writer,
        [one for one in records if isinstance(one, Span)],
        [one for one in records if isinstance(one, LogRecord)],
    )


def totals(store: Store) -> tuple[Any, ...]:
    """Tokens, cost, models and conversation of the one trace."""
    found = only_trace(store).summary
    return (
        found.input_tokens,
        found.output_tokens,
        found.cost_usd,
        found.models,
        found.conversation_id,
    )


COMPLETE = (1000, 100, pytest.approx(0.0035), ["gpt-4o", "gpt-4o-2024-08-06"], "talk")


@pytest.mark.parametrize("order", ["span first", "event first", "one commit"])
def test_usage_of_an_event_counts_in_its_trace(store: Store, writer: Writer, order: str) -> None:
    """An event comes before its span or after it; another writer may store it."""
    other = writer_of(store)
    if order == "span first":
        put(writer, chat())
        put(other, event(**SAID))
    elif order == "event first":
        put(writer, event(**SAID))
        put(other, chat())
    else:
        put(writer, chat(), event(**SAID))
    other.close()
    assert totals(store) == COMPLETE


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
def test_totals_do_not_depend_on_the_order(
    store: Store, writer: Writer, order: tuple[int, ...]
) -> None:
    """An agent, its call, an event of the call, and one that repeats it, in any order."""
    agent = make_span(
        span=2,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5},
    )
    records = [agent, chat(1, 2), event(**SAID), event(time_offset=7, **SAID)]
    for number in order:
        put(writer, records[number])
    assert totals(store) == COMPLETE


def test_an_event_that_comes_again_changes_nothing(store: Store, writer: Writer) -> None:
    """It is a duplicate."""
    put(writer, chat(), event(**SAID))
    before = all_traces(store)
    put(writer, event(**SAID))
    put(writer, chat())
    assert all_traces(store) == before


def test_the_usage_of_a_span_is_never_added_to(store: Store, writer: Writer) -> None:
    """The event repeats it."""
    put(writer, make_span(attributes=llm(7, 3)), event(**SAID))
    put(writer, event(time_offset=5, **SAID))
    assert totals(store)[:2] == (7, 3)


def test_calls_of_a_command_line_agent_add_up(store: Store, writer: Writer) -> None:
    """All of its events come under the span of the interaction."""
    run = make_span(name="claude_code.interaction", attributes={"session.id": "s"})
    run.genai = registry.derive(run.attributes, span_name=run.name)
    calls = [
        event(
            name="claude_code.api_request",
            time_offset=number,
            model="claude-sonnet-4-5",
            input_tokens=10,
            output_tokens=5,
            cache_read_tokens=100,
            cost_usd=0.25,
        )
        for number in range(3)
    ]
    put(writer, calls[0])
    put(writer, run, calls[1])
    put(writer, calls[2])
    found = only_trace(store).summary
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (330, 15, 300)
    assert (found.cost_usd, found.cost_source) == (0.75, "reported")
    assert (found.agent, found.models) == ("claude-code", ["claude-sonnet-4-5"])


def test_of_spans_with_one_id_one_gets_the_usage(store: Store, writer: Writer) -> None:
    """Else it would count twice."""
    second = make_span(span=1, start=50, attributes=BARE)
    put(writer, chat(), second, event(**SAID))
    assert totals(store)[0] == 1000


def test_skeletons_and_counting_know_the_events(store: Store, writer: Writer) -> None:
    """As the totals do."""
    put(writer, event(**SAID), make_span(span=2, start=1, attributes={"http.route": "/"}))
    put(writer, chat())
    with store.reader.snapshot() as snapshot:
        trace = only_trace(store)
        first, second = snapshot.skeletons(trace, limit=5).spans
        counting = snapshot.counting_spans(trace)
    assert (first.genai_kind, first.input_tokens, first.output_tokens) == ("llm", 1000, 100)
    assert first.cost_usd == pytest.approx(0.0035)
    assert (second.genai_kind, second.input_tokens) == (None, None)
    assert counting is not None
    assert list(counting) == [(NOW_NS, first.span_id)]


def test_events_without_facts_leave_the_summary_alone(
    url_writer: Writer, migrated_url: str
) -> None:
    """Most events are messages: the time of the last recompute stays, too."""
    put(url_writer, chat())
    before = rows(migrated_url, "SELECT * FROM traces")
    put(url_writer, event(name="gen_ai.user.message", body={"content": "hi"}))
    put(url_writer, event(name="gen_ai.choice", body={"finish_reason": "stop"}))
    assert rows(migrated_url, "SELECT * FROM traces") == before
    views = [row["genai"] for row in rows(migrated_url, "SELECT genai FROM span_logs")]
    assert sorted(view is not None for view in views) == [False, True]


def test_an_event_and_a_span_stored_at_the_same_moment_find_each_other(postgres_url: str) -> None:
    """Neither transaction sees the other; the writer of the event looks again later."""
    migrations.upgrade(postgres_url)
    writer, other = new_writer(postgres_url), new_writer(postgres_url)
    put(writer, event(**SAID))
    put(other, chat())
    # As it would stand if the second had not seen the first.
    _forget_totals(postgres_url)
    assert writer.recompute_deferred_summaries(NOW_NS) == 0
    assert trace_rows(postgres_url)[0]["input_tokens"] is None
    assert writer.recompute_deferred_summaries(2**62) == 1
    assert trace_rows(postgres_url)[0]["input_tokens"] == 1000
    _forget_totals(postgres_url)
    assert writer.recompute_deferred_summaries(2**62 + LOOK_AGAIN_NS) == 0
    writer.close()
    other.close()


def _forget_totals(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE traces SET input_tokens = NULL, models = '[]'"))
    engine.dispose()
