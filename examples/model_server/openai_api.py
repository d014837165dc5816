"""Answers in the form of OpenAI's chat completions and embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_server.replies import Reply

CREATED = 1_760_000_000
"""The same in every answer, so that answers can be compared."""


def completion(number: int, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    """A whole chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(number, reply)
    return {
        **_head(number, body, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(reply)}],
        "usage": _usage(reply),
    }


def chunks(number: int, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    """A chat completion as server-sent events; usage where ``stream_options`` asks for it."""
    head = _head(number, body, "chat.completion.chunk")

    def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({**head, "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    if reply.text:
        for piece in reply.pieces:
            yield event({"content": piece})
    if reply.cut:
        return
    for index, call in enumerate(_tool_calls(number, reply)):
        yield event({"tool_calls": [{"index": index, **call}]})
    yield event({}, _reason(reply))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": _usage(reply)})
    yield b"data: [DONE]\n\n"


def embeddings(reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    """A small vector for each input."""
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125]}
            for index in range(len(texts))
        ],
        "usage": {"prompt_tokens": reply.input_tokens, "total_tokens": reply.input_tokens},
    }


def error(reply: Reply) -> dict[str, Any]:
    """The body of a refusal."""
    return {
        "error": {
            "message": reply.text or f"the script answers {reply.status}",
            "type": "rate_limit_error" if reply.status == 429 else "api_error",
            "param": None,
            "code": None,
        }
    }


def _head(number: int, body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": kind,
        "created": CREATED,
        "model": f"{body.get('model')}-2024-08-06",
        "service_tier": "default",
    }


def _reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool_calls else "stop"


def _tool_calls(number: int, reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call.get("arguments", {}))},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"
