"""Replies and inputs of the providers, as dicts and as objects, whole and in chunks."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import tracefoundry_sdk as tf
from tracefoundry_sdk.messages.inputs import to_messages
from tracefoundry_sdk.messages.replies import read_reply
from tracefoundry_sdk.messages.usage import Usage
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


def parts_of(reply: Any) -> list[dict[str, Any]]:
    """The parts of a reply's only message."""
    found = read_reply(reply)
    assert found is not None
    (message,) = found.messages
    parts: list[dict[str, Any]] = message["parts"]
    return parts


def text(content: str) -> dict[str, Any]:
    """A part of text."""
    return {"type": "text", "content": content}


def call(call_id: str | None, name: str, arguments: Any) -> dict[str, Any]:
    """A part that calls a tool."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


@pytest.mark.parametrize("form", [lambda value: value, as_object], ids=["dict", "object"])
@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": "Hi", "reasoning": "hm"},
         [{"type": "reasoning", "content": "hm"}, text("Hi")]),
        ({"content": None, "refusal": "No."}, [text("No.")]),
        ({"content": None, "audio": {"id": "a", "transcript": "Hello"}}, [text("Hello")]),
        (
            {"content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            [call(None, "f", {"a": 1})],
        ),
        (
            {"content": "", "tool_calls": [
                {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]},
            [call("t", "f", {}), call("c", "shell", "ls")],
        ),
    ],
    ids=["reasoning", "refusal", "speech", "function_call", "tool_calls"],
)  # fmt: skip
def test_every_form_of_an_answer_of_chat_is_read(message: Any, parts: Any, form: Any) -> None:
    """Refusals, speech and the older function_call are answers too."""
    reply = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert parts == parts_of(form(reply))


def test_items_of_responses_that_are_no_messages_become_parts() -> None:
    """Reasoning, tool calls of both forms, and what the provider's own tools did."""
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "custom_tool_call", "call_id": "c", "name": "shell", "input": "ls"},
        {"type": "web_search_call", "id": "ws"},
    ]
    assert [
        {"type": "reasoning", "content": "hm"}, text("No."), call("c", "shell", "ls"),
        {"type": "web_search_call", "id": "ws"},
    ] == parts_of({"object": "response", "output": output})  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         "content_filter"),
        ({"status": "failed"}, "error"),
    ],
)  # fmt: skip
def test_why_a_response_ended(ending: dict[str, Any], expected: str) -> None:
    """The reason says more than the status."""
    found = read_reply({**RESPONSE, **ending})
    assert found is not None
    assert expected == found.messages[0]["finish_reason"]


def test_tools_that_anthropic_runs_itself_are_calls_of_tools() -> None:
    """server_tool_use has the shape of tool_use; the result stays as it is."""
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}}
    reply = {"type": "message", "content": [use, result]}
    assert [call("s", "web_search", {"q": 1}), result] == parts_of(reply)


def test_a_prompt_that_google_blocked_says_why() -> None:
    """There are no candidates, but tokens."""
    reply = {
        "prompt_feedback": {"block_reason": "SAFETY"}, "usage_metadata": {"prompt_token_count": 9},
    }  # fmt: skip
    found = read_reply(reply)
    assert found is not None
    assert (["SAFETY"], Usage(9)) == (found.finish_reasons, found.usage)
    assert [{"role": "assistant", "parts": [], "finish_reason": "content_filter"}] == found.messages


def test_googles_json_is_read_like_its_objects() -> None:
    """Camel case; tokens that its tools put into the prompt are input."""
    reply = {
        "modelVersion": "gemini", "responseId": "g1",
        "candidates": [{
            "content": {"parts": [
                {"text": "hm", "thought": True},
                {"functionCall": {"id": "t", "name": "f", "args": {"a": 1}}}]},
            "finishReason": "MAX_TOKENS",
        }],
        "usageMetadata": {"promptTokenCount": 9, "toolUsePromptTokenCount": 5,
                          "candidatesTokenCount": 3, "thoughtsTokenCount": 4},
    }  # fmt: skip
    found = read_reply(reply)
    assert found is not None
    assert (Usage(14, 7, None, None, 4), "gemini", "g1") == (
        found.usage, found.model, found.response_id,
    )  # fmt: skip
    assert [{"type": "reasoning", "content": "hm"}, call("t", "f", {"a": 1})] == parts_of(reply)
    assert "length" == found.messages[0]["finish_reason"]


