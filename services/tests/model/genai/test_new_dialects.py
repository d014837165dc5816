"""Command line agents and frameworks: kind, model, tokens, tool and conversation of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.events import view_of_event
from tracefoundry.model.genai.merging import complete_by_events
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.span import Event


def fields(view: GenAI | None, *names: str) -> tuple[Any, ...]:
    """Some fields of a view."""
    assert view is not None
    return tuple(getattr(view, name) for name in names)


CLAUDE_CALL = {
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": "12",
    "output_tokens": 40,
    "cache_read_tokens": 1000,
    "cache_creation_tokens": 200,
    "cost_usd": 0.0123,
    "request_id": "req_1",
    "session.id": "s-1",
    "user.id": "u-1",
}


def test_a_call_of_claude_code_is_an_event() -> None:
    """The API's input count leaves out what the cache read and wrote."""
    view = view_of_event("claude_code.api_request", CLAUDE_CALL, "claude_code.api_request")
    assert view == GenAI(
        kind="llm",
        dialect="claude_code",
        provider="anthropic",
        request_model="claude-sonnet-4-5-20250929",
        response_id="req_1",
        conversation_id="s-1",
        user_id="u-1",
        input_tokens=1212,
        output_tokens=40,
        cached_tokens=1000,
        cache_write_tokens=200,
        cost_usd=0.0123,
        cost_source="reported",
    )


def test_a_call_of_claude_code_is_a_span_too() -> None:
    """In its beta traces; spans are known by their names."""
    view = registry.derive(
        {**CLAUDE_CALL, "gen_ai.system": "anthropic", "stop_reason": "end_turn"},
        span_name="claude_code.llm_request",
    )
    assert fields(view, "dialect", "kind", "input_tokens", "finish_reasons", "conversation_id") == (
        "claude_code", "llm", 1212, ["end_turn"], "s-1",
    )  # fmt: skip
    tool = registry.derive({"tool_name": "Bash", "tool_use_id": "t1"}, span_name="claude_code.tool")
    assert fields(tool, "kind", "tool", "tool_call_id") == ("tool", "Bash", "t1")
    run = registry.derive({"session.id": "s-1"}, span_name="claude_code.interaction")
    assert fields(run, "kind", "agent", "conversation_id") == ("agent", "claude-code", "s-1")


def test_tools_of_claude_code_are_events() -> None:
    """An MCP tool has its name in the parameters."""
    view = view_of_event("claude_code.tool_result", {"tool_name": "Edit", "session.id": "s"})
    assert fields(view, "kind", "tool", "conversation_id") == ("tool", "Edit", "s")
    parameters = json.dumps({"mcp_server_name": "gh", "mcp_tool_name": "search"})
    mcp = view_of_event(
        "claude_code.tool_result", {"tool_name": "mcp_tool", "tool_parameters": parameters}
    )
    assert fields(mcp, "tool") == ("search",)


CODEX_CALL = {
    "event.kind": "response.completed",
    "conversation.id": "c-1",
    "model": "gpt-5-codex",
    "input_token_count": "1200",
    "output_token_count": "50",
    "cached_token_count": "1000",
    "reasoning_token_count": "20",
}


def test_a_call_of_codex_is_an_event() -> None:
    """As a log record and as a span event; counts are strings."""
    expected = ("codex", "llm", "gpt-5-codex", 1200, 50, 1000, 20, "c-1")
    names = (
        "dialect", "kind", "request_model", "input_tokens", "output_tokens", "cached_tokens",
        "reasoning_tokens", "conversation_id",
    )  # fmt: skip
    assert fields(view_of_event("codex.sse_event", CODEX_CALL), *names) == expected
    span = registry.derive({"code.lineno": 3}, [Event("codex.sse_event", 1, CODEX_CALL)])
    assert fields(span, *names) == expected


