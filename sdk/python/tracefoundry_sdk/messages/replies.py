"""Replies of models: what was answered, by which model, for how many tokens.

Input tokens include cached ones and output tokens those of reasoning, as the conventions ask;
Anthropic and Google count them apart, so theirs are added up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from tracefoundry_sdk.messages.fields import count, field, items, text_part, word
from tracefoundry_sdk.messages.inputs import Message, to_messages, to_parts

_FINISH_REASONS = {
    "end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "max_tokens": "length",
    "incomplete": "length", "tool_calls": "tool_call", "tool_use": "tool_call",
    "function_call": "tool_call", "refusal": "content_filter", "safety": "content_filter",
    "failed": "error",
}  # fmt: skip


@dataclass(slots=True)
class Usage:
    """Tokens of a call; None where unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(slots=True)
class Reply:
    """What a reply says."""

    messages: list[Message] = default(default_factory=list)
    model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] = default(default_factory=list)  # in the provider's words
    usage: Usage = default(default_factory=Usage)
    provider: str | None = None


def read_reply(reply: Any) -> Reply | None:
    """The reply of a known provider; None if it is none."""
    if isinstance(reply, str):
        return Reply(messages=to_messages(reply, role="assistant"))
    if field(reply, "choices") is not None:
        return _openai_chat(reply)
    if field(reply, "object") == "response" or isinstance(field(reply, "output"), list):
        return _openai_response(reply)
    if field(reply, "candidates") is not None:
        return _google(reply)
    kind = field(reply, "type")
    if kind == "message" and field(reply, "content") is not None:
        return _anthropic(reply)
    if kind in ("ai", "AIMessageChunk"):
        return _langchain(reply)
    if generations := items(field(reply, "generations")):  # LangChain's LLMResult
        first = generations[0][0] if isinstance(generations[0], list) else generations[0]
        if (message := field(first, "message")) is not None:
            return _langchain(message)
    if field(reply, "data") is not None and field(reply, "usage") is not None:
        return _embeddings(reply)
    if isinstance(reply, dict) and "role" in reply:
        return Reply(messages=to_messages(reply, role="assistant"))
    return None


def finish_reason(reason: str | None) -> str | None:
    """The conventions' word for a provider's."""
    return None if reason is None else _FINISH_REASONS.get(reason.lower(), reason.lower())


def openai_usage(usage: Any) -> Usage:
    """Usage of chat (prompt, completion) and of responses (input, output)."""
    inputs = field(usage, "prompt_tokens_details") or field(usage, "input_tokens_details")
    outputs = field(usage, "completion_tokens_details") or field(usage, "output_tokens_details")
    return Usage(
        input_tokens=_first(usage, "prompt_tokens", "input_tokens"),
        output_tokens=_first(usage, "completion_tokens", "output_tokens"),
        cached_tokens=count(field(inputs, "cached_tokens")),
        reasoning_tokens=count(field(outputs, "reasoning_tokens")),
    )