def test_parts_of_google_that_are_no_text() -> None:
    """Code that it ran, files, and data; of any other part what is not null."""
    content = {
        "role": "model",
        "parts": [
            {"executableCode": {"code": "1+1", "language": "PYTHON"}, "text": None},
            {"code_execution_result": {"outcome": "OUTCOME_OK", "output": "2"}},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"fileData": {"mimeType": "text/plain", "fileUri": "gs://b/o"}},
            {"videoMetadata": {"fps": 1}, "text": None},
        ],
    }
    (message,) = to_messages(content)
    assert [
        {"type": "executable_code", "code": "1+1", "language": "PYTHON"},
        {"type": "code_execution_result", "outcome": "OUTCOME_OK", "output": "2"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA=="},
        {"type": "uri", "mime_type": "text/plain", "uri": "gs://b/o"},
        text('{"videoMetadata":{"fps":1}}'),
    ] == message["parts"]


def test_google_may_tell_of_thoughts_alone() -> None:
    """A reply that was cut while the model thought has no tokens of candidates."""
    found = read_reply({"candidates": [], "usage_metadata": {"thoughts_token_count": 4}})
    assert found is not None
    assert Usage(None, 4, None, None, 4) == found.usage


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "function_call", "id": "fc", "call_id": "t", "name": "f", "arguments": '{"a": 1}'},
    ],
    ids=["anthropic", "openai"],
)
def test_langchains_tool_calls_are_counted_once(block: dict[str, Any]) -> None:
    """Its messages have them in the provider's form and in its own."""
    reply = {
        **LANGCHAIN,
        "content": [{"type": "text", "text": "Hi"}, block],
        "tool_calls": [{"id": "t", "name": "f", "args": {"a": 1}, "type": "tool_call"}],
    }
    expected = [text("Hi"), call("t", "f", {"a": 1})]
    assert expected == parts_of(reply)
    assert expected == parts_of({"generations": [[{"text": "Hi", "message": reply}]]})


def test_all_candidates_of_a_result_of_langchain_are_read() -> None:
    """Each is a message; the tokens are those of all."""
    first, second = {**LANGCHAIN, "content": "a"}, {**LANGCHAIN, "content": "b"}
    found = read_reply(
        {
            "generations": [[{"message": first}, {"message": second}]],
            "llm_output": {"token_usage": {"prompt_tokens": 8, "completion_tokens": 4}},
        }
    )
    assert found is not None
    assert [[text("a")], [text("b")]] == [message["parts"] for message in found.messages]
    assert (8, 4) == (found.usage.input_tokens, found.usage.output_tokens)


@pytest.mark.parametrize("form", [lambda value: value, as_object], ids=["dict", "object"])
def test_a_message_alone_is_a_reply(form: Any) -> None:
    """Functions often return ``reply.choices[0].message``; a list of messages is one too."""
    message = form({"role": "assistant", "content": "Hi"})
    assert [text("Hi")] == parts_of(message)
    assert [text("Hi")] == parts_of([message])


@pytest.mark.parametrize("value", [None, 7, {}, {"answer": "x"}, [], [0.5], {"data": [1]}])
def test_values_of_no_known_shape_are_no_replies(value: Any) -> None:
    """They are told apart from empty replies."""
    assert read_reply(value) is None


def test_items_and_blocks_outside_of_messages_are_inputs() -> None:
    """Items of the responses API, blocks of content, Google's parts; others are JSON text."""
    found = to_messages(
        [
            {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t", "output": "42"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
            {"type": "web_search_call", "id": "ws"},
            {"type": "input_text", "text": "a"},
            {"text": "b"},
            {"parts": [{"text": "c"}]},
            {"role": "function", "name": "f", "content": "43"},
            {"answer": 1},
        ]
    )
    response = {"type": "tool_call_response"}
    assert [
        ("assistant", [call("t", "f", {})]),
        ("tool", [{**response, "id": "t", "response": "42"}]),
        ("tool", [{**response, "id": "c", "response": "ok"}]),
        ("assistant", [{"type": "web_search_call", "id": "ws"}]),
        ("user", [text("a")]), ("user", [text("b")]), ("user", [text("c")]),
        ("tool", [{**response, "id": None, "response": "43"}]),
        ("user", [text('{"answer":1}')]),
    ] == [(message["role"], message["parts"]) for message in found]  # fmt: skip


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
