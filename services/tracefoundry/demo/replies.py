"""What the demo's models answer: replies and stream chunks in the form of each provider's API.

The SDK reads them like real ones. Cached tokens are part of a prompt and reasoning tokens part of
what is generated; Anthropic and Google report the one or the other apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracefoundry.demo.material import Call, Model

CHUNK_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a call; the second and fourth are parts of the first and third."""

    input: int
    cached: int
    output: int
    reasoning: int


class ProviderError(Exception):
    """An error of a model's client library."""


class RateLimitError(ProviderError):
    """Too many requests."""

    __module__ = "openai"


class ContextLengthExceeded(ProviderError):
    """The prompt is too long for the model."""

    __module__ = "openai"


class InternalServerError(ProviderError):
    """The provider failed."""

    __module__ = "openai"


class ContentFilterError(ProviderError):
    """The provider withheld the answer."""

    __module__ = "openai"


def reply_of(
    model: Model, reply_id: str, text: str, calls: Sequence[tuple[str, Call]], tokens: Tokens
) -> dict[str, Any]:
    """A whole reply: a text, or calls of tools with their ids."""
    if model.provider == "anthropic":
        return _anthropic(model, reply_id, text, calls, tokens)
    if model.provider == "gcp.gemini":
        return _google(model, reply_id, text, calls, tokens)
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [openai_call(call_id, call) for call_id, call in calls]
    reason = "tool_calls" if calls else "stop"
    return {
        "id": reply_id,
        "object": "chat.completion",
        "model": model.response_name,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": _openai_usage(tokens),
    }


def chunks_of(model: Model, reply_id: str, text: str, tokens: Tokens) -> list[dict[str, Any]]:
    """A text as the stream of OpenAI's chat API; the last chunk has the usage."""
    head = {"id": reply_id, "object": "chat.completion.chunk", "model": model.response_name}
    pieces = [text[at : at + CHUNK_CHARACTERS] for at in range(0, len(text), CHUNK_CHARACTERS)]
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
    return [*chunks, {**head, "choices": [], "usage": _openai_usage(tokens)}]


def openai_call(call_id: str, call: Call) -> dict[str, Any]:
    """A tool call as OpenAI's chat API has it."""
    function = {"name": call.tool.name, "arguments": call.arguments}
    return {"id": call_id, "type": "function", "function": function}


def _openai_usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


def _anthropic(
    model: Model, reply_id: str, text: str, calls: Sequence[tuple[str, Call]], tokens: Tokens
) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for call_id, call in calls:
        arguments = json.loads(call.arguments)
        content.append(
            {"type": "tool_use", "id": call_id, "name": call.tool.name, "input": arguments}
        )
    return {
        "id": reply_id,
        "type": "message",
        "role": "assistant",
        "model": model.response_name,
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "usage": {
            "input_tokens": tokens.input - tokens.cached,
            "cache_read_input_tokens": tokens.cached,
            "output_tokens": tokens.output,
        },
    }


def _google(
    model: Model, reply_id: str, text: str, calls: Sequence[tuple[str, Call]], tokens: Tokens
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": text}] if text else []
    for call_id, call in calls:
        arguments = json.loads(call.arguments)
        parts.append({"function_call": {"id": call_id, "name": call.tool.name, "args": arguments}})
    return {
        "response_id": reply_id,
        "model_version": model.response_name,
        "candidates": [{"content": {"role": "model", "parts": parts}, "finish_reason": "STOP"}],
        "usage_metadata": {
            "prompt_token_count": tokens.input,
            "cached_content_token_count": tokens.cached,
            "candidates_token_count": tokens.output - tokens.reasoning,
            "thoughts_token_count": tokens.reasoning,
        },
    }