def test_a_tool_of_codex_is_an_event() -> None:
    """With its call id."""
    view = view_of_event(
        "codex.tool_result",
        {"tool_name": "shell", "call_id": "call_1", "conversation.id": "c-1", "output": "x"},
    )
    assert fields(view, "kind", "tool", "tool_call_id", "conversation_id") == (
        "tool", "shell", "call_1", "c-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "output"),
    [
        ({"output_token_count": 50, "thoughts_token_count": 20}, 70),
        ({"output_token_count": 50, "thoughts_token_count": 20, "total_token_count": 170}, 70),
        ({"output_token_count": 50, "thoughts_token_count": 20, "total_token_count": 150}, 50),
        ({"output_token_count": 50}, 50),
    ],
)
def test_a_call_of_the_gemini_cli_is_an_event(counts: dict[str, int], output: int) -> None:
    """Its output count leaves thoughts out, unless the total says otherwise."""
    view = view_of_event(
        "gemini_cli.api_response",
        {"model": "gemini-2.5-pro", "input_token_count": 100, "cached_content_token_count": 30,
         "finish_reasons": ["STOP"], "session.id": "s", **counts},
    )  # fmt: skip
    assert fields(
        view, "kind", "request_model", "input_tokens", "cached_tokens", "output_tokens",
        "finish_reasons", "conversation_id",
    ) == ("llm", "gemini-2.5-pro", 100, 30, output, ["STOP"], "s")  # fmt: skip


def test_a_tool_of_the_gemini_cli_is_an_event() -> None:
    """And its spans have ``gen_ai.*`` names of their own."""
    view = view_of_event("gemini_cli.tool_call", {"function_name": "read_file"})
    assert fields(view, "kind", "tool") == ("tool", "read_file")
    span = registry.derive(
        {"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-pro",
         "gen_ai.tool.call_id": "t1"}
    )  # fmt: skip
    assert fields(span, "kind", "tool_call_id") == ("llm", "t1")


def test_each_event_of_a_session_is_a_call_of_its_own() -> None:
    """They come under one span, which knows no usage; the same is not so for details events."""
    calls = [
        view_of_event("claude_code.api_request", {**CLAUDE_CALL, "request_id": f"req_{number}"})
        for number in range(3)
    ]
    tool = view_of_event("claude_code.tool_result", {"tool_name": "Edit"})
    run = registry.derive({}, span_name="claude_code.interaction")
    found = complete_by_events(run, [view for view in (*calls, tool) if view is not None])
    assert fields(
        found, "kind", "input_tokens", "output_tokens", "cached_tokens", "cost_source"
    ) == ("agent", 3636, 120, 3000, "reported")
    assert found is not None
    assert found.cost_usd == pytest.approx(0.0369)
    details = view_of_event(
        "gen_ai.client.inference.operation.details", {"gen_ai.usage.input_tokens": 5}
    )
    assert details is not None
    again = complete_by_events(None, [details, details])
    assert fields(again, "input_tokens") == (5,)


def test_a_genkit_model_has_its_usage_in_its_output() -> None:
    """Keys with colons, the plugin before the model, usage as Genkit spells it."""
    output = json.dumps(
        {"message": {"role": "model", "content": [{"text": "It rains."}]}, "finishReason": "stop",
         "usage": {"inputTokens": 42, "outputTokens": 17, "thoughtsTokens": 3, "totalTokens": 59,
                   "cachedContentTokens": 8}}
    )  # fmt: skip
    view = registry.derive(
        {"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:output": output,
         "genkit:name": "googleai/gemini-2.5-flash", "genkit:sessionId": "s-1"}
    )  # fmt: skip
    assert fields(
        view, "dialect", "kind", "provider", "request_model", "input_tokens", "output_tokens",
        "reasoning_tokens", "cached_tokens", "finish_reasons", "conversation_id",
    ) == (
        "genkit", "llm", "googleai", "gemini-2.5-flash", 42, 17, 3, 8, ["stop"], "s-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("subtype", "kind"),
    [("flow", "chain"), ("tool", "tool"), ("tool.v2", "tool"), ("embedder", "embedding"),
     ("retriever", "retriever"), ("reranker", "reranker"), ("evaluator", "evaluator"),
     ("agent", "agent"), ("custom", "other")],
)  # fmt: skip
def test_genkit_says_what_an_action_is(subtype: str, kind: str) -> None:
    """In the subtype; the name of the span is that of the tool or agent."""
    view = registry.derive(
        {"genkit:type": "action", "genkit:metadata:subtype": subtype, "genkit:name": "a/b"}
    )
    assert fields(view, "kind") == (kind,)
    if kind in ("tool", "agent"):
        assert fields(view, kind) == ("a/b",)


