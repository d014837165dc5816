"""What GenAI events say about their spans reaches the totals of the trace, in any order."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from samples import NOW_NS, llm, make_log, make_span
from store.conftest import new_writer
from store.reading import rows, trace_rows
from tracefoundry.model.genai import registry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.api import Writer
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


def commit(writer: Writer, *records: Span | LogRecord) -> None:
    """One commit of spans and logs."""
    writer.commit(
        [writer.prepare_span(1, one) for one in records if isinstance(one, Span)],
        [writer.prepare_log(1, one) for one in records if isinstance(one, LogRecord)],
    )


def totals(url: str) -> tuple[Any, ...]:
    """Tokens, cost, models and conversation of the one trace."""
    (trace,) = trace_rows(url)
    return (
        trace["input_tokens"],
        trace["output_tokens"],
        trace["cost_usd"],
        trace["models"],
        trace["conversation_id"],
    )


COMPLETE = (1000, 100, pytest.approx(0.0035), ["gpt-4o", "gpt-4o-2024-08-06"], "talk")


@pytest.mark.parametrize("order", ["span first", "event first", "one commit"])
def test_usage_of_an_event_counts_in_its_trace(
    writer: Writer, migrated_url: str, order: str
) -> None:
    """An event comes before its span or after it; another writer may store it."""
    other = new_writer(migrated_url)
    if order == "span first":
        commit(writer, chat())
        commit(other, event(**SAID))
    elif order == "event first":
        commit(writer, event(**SAID))
        commit(other, chat())
    else:
        commit(writer, chat(), event(**SAID))
    other.close()
    assert totals(migrated_url) == COMPLETE


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
def test_totals_do_not_depend_on_the_order(
    writer: Writer, migrated_url: str, order: tuple[int, ...]
) -> None:
    """An agent, its call, an event of the call, and one that repeats it, in any order."""
    agent = make_span(
        span=2,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5},
    )
    records = [agent, chat(1, 2), event(**SAID), event(time_offset=7, **SAID)]
    for number in order:
        commit(writer, records[number])
    assert totals(migrated_url) == COMPLETE


def test_an_event_that_comes_again_changes_nothing(writer: Writer, migrated_url: str) -> None:
    """It is a duplicate."""
    commit(writer, chat(), event(**SAID))
    before = trace_rows(migrated_url)
    commit(writer, event(**SAID))
    commit(writer, chat())
    assert trace_rows(migrated_url) == before


def test_the_usage_of_a_span_is_never_added_to(writer: Writer, migrated_url: str) -> None:
    """The event repeats it."""
    commit(writer, make_span(attributes=llm(7, 3)), event(**SAID))
    commit(writer, event(time_offset=5, **SAID))
    assert totals(migrated_url)[:2] == (7, 3)


def test_calls_of_a_command_line_agent_add_up(writer: Writer, migrated_url: str) -> None:
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
    commit(writer, calls[0])
    commit(writer, run, calls[1])
    commit(writer, calls[2])
    (trace,) = trace_rows(migrated_url)
    assert (trace["input_tokens"], trace["output_tokens"], trace["cached_tokens"]) == (330, 15, 300)
    assert (trace["cost_usd"], trace["cost_source"]) == (0.75, "reported")
    assert (trace["agent"], trace["models"]) == ("claude-code", ["claude-sonnet-4-5"])


def test_events_without_facts_leave_the_summary_alone(writer: Writer, migrated_url: str) -> None:
    """Most events are messages."""
    commit(writer, chat())
    before = rows(migrated_url, "SELECT * FROM traces")
    commit(writer, event(name="gen_ai.user.message", body={"content": "hi"}))
    commit(writer, event(name="gen_ai.choice", body={"finish_reason": "stop"}))
    assert rows(migrated_url, "SELECT * FROM traces") == before
    views = [row["genai"] for row in rows(migrated_url, "SELECT genai FROM span_logs")]
    assert sorted(view is not None for view in views) == [False, True]


def test_of_spans_with_one_id_one_gets_the_usage(writer: Writer, migrated_url: str) -> None:
    """Else it would count twice."""
    second = make_span(span=1, start=50, attributes=BARE)
    commit(writer, chat(), second, event(**SAID))
    assert totals(migrated_url)[0] == 1000


def test_an_event_and_a_span_stored_at_the_same_moment_find_each_other(
    writer: Writer, migrated_url: str
) -> None:
    """Neither transaction sees the other; the writer of the event looks again later."""
    commit(writer, event(**SAID))
    commit(new := new_writer(migrated_url), chat())
    new.close()
    # As it would stand if the second had not seen the first.
    _forget_totals(migrated_url)
    assert writer.recompute_deferred_summaries(NOW_NS) == 0
    assert totals(migrated_url)[0] is None
    assert writer.recompute_deferred_summaries(2**62) == 1
    assert totals(migrated_url) == COMPLETE
    _forget_totals(migrated_url)
    assert writer.recompute_deferred_summaries(2**62 + LOOK_AGAIN_NS) == 0


def _forget_totals(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE traces SET input_tokens = NULL, models = '[]'"))
    engine.dispose()
