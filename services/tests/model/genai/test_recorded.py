"""Real libraries, as they were recorded."""

from __future__ import annotations

import pytest

from model.genai.recordings import Recording, recording
from tracefoundry.model.genai.content import body_slot, content_slot, event_slot
from tracefoundry.model.genai.events import view_of_event
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.summary import SpanFacts, summarise

AT_NS = 1_790_000_000 * 10**9
"""A day in September 2026, within the price history of the models in the recordings."""

PLANTED = ("Weather in Oslo", "Be brief", "It rains", "rain", "Oslo", "hello")
"""Words of the conversation: wherever they are, there is content."""


def test_openinference_names_both_models_and_all_parts_of_usage() -> None:
    """The request's model is in the invocation parameters, the response's in llm.model_name."""
    call = recording("openinference_openai").spans[0].view()
    assert call == GenAI(
        kind="llm",
        dialect="openinference",
        provider="openai",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-2",
        finish_reasons=["tool_calls"],
        input_tokens=120,
        output_tokens=30,
        cached_tokens=64,
        reasoning_tokens=12,
    )


def test_openinference_embeddings_are_embeddings() -> None:
    """Their model has a name of its own."""
    call = recording("openinference_openai").spans[2].view()
    assert ("embedding", "text-embedding-3-small", 5, None) == (
        call.kind,
        call.request_model,
        call.input_tokens,
        call.output_tokens,
    )


def test_a_failed_openinference_call_names_its_model() -> None:
    """It is only in llm.invocation_parameters."""
    call = recording("openinference_openai").spans[3].view()
    assert ("llm", "broken", None) == (call.kind, call.request_model, call.input_tokens)


def test_openai_v2_spans_carry_usage_and_no_content() -> None:
    """The conventions before v1.37."""
    spans = recording("otel_openai_v2").spans
    assert spans[0].view() == GenAI(
        kind="llm",
        dialect="otel_genai",
        operation="chat",
        provider="openai",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-2",
        finish_reasons=["tool_calls"],
        input_tokens=120,
        output_tokens=30,
    )
    assert [] == [key for key in spans[0].attributes if content_slot(key)]
    assert ["llm", "llm", "embedding", "llm"] == [span.view().kind for span in spans]


def test_openai_v2_log_records_carry_the_content() -> None:
    """Bodies of the message events are content; the finish reason is not lost."""
    logs = recording("otel_openai_v2").logs
    assert {
        ("gen_ai.system.message", "system_instructions"),
        ("gen_ai.user.message", "input_messages"),
        ("gen_ai.assistant.message", "input_messages"),
        ("gen_ai.tool.message", "input_messages"),
        ("gen_ai.choice", "output_messages"),
    } == {(log.event_name, body_slot(log.event_name)) for log in logs}
    told = [view_of_event(log.event_name, log.attributes, log.body) for log in logs]
    assert [["tool_calls"], ["stop"]] == [view.finish_reasons for view in told if view is not None]


def test_a_pydantic_ai_agent_has_no_usage_of_its_own() -> None:
    """Aggregated usage marks the roll-up; the model's name is in a separate attribute."""
    agent = recording("pydantic_ai").spans[0].view()
    assert agent == GenAI(
        kind="agent",
        dialect="pydantic_ai",
        operation="invoke_agent",
        request_model="gpt-4o",
        agent="weather_agent",
        conversation_id=agent.conversation_id,
    )


def test_a_pydantic_ai_call_reports_its_cost_and_details() -> None:
    """Reasoning tokens are in details, the cost in operation.cost."""
    call = recording("pydantic_ai").spans[1].view()
    assert ("llm", 120, 30, 64, 12, 0.00052, "reported", None) == (
        call.kind,
        call.input_tokens,
        call.output_tokens,
        call.cached_tokens,
        call.reasoning_tokens,
        call.cost_usd,
        call.cost_source,
        call.price_version,
    )


def test_a_pydantic_ai_tool_span_names_tool_and_call() -> None:
    """What a replay needs."""
    tool = recording("pydantic_ai").spans[2].view()
    assert ("tool", "get_weather", "call_1") == (tool.kind, tool.tool, tool.tool_call_id)


def test_the_computed_cost_is_what_another_library_computed() -> None:
    """One call, recorded by two libraries; pydantic-ai reports what we compute."""
    reported = recording("pydantic_ai").spans[1].view(start_time_ns=AT_NS)
    computed = recording("openinference_openai").spans[0].view(start_time_ns=AT_NS)
    assert ("reported", "computed") == (reported.cost_source, computed.cost_source)
    assert reported.cost_usd == computed.cost_usd


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("openinference_openai", (245, 60, 128)),
        ("otel_openai_v2", (245, 60, None)),
        ("pydantic_ai", (240, 60, 128)),
    ],
)
def test_totals_of_a_recording_count_each_call_once(
    name: str, totals: tuple[int | None, ...]
) -> None:
    """The two chat calls and the embedding, whoever recorded them."""
    summary = summarise(_facts(recording(name)))
    assert totals == (summary.input_tokens, summary.output_tokens, summary.cached_tokens)


@pytest.mark.parametrize("name", ["openinference_openai", "otel_openai_v2", "pydantic_ai"])
def test_no_recorded_content_is_taken_for_metadata(name: str) -> None:
    """Wherever a word of the conversation is, the table says content."""
    leaks = []
    for span in recording(name).spans:
        for key, value in span.attributes.items():
            if content_slot(key) is None and _tells(value):
                leaks.append(key)
        for event in span.events:
            for key, value in event.attributes.items():
                if event_slot(event.name, key, strict=True) is None and _tells(value):
                    leaks.append(f"{event.name} {key}")
    for log in recording(name).logs:
        if body_slot(log.event_name) is None and _tells(log.body):
            leaks.append(log.event_name)
    assert [] == leaks


def _tells(value: object) -> bool:
    return any(word in str(value) for word in PLANTED)


def _facts(recorded: Recording) -> list[SpanFacts]:
    facts = []
    for span in recorded.spans:
        view = span.view()
        facts.append(
            SpanFacts(
                bytes.fromhex(span.span_id),
                bytes.fromhex(span.parent_span_id),
                span.start_time_ns,
                span.start_time_ns + 1,
                0,
                span.name,
                genai_kind=view.kind,
                response_id=view.response_id,
                input_tokens=view.input_tokens,
                output_tokens=view.output_tokens,
                cached_tokens=view.cached_tokens,
                cost_usd=view.cost_usd,
            )
        )
    return facts
