"""The model server of examples/: answers, streams, errors and scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from model_server.replies import Reply
from model_server.server import ModelServer, serving

CALL = Reply(
    text="Looking.",
    tool_calls=({"name": "lookup", "arguments": {"order": 7}},),
    input_tokens=100,
    output_tokens=10,
    cached_tokens=64,
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server whose first reply calls a tool."""
    with serving([CALL]) as started:
        yield started


def ask(server: ModelServer, path: str, **body: Any) -> httpx.Response:
    """POST a body."""
    return httpx.post(server.url + path, json={"model": "m", **body}, trust_env=False)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """The JSON of server-sent events."""
    data = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def test_a_chat_completion_has_tool_calls_and_usage(server: ModelServer) -> None:
    """After the script comes a fixed sentence."""
    answer = ask(server, "/v1/chat/completions").json()
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "lookup", "arguments": '{"order": 7}'}
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (100, 10)
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}
    second = ask(server, "/v1/chat/completions").json()
    assert second["choices"][0]["message"]["content"] == "Hello from the model server."


def test_a_streamed_completion_says_the_same(server: ModelServer) -> None:
    """Usage stands in a last chunk, as it was asked for."""
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    answer = ask(server, "/v1/chat/completions", **asked)
    chunks = events(answer)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Looking."
    assert [delta for delta in deltas if "tool_calls" in delta]
    assert chunks[-1]["usage"]["completion_tokens"] == 10
    assert answer.text.endswith("data: [DONE]\n\n")


def test_messages_leave_cached_tokens_out_of_the_input(server: ModelServer) -> None:
    """That is how Anthropic counts."""
    answer = ask(server, "/v1/messages").json()
    assert [block["type"] for block in answer["content"]] == ["text", "tool_use"]
    assert answer["usage"] == {
        "input_tokens": 36,
        "cache_read_input_tokens": 64,
        "cache_creation_input_tokens": 0,
        "output_tokens": 10,
    }


def test_streamed_messages_begin_and_end(server: ModelServer) -> None:
    """The event types are Anthropic's."""
    kinds = [event["type"] for event in events(ask(server, "/v1/messages", stream=True))]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]


def test_errors_embeddings_and_what_came(server: ModelServer) -> None:
    """A script is replaced while the server runs, and requests are remembered."""
    refusal = {"status": 429, "retry_after_s": 1, "text": "slow down"}
    httpx.post(f"{server.url}/script", json=[refusal], trust_env=False).raise_for_status()
    refused = ask(server, "/v1/chat/completions")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["message"] == "slow down"
    vectors = ask(server, "/v1/embeddings", input=["a", "b"]).json()
    assert [len(one["embedding"]) for one in vectors["data"]] == [3, 3]
    paths = [one["path"] for one in server.script.requests()]
    assert paths == ["/v1/chat/completions", "/v1/embeddings"]


@pytest.mark.parametrize("script", [{}, [5], [{"txt": "a"}]])
def test_a_script_that_cannot_be_used_is_refused(server: ModelServer, script: Any) -> None:
    """The answer says what is wrong."""
    answer = httpx.post(f"{server.url}/script", json=script, trust_env=False)
    assert answer.status_code == 400
    assert "repl" in answer.json()["error"]["message"]