def test_spring_ai_says_what_a_framework_span_is() -> None:
    """Its model calls are plain ``gen_ai.*``, with strings for counts."""
    framework = {"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai"}
    tool = registry.derive(
        {**framework, "spring.ai.kind": "tool_call", "spring.ai.tool.definition.name": "weather",
         "spring.ai.tool.call.id": "c1"}
    )  # fmt: skip
    assert fields(tool, "dialect", "kind", "tool", "tool_call_id") == (
        "spring_ai", "tool", "weather", "c1",
    )  # fmt: skip
    client = registry.derive(
        {**framework, "spring.ai.kind": "chat_client",
         "spring.ai.chat.client.conversation.id": "talk"}
    )  # fmt: skip
    assert fields(client, "kind", "conversation_id") == ("chain", "talk")
    for operation, kind in (("query", "retriever"), ("add", "other")):
        store = registry.derive(
            {"spring.ai.kind": "vector_store", "db.operation.name": operation, **framework}
        )
        assert fields(store, "kind") == (kind,)
    call = registry.derive(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "openai",
         "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": "12",
         "gen_ai.usage.output_tokens": "7"}
    )  # fmt: skip
    assert fields(call, "kind", "input_tokens", "output_tokens") == ("llm", 12, 7)


@pytest.mark.parametrize(
    ("span_type", "kind"),
    [("conversation", "chain"), ("agent", "agent"), ("llm", "llm"), ("tool", "tool"),
     ("code_execution", "tool"), ("speaker_selection", "chain"), ("multi_conversation", "chain")],
)  # fmt: skip
def test_ag2_says_what_a_span_is(span_type: str, kind: str) -> None:
    """A conversation has model and usage of the calls below it, and is no call."""
    view = registry.derive(
        {"ag2.span.type": span_type, "gen_ai.operation.name": span_type,
         "gen_ai.agent.name": "planner", "gen_ai.request.model": "gpt-4o",
         "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 1,
         "gen_ai.conversation.id": "7", "gen_ai.response.finish_reasons": '["stop"]'}
    )  # fmt: skip
    assert fields(view, "dialect", "kind", "agent", "input_tokens", "conversation_id") == (
        "ag2", kind, "planner", 5, "7",
    )  # fmt: skip


def test_spans_of_agentcore_say_what_they_do() -> None:
    """Of the runtime, the gateway, the tools and the memory; other AWS services are none."""
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/planner-a1"
    run = registry.derive(
        {"aws.operation.name": "InvokeAgentRuntime", "aws.resource.arn": arn,
         "aws.agent.id": "planner-a1", "session.id": "s-1", "latency_ms": 5}
    )  # fmt: skip
    assert fields(run, "dialect", "kind", "agent", "operation", "conversation_id") == (
        "bedrock_agentcore", "agent", "planner-a1", "InvokeAgentRuntime", "s-1",
    )  # fmt: skip
    for operation, kind, tool in (
        ("CallTool", "tool", "weather"),
        ("Call Tool", "tool", "weather"),
        ("RetrieveMemoryRecords", "retriever", None),
        ("CreateEvent", "other", None),
        ("StartBrowserSession", "tool", "weather"),
    ):
        view = registry.derive(
            {"aws.operation.name": operation, "tool.name": "weather",
             "aws.resource.type": "AWS::BedrockAgentCore::Gateway"}
        )  # fmt: skip
        assert fields(view, "kind", "tool") == (kind, tool)
    assert registry.derive({"aws.operation.name": "PutObject", "aws.s3.bucket": "b"}) is None


def test_mcp_calls_are_tool_calls() -> None:
    """The tool is named by an attribute, else by the span."""
    call = {"mcp.method.name": "tools/call", "mcp.session.id": "m-1"}
    view = registry.derive({**call, "gen_ai.tool.name": "search"}, span_name="tools/call other")
    assert fields(view, "kind", "tool", "conversation_id") == ("tool", "search", "m-1")
    view = registry.derive(call, span_name="tools/call search docs")
    assert fields(view, "dialect", "kind", "tool", "operation") == (
        "mcp", "tool", "search docs", "tools/call",
    )  # fmt: skip
    view = registry.derive({**call, "session.id": "s"}, span_name="tools/call")
    assert fields(view, "tool", "conversation_id") == (None, "s")
    other = registry.derive({"mcp.method.name": "initialize"})
    assert fields(other, "kind", "operation") == ("other", "initialize")


