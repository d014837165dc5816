"""Answers in the form of Anthropic's messages. Its input tokens leave out cached ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_server.replies import Reply


def message(number: int, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    """A whole message."""
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": _blocks(number, reply),
        "stop_reason": _reason(reply),
        "stop_sequence": None,
        "usage": {**_input_usage(reply), "output_tokens": reply.output_tokens},
    }


def events(number: int, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    """A message as server-sent events."""
    begun = {**message(number, reply, body), "content": [], "stop_reason": None}
    begun["usage"] = {**_input_usage(reply), "output_tokens": 1}
    yield _event("message_start", message=begun)
    for index, block in enumerate(_blocks(number, reply)):
        if block["type"] == "text":
            start: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces]
        else:
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        yield _event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        if reply.cut:
            return
        yield _event("content_block_stop", index=index)
    yield _event(
        "message_delta",
        delta={"stop_reason": _reason(reply), "stop_sequence": None},
        usage={"output_tokens": reply.output_tokens},
    )
    yield _event("message_stop")


def error(reply: Reply) -> dict[str, Any]:
    """The body of a refusal."""
    kind = "rate_limit_error" if reply.status == 429 else "api_error"
    return {
        "type": "error",
        "error": {"type": kind, "message": reply.text or f"the script answers {reply.status}"},
    }


def _blocks(number: int, reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    for index, call in enumerate(reply.tool_calls):
        blocks.append(
            {
                "type": "tool_use",
                "id": f"toolu_{number}_{index}",
                "name": call["name"],
                "input": call.get("arguments", {}),
            }
        )
    return blocks


def _reason(reply: Reply) -> str:
    return "tool_use" if reply.tool_calls else "end_turn"


def _input_usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()
