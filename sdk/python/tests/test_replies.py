"""Replies and inputs of the providers, as dicts and as objects, whole and in chunks."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import tracefoundry_sdk as tf
from tracefoundry_sdk.messages.chunks import ReplyBuilder
from tracefoundry_sdk.messages.inputs import to_messages
from tracefoundry_sdk.messages.replies import Reply, Usage, read_reply
from tracefoundry_sdk.settings import export_settings

ANTHROPIC = {
    "type": "message", "id": "msg1", "model": "claude", "stop_reason": "tool_use",
    "content": [
        {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ],
    "usage": {
        "input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
    },
}  # fmt: skip
GOOGLE = {
    "model_version": "gemini", "response_id": "g1",
    "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finish_reason": "STOP"}],
    "usage_metadata": {
        "prompt_token_count": 9, "candidates_token_count": 3, "thoughts_token_count": 4,
        "cached_content_token_count": 2,
    },
}  # fmt: skip
RESPONSE = {
    "object": "response", "id": "resp1", "model": "gpt-5", "status": "completed",
    "output": [
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 4, "output_tokens": 6,
              "input_tokens_details": {"cached_tokens": 1},
              "output_tokens_details": {"reasoning_tokens": 2}},
}  # fmt: skip
LANGCHAIN = {
    "type": "ai", "content": "hi", "id": "run1", "tool_calls": [],
    "usage_metadata": {"input_tokens": 8, "output_tokens": 2,
                       "input_token_details": {"cache_read": 3}},
    "response_metadata": {"model_name": "m", "finish_reason": "stop"},
}  # fmt: skip


def as_object(value: Any) -> Any:
    """The same fields as attributes."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(item) for key, item in value.items()})
    return [as_object(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", [lambda value: value, as_object], ids=["dict", "object"])
@pytest.mark.parametrize(
    ("reply", "model", "response_id", "usage"),
    [
        (ANTHROPIC, "claude", "msg1", Usage(125, 7, 100, 20)),
        (GOOGLE, "gemini", "g1", Usage(9, 7, 2, None, 4)),
        (RESPONSE, "gpt-5", "resp1", Usage(4, 6, 1, None, 2)),
        (LANGCHAIN, "m", "run1", Usage(8, 2, 3)),
    ],
    ids=["anthropic", "google", "responses", "langchain"],
)
def test_a_reply_is_read(reply: Any, model: str, response_id: str, usage: Usage, form: Any) -> None:
    """Model, id, text, and tokens by the conventions' rule of inclusion."""
    found = read_reply(form(reply))
    assert found is not None
    assert (model, response_id, usage) == (found.model, found.response_id, found.usage)
    assert {"type": "text", "content": "hi"} in found.messages[0]["parts"]


def test_finish_reasons_keep_the_providers_word_and_messages_have_the_conventions() -> None:
    """tool_use is tool_call."""
    found = read_reply(ANTHROPIC)
    assert found is not None
    assert ["tool_use"] == found.finish_reasons
    assert "tool_call" == found.messages[0]["finish_reason"]


def test_inputs_of_all_dialects_become_messages() -> None:
    """Tool results, system messages and the conventions' own form."""
    found = to_messages(
        [
            {"role": "system", "content": "s"},
            {"role": "tool", "tool_call_id": "c", "content": "42"},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
            {"role": "model", "parts": [{"text": "g"}]},
            {"role": "user", "parts": [{"type": "text", "content": "own"}]},
            SimpleNamespace(type="human", content="lc"),
        ]
    )  # fmt: skip
    assert ["system", "tool", "user", "assistant", "user", "user"] == [m["role"] for m in found]
    assert [
        {"type": "text", "content": "s"},
        {"type": "tool_call_response", "id": "c", "response": "42"},
        {"type": "tool_call_response", "id": "t", "response": "r"},
        {"type": "text", "content": "g"},
        {"type": "text", "content": "own"},
        {"type": "text", "content": "lc"},
    ] == [message["parts"][0] for message in found]


def built(chunks: list[Any]) -> Reply:
    """The reply of these chunks."""
    builder = ReplyBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.reply()


def test_chunks_of_anthropic_make_a_reply() -> None:
    """Text, tool arguments in pieces, and usage from the first and last events."""
    start = {"id": "m", "model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}}
    found = built(
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_delta", "index": 0, "delta": {"text": "he"}},
            {"type": "content_block_delta", "index": 0, "delta": {"text": "y"}},
            {"type": "content_block_start", "index": 1,
             "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"a"'}},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": ":1}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
             "usage": {"output_tokens": 9}},
        ]
    )  # fmt: skip
    assert (Usage(5, 9), "claude", "m") == (found.usage, found.model, found.response_id)
    expected = {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}}
    assert [{"type": "text", "content": "hey"}, expected] == found.messages[0]["parts"]


def test_chunks_of_responses_and_google_make_a_reply() -> None:
    """The last event of the responses API is the whole reply; Google repeats its usage."""
    events = [
        {"type": "response.output_text.delta", "delta": "h"},
        {"type": "response.completed", "response": RESPONSE},
    ]
    assert "resp1" == built(events).response_id
    assert "h" == built(events[:1]).messages[0]["parts"][0]["content"]
    found = built([GOOGLE, GOOGLE])
    assert ("hihi", 7) == (found.messages[0]["parts"][0]["content"], found.usage.output_tokens)


@pytest.mark.parametrize(
    ("endpoint", "environ", "expected"),
    [
        (None, {}, "http://127.0.0.1:4318/v1/traces http://127.0.0.1:4318/v1/logs"),
        (None, {"TRACEFOUNDRY_URL": "http://t:1/"}, "http://t:1/v1/traces http://t:1/v1/logs"),
        ("http://a", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b"}, "http://a/v1/traces http://a/v1/logs"),
        (
            None,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b/p", "TRACEFOUNDRY_URL": "http://t"},
            "http://b/p/v1/traces http://b/p/v1/logs",
        ),
        (
            None,
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x/v1/traces"},
            "http://c/x/v1/traces http://c/x/v1/logs",
        ),
    ],
)  # fmt: skip
def test_the_endpoint_is_found(
    endpoint: str | None, environ: dict[str, str], expected: str
) -> None:
    """Argument, traces variable, general variable, our own, default."""
    found = export_settings(endpoint=endpoint, environ=environ)
    assert expected == f"{found.traces_url} {found.logs_url}"


def test_headers_of_the_environment_are_honoured_and_the_token_gives_way() -> None:
    """An authorization that was given is not replaced by the token."""
    found = export_settings(
        environ={
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20x,b=1",
            "TRACEFOUNDRY_TOKEN": "t",
        },
        headers={"B": "2"},
    )
    assert {"authorization": "Basic x", "b": "2"} == dict(found.headers)


def test_a_suppressed_client_instrumentation_enriches_the_call(
    spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it writes into the context's data reaches our span where we do not know it ourselves."""

    @dataclass
    class InferenceData:
        capture_content: bool = False
        attributes: dict[str, Any] = field(default_factory=dict)
        usage_input_tokens: int | None = None
        response_model: str | None = None

    module: Any = ModuleType("opentelemetry.util.genai._inference_invocation")
    module.CLIENT_INFERENCE_CONTEXT_KEY = "client-inference"
    module.InferenceData = InferenceData
    monkeypatch.setitem(sys.modules, module.__name__, module)
    from opentelemetry import context

    with tf.llm_call("openai", model="m") as call:
        data: Any = context.get_value("client-inference")
        assert data.capture_content
        data.usage_input_tokens, data.response_model = 11, "theirs"
        call.usage(input_tokens=12)
    found = spans["chat m"].attributes
    assert (12, "theirs") == (
        found["gen_ai.usage.input_tokens"], found["gen_ai.response.model"],
    )  # fmt: skip