def test_livekit_tools_are_tools() -> None:
    """Its model calls have ``gen_ai.*`` names."""
    view = registry.derive(
        {"lk.function_tool.name": "order", "lk.function_tool.id": "c1", "lk.job_id": "j"}
    )
    assert fields(view, "dialect", "kind", "tool", "tool_call_id", "conversation_id") == (
        "livekit", "tool", "order", "c1", "j",
    )  # fmt: skip
    turn = registry.derive({"lk.agent_label": "receptionist"})
    assert fields(turn, "kind", "agent") == ("agent", "receptionist")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {"mlflow.spanInputs": json.dumps({"model": "gpt-4o", "messages": [{"a": [1]}]}),
             "mlflow.spanOutputs": json.dumps({"id": "c", "model": "gpt-4o-2024-08-06"})},
            ("gpt-4o", "gpt-4o-2024-08-06"),
        ),
        (
            {"mlflow.llm.model": '"gpt-4o"', "mlflow.spanInputs": json.dumps({"model": "other"})},
            ("gpt-4o", None),
        ),
        (
            {"mlflow.llm.model": '"gpt-4o-2024-08-06"',
             "mlflow.spanInputs": json.dumps({"model": "gpt-4o"}),
             "mlflow.spanOutputs": json.dumps({"model": "gpt-4o-2024-08-06"})},
            ("gpt-4o", "gpt-4o-2024-08-06"),
        ),
        (
            {"mlflow.llm.model": '"gpt-4o"', "mlflow.spanInputs": json.dumps({"messages": []}),
             "mlflow.spanOutputs": json.dumps({"model": "gpt-4o"})},
            ("gpt-4o", "gpt-4o"),
        ),
        (
            {"invocation_params": json.dumps({"model_name": "gpt-4o"}),
             "mlflow.spanOutputs": json.dumps(
                 {"generations": [[{"message": {"response_metadata": {"model_name": "m-1"}}}]]}
             )},
            ("gpt-4o", "m-1"),
        ),
        (
            {"mlflow.spanInputs": json.dumps({"contents": "hi", "model": "gemini-2.5-flash"}),
             "mlflow.spanOutputs": json.dumps({"model_version": "gemini-2.5-flash-001"})},
            ("gemini-2.5-flash", "gemini-2.5-flash-001"),
        ),
        ({"mlflow.spanInputs": '{"model": 3', "mlflow.spanOutputs": '"text"'}, (None, None)),
        ({"mlflow.spanOutputs": json.dumps({"generations": [[[[[[[[{}]]]]]]]]})}, (None, None)),
    ],
)  # fmt: skip
def test_mlflow_names_models_in_inputs_and_outputs(
    attributes: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """As the client library spelled them."""
    view = registry.derive({"mlflow.spanType": '"CHAT_MODEL"', **attributes})
    assert fields(view, "request_model", "response_model") == expected


def test_mlflow_inputs_of_other_spans_name_no_model() -> None:
    """A tool may be given a model's name."""
    view = registry.derive(
        {"mlflow.spanType": '"TOOL"', "mlflow.spanInputs": json.dumps({"model": "gpt-4o"})}
    )
    assert fields(view, "request_model", "response_model") == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10,
         "gen_ai.response.model": "m", "gen_ai.response.finish_reasons": ["stop"]},
        {"model": "m", "usage": {"prompt_tokens": 100, "completion_tokens": 10},
         "choices": [{"index": 0, "finish_reason": "stop"}]},
        {"model": "m", "usage": {"input_tokens": 100, "output_tokens": 10}, "stop_reason": "stop"},
        {"model": "m", "usage_metadata": {"prompt_token_count": 100, "candidates_token_count": 10},
         "output": {"messages": [{"content": {"finish_reason": "stop"}}]}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [False, True])
def test_bodies_of_events_name_usage_reason_and_model(body: dict[str, Any], as_text: bool) -> None:
    """In the conventions' names or in the provider's, as an object or as JSON."""
    view = view_of_event(
        "gen_ai.client.inference.operation.details", {}, json.dumps(body) if as_text else body
    )
    assert fields(view, "kind", "response_model", "input_tokens", "output_tokens",
                  "finish_reasons") == ("llm", "m", 100, 10, ["stop"])  # fmt: skip


def test_output_messages_say_why_the_model_stopped() -> None:
    """Where nothing else says so."""
    messages = [{"role": "assistant", "parts": [], "finish_reason": "stop"}]
    for value in (messages, json.dumps(messages)):
        view = view_of_event(
            "gen_ai.client.inference.operation.details", {"gen_ai.output.messages": value}
        )
        assert fields(view, "finish_reasons") == (["stop"],)
