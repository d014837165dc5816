"""GenAI events: span events and log records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.events import DETAILS, view_of_event
from tracefoundry.model.genai.merging import complete
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.span import Event


@pytest.mark.parametrize(
    ("attributes", "body"),
    [
        ({"finish_reason": "stop", "message": "{}"}, None),
        ({"gen_ai.system": "openai"}, {"index": 0, "finish_reason": "stop", "message": {}}),
        ({}, json.dumps({"finish_reason": "stop"})),
    ],
    ids=["span event", "log with a key-value list", "log with a JSON string"],
)
def test_a_choice_gives_its_finish_reason(attributes: dict[str, Any], body: Any) -> None:
    """In all three shapes."""
    found = view_of_event("gen_ai.choice", attributes, body)
    assert found is not None
    assert found.finish_reasons == ["stop"]


def test_messages_give_nothing_but_content() -> None:
    """They have no fields of the view."""
    assert view_of_event("gen_ai.user.message", {"content": "hi"}, {"content": "hi"}) is None


def test_a_details_event_completes_its_span() -> None:
    """What the span leaves open is filled."""
    span = GenAI(kind="llm", dialect="otel_genai", request_model="m")
    event = view_of_event(
        DETAILS,
        {"gen_ai.operation.name": "chat", "gen_ai.response.id": "r", "gen_ai.request.model": "n"},
    )
    assert event is not None
    found = complete(span, event)
    assert ("m", "r", "chat") == (found.request_model, found.response_id, found.operation)


def test_usage_comes_from_the_span_or_the_event_never_from_both() -> None:
    """One count on the span keeps all of the event's out."""
    event = GenAI(kind="llm", dialect="otel_genai", input_tokens=5, output_tokens=6)
    half = complete(GenAI(kind="llm", dialect="otel_genai", input_tokens=9), event)
    assert (half.input_tokens, half.output_tokens) == (9, None)
    empty = complete(GenAI(kind="llm", dialect="otel_genai"), event)
    assert (empty.input_tokens, empty.output_tokens) == (5, 6)


def test_span_events_are_read_with_the_span() -> None:
    """Strands writes its choice as a span event."""
    events = [
        Event("exception", 1, {"exception.type": "E"}),
        Event("gen_ai.user.message", 1, {"content": "hi"}),
        Event("gen_ai.choice", 2, {"finish_reason": "end_turn", "message": "[]"}),
    ]
    found = registry.derive({"gen_ai.operation.name": "chat"}, events)
    assert found is not None
    assert ("llm", ["end_turn"]) == (found.kind, found.finish_reasons)


def test_a_span_with_nothing_but_a_details_event_has_a_view() -> None:
    """Some instrumentations leave the span to others."""
    events = [Event(DETAILS, 1, {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3})]
    found = registry.derive({"http.route": "/"}, events)
    assert found is not None
    assert ("llm", 3) == (found.kind, found.input_tokens)


def test_other_events_make_no_view() -> None:
    """An exception on an HTTP span."""
    assert registry.derive({"http.route": "/"}, [Event("exception", 1, {})]) is None
