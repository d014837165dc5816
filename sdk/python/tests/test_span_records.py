"""How spans become recorded calls: names, agents, errors, absent content, other processes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry import context
from replays import recording_of, replayed

import tracefoundry_sdk as tf
from tracefoundry_sdk.replay.recording import RecordedCall
from tracefoundry_sdk.replay.span_records import TracedSpan, recorded_calls

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}


def span(attributes: dict[str, Any], **more: Any) -> TracedSpan:
    """A span of a trace."""
    fields = {
        "trace_id": "a", "span_id": "1", "parent_span_id": None, "start_time_ns": 5,
        "attributes": attributes,
    }  # fmt: skip
    return TracedSpan(**(fields | more))


def one(traced: TracedSpan) -> RecordedCall:
    """The only call of one span."""
    (call,) = recorded_calls([traced])
    return call


def agent(span_id: str, parent: str | None, name: str, scope: str = "tracefoundry") -> TracedSpan:
    """A span of an agent run."""
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
    return span(attributes, span_id=span_id, parent_span_id=parent, scope=scope)


def test_a_tool_call_is_read_from_its_attributes() -> None:
    """Name, call id, arguments and result; a result of null is one."""
    content = {"gen_ai.tool.call.arguments": '{"q":1}', "gen_ai.tool.call.result": "[1]"}
    call = one(span(TOOL | content | {"gen_ai.tool.call.id": "c1"}))
    assert ("tool", "t", "c1", {"q": 1}, [1]) == (
        call.kind, call.name, call.call_id, call.arguments, call.result,
    )  # fmt: skip
    nothing = one(span(TOOL | {"gen_ai.tool.call.arguments": "{}"}))
    assert (None, "present") == (nothing.result, nothing.result_state)


@pytest.mark.parametrize("state", ["redacted", "excluded", "expired", "deleted"])
@pytest.mark.parametrize(
    "key", ["gen_ai.input.messages", "gen_ai.system_instructions", "tracefoundry.raw_request"]
)
def test_content_that_is_absent_is_named(state: str, key: str) -> None:
    """Any member of a model's request makes the arguments absent."""
    assert state == one(span(CHAT, absent={key: state})).arguments_state


def test_absent_results_are_named() -> None:
    """Of tools and models, and of the raw reply."""
    arguments = {"gen_ai.tool.call.arguments": "{}"}
    absent = {"gen_ai.tool.call.result": "expired"}
    assert "expired" == one(span(TOOL | arguments, absent=absent)).result_state
    absent = {"tracefoundry.raw_response": "excluded"}
    assert "excluded" == one(span(CHAT, absent=absent)).result_state
    assert "missing" == one(span(CHAT)).result_state
    assert "missing" == one(span(TOOL)).result_state


def test_without_a_raw_request_parameters_are_not_compared() -> None:
    """With one they are, without the system instructions, which stand apart."""
    assert "parameters" not in one(span(CHAT)).arguments
    request = {"parameters": {"seed": 1, "system": "s"}, "input": "i", "tools": None}
    call = one(span(CHAT | {"tracefoundry.raw_request": json.dumps(request)}))
    assert {"seed": 1} == call.arguments["parameters"]


def test_the_agent_path_has_the_agents_of_the_helpers_alone() -> None:
    """Outermost first; agents of other instrumentations are not known in a replay."""
    tool = span(TOOL, span_id="4", parent_span_id="3")
    spans = [
        agent("1", None, "triage"),
        agent("2", "1", "of LangChain", scope="other"),
        agent("3", "2", "billing"),
        tool,
    ]
    assert [["triage", "billing"]] == [call.agent_path for call in recorded_calls(spans)]
    circle = [agent("1", "2", "a"), agent("2", "1", "b"), span(TOOL, span_id="3")]
    assert [[]] == [call.agent_path for call in recorded_calls(circle)]


def test_an_error_has_its_type_and_message() -> None:
    """From the exception, else from the status."""
    told = [{"exception.type": "x.E", "exception.message": "bad"}]
    failed = span(TOOL | {"error.type": "x.E"}, exceptions=told, failed=True)
    assert {"type": "x.E", "message": "bad"} == one(failed).error
    outer = span(TOOL | {"error.type": "x.E"}, failed=True, status_message="x.E: bad")
    assert {"type": "x.E", "message": "bad"} == one(outer).error
    assert one(span(TOOL, exceptions=told)).error is None


def test_a_call_below_another_process_is_found_by_the_end_of_its_path(start: Any) -> None:
    """A service that a recorded agent called knows its own agents alone."""
    spans = start()
    ran = []

    @tf.tool_call
    def pay(amount: int) -> str:
        ran.append(amount)
        return "paid"

    def service(headers: dict[str, str]) -> str:
        token = context.attach(tf.propagation.extract(headers))
        try:
            with tf.trace_agent_run("billing"):
                return pay(3)
        finally:
            context.detach(token)

    headers: dict[str, str] = {}
    with tf.trace_agent_run("triage"):
        tf.propagation.inject(headers)
        service(headers)
    recording = recording_of(spans)
    assert [["triage", "billing"]] == [call.agent_path for call in recording.calls]
    with replayed(recording) as server:
        assert "paid" == service(headers)
    assert [3] == ran
    assert 1 == server.report()["matched"]
