"""Recorded calls, from the spans of a trace."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from samples import make_span
from tracefoundry.model.payload import PayloadEntry, Slot, StoredState, ref_of
from tracefoundry.model.span import Event, Span
from tracefoundry.replay.recording import (
    RecordedCall,
    RecordedError,
    RecordingHeader,
    recorded_calls,
    write_recording,
)

Contents = dict[str, bytes]


def entry(
    contents: Contents, slot: Slot, key: str, value: Any, state: StoredState = "present"
) -> PayloadEntry:
    encoded = orjson.dumps(value)
    contents[ref_of(encoded)] = encoded
    return PayloadEntry(
        slot, "span", key, "string", ref_of(encoded), len(encoded), "application/json", state
    )


def tool_span(contents: Contents, *, span: int = 2, parent: int | None = 1, **fields: Any) -> Span:
    return make_span(
        span=span,
        parent=parent,
        start=span,
        name="execute_tool search",
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.id": "call-1",
        },
        genai=None,
        payloads=(
            entry(contents, "tool_arguments", "gen_ai.tool.call.arguments", {"q": "shoes"}),
            entry(contents, "tool_result", "gen_ai.tool.call.result", [1, 2]),
        ),
        **fields,
    )


def agent_span(span: int, name: str, parent: int | None = None) -> Span:
    return make_span(
        span=span,
        parent=parent,
        start=span,
        name=f"invoke_agent {name}",
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name},
        genai=None,
    )


def calls_of(contents: Contents, *spans: Span) -> list[RecordedCall]:
    return recorded_calls(spans, contents.get)


def test_a_tool_call_has_its_arguments_result_id_and_the_agents_around_it() -> None:
    contents: Contents = {}
    agents = [agent_span(1, "triage"), agent_span(2, "billing", 1)]
    spans = [*agents, tool_span(contents, span=3, parent=2)]
    (call,) = calls_of(contents, *spans)
    assert (call.kind, call.name, call.call_id) == ("tool", "search", "call-1")
    assert call.agent_path == ["triage", "billing"]
    assert (call.arguments, call.arguments_state) == ({"q": "shoes"}, "present")
    assert (call.result, call.result_state) == ([1, 2], "present")
    assert call.error is None


def test_a_model_call_recorded_in_full_has_request_and_raw_response() -> None:
    contents: Contents = {}
    request = {"operation": "chat", "provider": "openai", "model": "gpt-5", "input": "hi"}
    request |= {"tools": None, "parameters": {"temperature": 0}}
    reply = {"chunks": [{"delta": "a"}, {"delta": "b"}]}
    span = make_span(
        name="chat gpt-5",
        attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"},
        genai=None,
        payloads=(
            entry(contents, "input_messages", "tracefoundry.raw_request", request),
            entry(contents, "output_messages", "tracefoundry.raw_response", reply),
        ),
    )
    (call,) = calls_of(contents, span)
    assert (call.kind, call.name) == ("llm", "gpt-5")
    assert call.arguments == {
        "model": "gpt-5",
        "input": "hi",
        "tools": None,
        "parameters": {"temperature": 0},
    }
    assert call.raw_response == reply
    assert (call.result, call.result_state) == (None, "present")


def test_a_model_call_of_another_instrumentation_has_what_its_attributes_say() -> None:
    contents: Contents = {}
    messages = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    span = make_span(
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.request.temperature": 0.5,
        },
        genai=None,
        payloads=(entry(contents, "input_messages", "gen_ai.input.messages", messages),),
    )
    (call,) = calls_of(contents, span)
    assert call.arguments == {
        "model": "m",
        "input": messages,
        "system": None,
        "tools": None,
        "parameters": {"temperature": 0.5},
    }
    assert (call.arguments_state, call.result_state) == ("present", "absent")


def test_content_that_is_not_there_is_named_by_its_state() -> None:
    contents: Contents = {}
    span = tool_span(contents)
    redacted = msgspec.structs.replace(span.payloads[0], state="redacted", ref=None)
    span.payloads = (redacted, span.payloads[1])
    contents.clear()
    (call,) = calls_of(contents, span)
    assert (call.arguments_state, call.result_state) == ("redacted", "missing")


def test_a_failed_call_has_the_error_that_its_span_recorded() -> None:
    contents: Contents = {}
    raised = Event(
        "exception", 1, {"exception.type": "TimeoutError", "exception.message": "too slow"}
    )
    span = tool_span(contents, status=2, events=[raised])
    (call,) = calls_of(contents, span)
    assert call.error == RecordedError("TimeoutError", "too slow")


def test_calls_come_in_the_order_of_their_starts_and_a_cycle_of_parents_ends() -> None:
    contents: Contents = {}
    later = tool_span(contents, span=5, parent=6)
    spans = [later, agent_span(6, "loop", 5), tool_span(contents, span=2, parent=None)]
    calls = calls_of(contents, *spans)
    assert [call.span_id for call in calls] == ["0000000000000002", "0000000000000005"]
    assert calls[1].agent_path == ["loop"]


def test_a_recording_is_a_header_and_a_line_for_each_call() -> None:
    contents: Contents = {}
    calls = calls_of(contents, tool_span(contents, parent=None))
    lines = list(write_recording(RecordingHeader(["ab" * 16], "cd" * 32), calls))
    header, call = (orjson.loads(line) for line in lines)
    assert header == {"trace_ids": ["ab" * 16], "root": "cd" * 32, "recording": 1}
    assert call["arguments"] == {"q": "shoes"}
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
