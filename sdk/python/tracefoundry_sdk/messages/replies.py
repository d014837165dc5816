"""Replies of models: what was answered, by which model, for how many tokens."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from tracefoundry_sdk.messages.fields import (
    Part,
    field,
    google_field,
    items,
    text_part,
    word,
)
from tracefoundry_sdk.messages.inputs import (
    Message,
    is_message,
    item_parts,
    message_parts,
    to_messages,
)
from tracefoundry_sdk.messages.parts import to_parts
from tracefoundry_sdk.messages.usage import (
    Usage,
    anthropic_usage,
    google_usage,
    langchain_usage,
    openai_usage,
)

_FINISH_REASONS = {
    "end_turn": "stop", "stop_sequence": "stop", "completed": "stop",
    "max_tokens": "length", "max_output_tokens": "length", "incomplete": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_call", "tool_use": "tool_call", "function_call": "tool_call",
    "refusal": "content_filter", "safety": "content_filter", "prohibited_content": "content_filter",
    "blocklist": "content_filter", "spii": "content_filter", "recitation": "content_filter",
    "image_safety": "content_filter",
    "failed": "error", "malformed_function_call": "error",
}  # fmt: skip


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
        return read_response(reply)
    if is_langchain(reply):
        return read_langchain(reply)
    if is_google(reply):
        return _google(reply)
    if field(reply, "type") == "message" and field(reply, "content") is not None:
        return _anthropic(reply)
    if generations := items(field(reply, "generations")):  # LangChain's LLMResult
        return _generations(reply, generations[0])
    if field(reply, "data") is not None and field(reply, "usage") is not None:
        return Reply(model=word(field(reply, "model")), usage=openai_usage(field(reply, "usage")))
    if is_message(reply) or (isinstance(reply, list) and reply and all(map(is_message, reply))):
        return Reply(messages=to_messages(reply, role="assistant"))
    return None


def is_langchain(value: Any) -> bool:
    """A message of a model as LangChain has it, whole or a chunk."""
    return field(value, "type") in ("ai", "AIMessageChunk")


def is_google(value: Any) -> bool:
    """A reply or a chunk of Google; one to a blocked prompt has no candidates."""
    return any(
        google_field(value, name) is not None
        for name in ("candidates", "usage_metadata", "prompt_feedback")
    )


def assistant_message(parts: list[Part], reason: str | None) -> Message:
    """A message of the model, with the reason why it ended in the conventions' words."""
    message: Message = {"role": "assistant", "parts": parts}
    if reason is not None:
        message["finish_reason"] = finish_reason(reason)
    return message


def finish_reason(reason: str | None) -> str | None:
    """The conventions' word for a provider's."""
    return None if reason is None else _FINISH_REASONS.get(reason.lower(), reason.lower())


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
            parts = [text_part(str(field(choice, "text") or ""))]
        else:
            parts = message_parts(message)
        found.messages.append(assistant_message(parts, reason))
        if reason is not None:
            found.finish_reasons.append(reason)
    return found


def read_response(reply: Any) -> Reply:
    """A reply of OpenAI's responses API."""
    parts = [part for item in items(field(reply, "output")) for part in item_parts(item)]
    incomplete = field(reply, "incomplete_details")
    reason = word(field(incomplete, "reason")) or word(field(reply, "status"))
    return Reply(
        messages=[assistant_message(parts, reason)] if parts or reason else [],
        model=word(field(reply, "model")),
        response_id=word(field(reply, "id")),
        finish_reasons=[reason] if reason else [],
        usage=openai_usage(field(reply, "usage")),
        provider="openai",
    )


def _anthropic(reply: Any) -> Reply:
    reason = word(field(reply, "stop_reason"))
    return Reply(
        messages=[assistant_message(to_parts(field(reply, "content")), reason)],
        model=word(field(reply, "model")),
        response_id=word(field(reply, "id")),
        finish_reasons=[reason] if reason else [],
        usage=anthropic_usage(field(reply, "usage")),
        provider="anthropic",
    )


def _google(reply: Any) -> Reply:
    found = Reply(
        model=word(google_field(reply, "model_version")),
        response_id=word(google_field(reply, "response_id")),
        usage=google_usage(google_field(reply, "usage_metadata")),
        provider="gcp.gemini",
    )
    endings: list[tuple[list[Part], str | None]] = [
        (
            to_parts(items(field(field(candidate, "content"), "parts"))),
            word(google_field(candidate, "finish_reason")),
        )
        for candidate in items(field(reply, "candidates"))
    ]
    if (blocked := blocked_prompt(reply)) is not None:
        endings.append(([], blocked))
    found.messages = [assistant_message(parts, reason) for parts, reason in endings]
    found.finish_reasons = [reason for _, reason in endings if reason is not None]
    return found


def blocked_prompt(reply: Any) -> str | None:
    """Why Google did not answer a prompt at all."""
    return word(google_field(google_field(reply, "prompt_feedback"), "block_reason"))


def read_langchain(reply: Any) -> Reply:
    """A message of LangChain."""
    metadata = field(reply, "response_metadata")
    reason = word(field(metadata, "finish_reason")) or word(field(metadata, "stop_reason"))
    return Reply(
        messages=[assistant_message(message_parts(reply), reason)],
        model=word(field(metadata, "model_name")) or word(field(metadata, "model")),
        response_id=word(field(metadata, "id")) or word(field(reply, "id")),
        finish_reasons=[reason] if reason else [],
        usage=langchain_usage(field(reply, "usage_metadata")),
    )


def _generations(result: Any, first: Any) -> Reply | None:
    """The answers to the first prompt of a result of LangChain; the usage is that of all."""
    generations = items(first) if isinstance(first, list | tuple) else [first]
    replies = [
        read_langchain(message)
        for generation in generations
        if (message := field(generation, "message")) is not None
    ]
    if not replies:
        return None
    found = replies[0]
    for other in replies[1:]:
        found.messages += other.messages
        found.finish_reasons += other.finish_reasons
    told = field(field(result, "llm_output"), "token_usage")
    if told is not None:
        found.usage.update(openai_usage(told))
    return found
