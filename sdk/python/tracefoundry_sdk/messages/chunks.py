"""A streamed reply, put together from its chunks.

Reads the chunks of OpenAI (chat and responses), Anthropic, Google and LangChain, and plain text.
What was received before a stream was left early is a reply too.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tracefoundry_sdk.messages.fields import Part, field, items, text_part, tool_call_part, word
from tracefoundry_sdk.messages.inputs import to_parts
from tracefoundry_sdk.messages.replies import (
    Reply,
    Usage,
    anthropic_usage,
    finish_reason,
    google_usage,
    langchain_usage,
    openai_usage,
    read_reply,
)

MAX_TEXT_BYTES = 8 << 20
"""Text of one reply that is kept; a stream without an end must not fill the memory."""


class ReplyBuilder:
    """Takes chunks as they come and gives the reply so far."""

    def __init__(self) -> None:
        self._reply = Reply()
        self._final: Reply | None = None  # some streams end with the whole reply
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._tool_calls: dict[Any, dict[str, Any]] = {}
        self._other: list[Part] = []
        self._kept_bytes = 0

    def add(self, chunk: Any) -> None:
        """Take a chunk; what it does not know it passes over."""
        if isinstance(chunk, str):
            self._text(self._texts, chunk)
        elif field(chunk, "choices") is not None:
            self._openai(chunk)
        elif field(chunk, "candidates") is not None or field(chunk, "usage_metadata") is not None:
            self._google_or_langchain(chunk)
        elif isinstance(kind := field(chunk, "type"), str):
            self._event(kind, chunk)

    def reply(self) -> Reply:
        """The reply, as far as it has come."""
        if self._final is not None:
            return self._final
        parts: list[Part] = []
        if self._thoughts:
            parts.append({"type": "reasoning", "content": "".join(self._thoughts)})
        if self._texts:
            parts.append(text_part("".join(self._texts)))
        for call in self._tool_calls.values():
            arguments = "".join(call["arguments"])
            parts.append(tool_call_part(call["id"], call["name"], arguments))
        parts += self._other
        reply = self._reply
        if parts:
            message: dict[str, Any] = {"role": "assistant", "parts": parts}
            if reply.finish_reasons:
                message["finish_reason"] = finish_reason(reply.finish_reasons[-1])
            reply.messages = [message]
        return reply

    def _text(self, texts: list[str], text: Any) -> None:
        if isinstance(text, str) and text and self._kept_bytes < MAX_TEXT_BYTES:
            self._kept_bytes += len(text)
            texts.append(text)

    def _head(self, chunk: Any, model: str, response_id: str) -> None:
        self._reply.model = word(field(chunk, model)) or self._reply.model
        self._reply.response_id = word(field(chunk, response_id)) or self._reply.response_id

    def _usage(self, usage: Usage) -> None:
        """The last number of each count holds."""
        for each in fields(Usage):
            if (value := getattr(usage, each.name)) is not None:
                setattr(self._reply.usage, each.name, value)

    def _finish(self, reason: Any) -> None:
        if (found := word(reason)) and found not in self._reply.finish_reasons:
            self._reply.finish_reasons.append(found)

    def _call(self, key: Any, call_id: Any, name: Any, arguments: Any) -> None:
        call = self._tool_calls.setdefault(key, {"id": None, "name": None, "arguments": []})
        call["id"] = call_id or call["id"]
        call["name"] = name or call["name"]
        self._text(call["arguments"], arguments)

    def _openai(self, chunk: Any) -> None:
        self._head(chunk, "model", "id")
        self._reply.provider = "openai"
        if (usage := field(chunk, "usage")) is not None:
            self._usage(openai_usage(usage))
        for choice in items(field(chunk, "choices")):
            delta = field(choice, "delta")
            self._text(self._texts, field(delta, "content") or field(choice, "text"))
            self._text(self._thoughts, field(delta, "reasoning_content"))
            for call in items(field(delta, "tool_calls")):
                function = field(call, "function")
                self._call(
                    (field(choice, "index"), field(call, "index")),
                    field(call, "id"), field(function, "name"), field(function, "arguments"),
                )  # fmt: skip
            self._finish(field(choice, "finish_reason"))

    def _google_or_langchain(self, chunk: Any) -> None:
        usage = field(chunk, "usage_metadata")
        if field(chunk, "candidates") is None:
            if field(chunk, "type") is not None:
                self._langchain(chunk)
            return
        self._head(chunk, "model_version", "response_id")
        self._reply.provider = "gcp.gemini"
        self._usage(google_usage(usage))
        for candidate in items(field(chunk, "candidates")):
            for part in to_parts(items(field(field(candidate, "content"), "parts"))):
                self._part(part)
            self._finish(field(candidate, "finish_reason"))

    def _langchain(self, chunk: Any) -> None:
        metadata = field(chunk, "response_metadata")
        self._head(metadata, "model_name", "id")
        self._reply.response_id = self._reply.response_id or word(field(chunk, "id"))
        self._usage(langchain_usage(field(chunk, "usage_metadata")))
        for part in to_parts(field(chunk, "content")):
            self._part(part)
        for call in items(field(chunk, "tool_call_chunks")):
            self._call(field(call, "index"), field(call, "id"), field(call, "name"),
                       field(call, "args"))  # fmt: skip
        self._finish(field(metadata, "finish_reason") or field(metadata, "stop_reason"))

    def _part(self, part: Part) -> None:
        if part.get("type") == "text":
            self._text(self._texts, part.get("content"))
        elif part.get("type") == "reasoning":
            self._text(self._thoughts, part.get("content"))
        elif len(self._other) < 1_000:
            self._other.append(part)

    def _event(self, kind: str, event: Any) -> None:
        """An event of Anthropic or of OpenAI's responses, or a message of LangChain."""
        if kind in ("ai", "AIMessageChunk"):
            self._langchain(event)
        elif kind.startswith("response."):
            self._openai_event(kind, event)
        elif kind == "message_start":
            message = field(event, "message")
            self._head(message, "model", "id")
            self._reply.provider = "anthropic"
            self._usage(anthropic_usage(field(message, "usage")))
        elif kind == "content_block_start":
            block = field(event, "content_block")
            if field(block, "type") == "tool_use":
                self._call(field(event, "index"), field(block, "id"), field(block, "name"), None)
        elif kind == "content_block_delta":
            delta = field(event, "delta")
            self._text(self._texts, field(delta, "text"))
            self._text(self._thoughts, field(delta, "thinking"))
            if field(delta, "partial_json") is not None:
                self._call(field(event, "index"), None, None, field(delta, "partial_json"))
        elif kind == "message_delta":
            usage = anthropic_usage(field(event, "usage"))
            if usage.input_tokens is None:  # only the output is counted at the end
                usage.cached_tokens = usage.cache_write_tokens = None
            self._usage(usage)
            self._finish(field(field(event, "delta"), "stop_reason"))

    def _openai_event(self, kind: str, event: Any) -> None:
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._final = read_reply(field(event, "response"))
        elif kind == "response.created":
            self._head(field(event, "response"), "model", "id")
        elif kind == "response.output_text.delta":
            self._text(self._texts, field(event, "delta"))