def anthropic_usage(usage: Any) -> Usage:
    """Usage of Anthropic, whose input tokens leave the cached ones out."""
    fresh = count(field(usage, "input_tokens"))
    cached = count(field(usage, "cache_read_input_tokens"))
    written = count(field(usage, "cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        output_tokens=count(field(usage, "output_tokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
    )


def google_usage(usage: Any) -> Usage:
    """Usage of Google, whose candidates leave the thoughts out."""
    answered = count(field(usage, "candidates_token_count"))
    thought = count(field(usage, "thoughts_token_count"))
    return Usage(
        input_tokens=count(field(usage, "prompt_token_count")),
        output_tokens=None if answered is None else answered + (thought or 0),
        cached_tokens=count(field(usage, "cached_content_token_count")),
        reasoning_tokens=thought,
    )


def langchain_usage(usage: Any) -> Usage:
    """Usage of LangChain's messages."""
    inputs = field(usage, "input_token_details")
    return Usage(
        input_tokens=count(field(usage, "input_tokens")),
        output_tokens=count(field(usage, "output_tokens")),
        cached_tokens=count(field(inputs, "cache_read")),
        cache_write_tokens=count(field(inputs, "cache_creation")),
        reasoning_tokens=count(field(field(usage, "output_token_details"), "reasoning")),
    )


def _first(value: Any, *names: str) -> int | None:
    return next((found for name in names if (found := count(field(value, name))) is not None), None)


def _finished(message: Message, reason: str | None) -> Message:
    if reason is not None:
        message["finish_reason"] = finish_reason(reason)
    return message


def _openai_chat(reply: Any) -> Reply:
    found = Reply(
        model=word(field(reply, "model")),
        response_id=word(field(reply, "id")),
        usage=openai_usage(field(reply, "usage")),
        provider="openai",
    )
    for choice in items(field(reply, "choices")):
        reason = word(field(choice, "finish_reason"))
        message = field(choice, "message")
        if message is None:  # a text completion
            text = field(choice, "text")
            converted: list[Message] = [
                {"role": "assistant", "parts": [text_part(str(text or ""))]}
            ]
        else:
            converted = to_messages(
                {
                    "role": "assistant",
                    "content": field(message, "content") or field(message, "refusal"),
                    "tool_calls": field(message, "tool_calls"),
                }
            )
            if isinstance(thoughts := field(message, "reasoning_content"), str):
                converted[0]["parts"].insert(0, {"type": "reasoning", "content": thoughts})
        found.messages += [_finished(item, reason) for item in converted]
        if reason is not None:
            found.finish_reasons.append(reason)
    return found


def _openai_response(reply: Any) -> Reply:
    parts = [
        part
        for item in items(field(reply, "output"))
        for message in to_messages(item, role="assistant")
        for part in message["parts"]
    ]
    status = word(field(reply, "status"))
    found = Reply(
        model=word(field(reply, "model")),
        response_id=word(field(reply, "id")),
        usage=openai_usage(field(reply, "usage")),
        provider="openai",
    )
    if parts:
        found.messages = [_finished({"role": "assistant", "parts": parts}, status)]
    if status is not None:
        found.finish_reasons = [status]
    return found


def _anthropic(reply: Any) -> Reply:
    reason = word(field(reply, "stop_reason"))
    message: Message = {"role": "assistant", "parts": to_parts(field(reply, "content"))}
    return Reply(
        messages=[_finished(message, reason)],
        model=word(field(reply, "model")),
        response_id=word(field(reply, "id")),
        finish_reasons=[reason] if reason else [],
        usage=anthropic_usage(field(reply, "usage")),
        provider="anthropic",
    )


def _google(reply: Any) -> Reply:
    found = Reply(
        model=word(field(reply, "model_version")),
        response_id=word(field(reply, "response_id")),
        usage=google_usage(field(reply, "usage_metadata")),
        provider="gcp.gemini",
    )
    for candidate in items(field(reply, "candidates")):
        reason = word(field(candidate, "finish_reason"))
        parts = to_parts(items(field(field(candidate, "content"), "parts")))
        found.messages.append(_finished({"role": "assistant", "parts": parts}, reason))
        if reason:
            found.finish_reasons.append(reason)
    return found


def _langchain(reply: Any) -> Reply:
    metadata = field(reply, "response_metadata")
    reason = word(field(metadata, "finish_reason")) or word(field(metadata, "stop_reason"))
    return Reply(
        messages=[_finished(item, reason) for item in to_messages([reply], role="assistant")],
        model=word(field(metadata, "model_name")) or word(field(metadata, "model")),
        response_id=word(field(metadata, "id")) or word(field(reply, "id")),
        finish_reasons=[reason] if reason else [],
        usage=langchain_usage(field(reply, "usage_metadata")),
    )


def _embeddings(reply: Any) -> Reply:
    return Reply(model=word(field(reply, "model")), usage=openai_usage(field(reply, "usage")))
