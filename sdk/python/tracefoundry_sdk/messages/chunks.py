"""A streamed reply, put together from its chunks.

Reads the chunks of OpenAI (chat and responses), Anthropic, Google and LangChain, and plain text.
What was received before a stream was left early is a reply too.
"""

from __future__ import annotations

from typing import Any

from tracefoundry_sdk.messages.draft import ReplyDraft
from tracefoundry_sdk.messages.fields import Part, count, field, google_field, items, word
from tracefoundry_sdk.messages.inputs import item_parts
from tracefoundry_sdk.messages.parts import to_parts
from tracefoundry_sdk.messages.replies import (
    Reply,
    blocked_prompt,
    is_google,
    is_langchain,
    read_response,
)
from tracefoundry_sdk.messages.usage import (
    anthropic_counts,
    anthropic_usage,
    google_usage,
    langchain_usage,
    openai_usage,
)

_RESPONSE_ENDS = ("response.completed", "response.incomplete", "response.failed")
_RESPONSE_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_RESPONSE_THOUGHTS = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_RESPONSE_ARGUMENTS = (
    "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
)  # fmt: skip
_TOOL_ITEMS = ("function_call", "custom_tool_call")

_REPEATED_BLOCKS = frozenset(
    {"tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta"}
)
"""Content of LangChain's chunks that its ``tool_call_chunks`` have too."""


class ReplyBuilder:
    """Takes chunks as they come and gives the reply so far."""

    def __init__(self) -> None:
        self._reply = Reply()
        self._draft = ReplyDraft()
        self._whole: Reply | None = None  # some streams end with the whole reply
        self._anthropic_counts: dict[str, int] = {}
        self._understood = False
        self._unknown: Any = None

    @property
    def unknown_chunk(self) -> Any:
        """The first chunk of no known shape, if nothing but text came beside it."""
        return None if self._understood else self._unknown

    def add(self, chunk: Any) -> None:
        """Take a chunk; what it does not know it passes over."""
        if isinstance(chunk, str):
            self._draft.append(0, "text", "text", chunk)
        elif (choices := field(chunk, "choices")) is not None:
            self._understood = True
            self._openai(chunk, choices)
        elif is_langchain(chunk):
            self._understood = True
            self._langchain(chunk)
        elif isinstance(kind := field(chunk, "type"), str):
            self._event(kind, chunk)
        elif is_google(chunk):
            self._understood = True
            self._google(chunk)
        elif self._unknown is None:
            self._unknown = chunk

    def reply(self) -> Reply:
        """The reply, as far as it has come."""
        if self._whole is not None:
            return self._whole
        self._reply.messages = self._draft.messages()
        self._reply.finish_reasons = self._draft.finish_reasons()
        return self._reply

    def _head(self, model: Any, response_id: Any) -> None:
        self._reply.model = word(model) or self._reply.model
        self._reply.response_id = self._reply.response_id or word(response_id)

    def _openai(self, chunk: Any, choices: Any) -> None:
        self._head(field(chunk, "model"), field(chunk, "id"))
        self._reply.provider = "openai"
        if (usage := field(chunk, "usage")) is not None:
            self._reply.usage.update(openai_usage(usage))
        for choice in items(choices):
            self._openai_choice(count(field(choice, "index")) or 0, choice)

    def _openai_choice(self, index: int, choice: Any) -> None:
        delta = field(choice, "delta")
        thoughts = field(delta, "reasoning_content") or field(delta, "reasoning")
        if isinstance(thoughts, str) and thoughts:
            self._draft.append(index, "reasoning", "reasoning", thoughts)
        text = (
            field(delta, "content")
            or field(choice, "text")
            or field(delta, "refusal")
            or field(field(delta, "audio"), "transcript")
        )
        if text:
            self._draft.append(index, "text", "text", text)
        if (older := field(delta, "function_call")) is not None:
            name, piece = field(older, "name"), field(older, "arguments")
            self._draft.append_tool(index, ("tool", 0), name=name, piece=piece)
        for call in items(field(delta, "tool_calls")):
            called = field(call, "function") or field(call, "custom")
            self._draft.append_tool(
                index, ("tool", count(field(call, "index")) or 0), call_id=field(call, "id"),
                name=field(called, "name"),
                piece=field(called, "arguments") or field(called, "input"),
            )  # fmt: skip
        self._draft.finish(index, field(choice, "finish_reason"))

    def _google(self, chunk: Any) -> None:
        self._head(google_field(chunk, "model_version"), google_field(chunk, "response_id"))
        self._reply.provider = "gcp.gemini"
        self._reply.usage.update(google_usage(google_field(chunk, "usage_metadata")))
        self._draft.finish(0, blocked_prompt(chunk))
        for position, candidate in enumerate(items(field(chunk, "candidates"))):
            told = count(field(candidate, "index"))
            index = position if told is None else told
            self._add_parts(index, to_parts(items(field(field(candidate, "content"), "parts"))))
            self._draft.finish(index, google_field(candidate, "finish_reason"))

    def _langchain(self, chunk: Any) -> None:
        metadata = field(chunk, "response_metadata")
        self._head(
            word(field(metadata, "model_name")) or field(metadata, "model"),
            word(field(metadata, "id")) or field(chunk, "id"),
        )
        # LangChain adds the counts of the chunks up; some have zero for what others tell.
        self._reply.usage.add(langchain_usage(field(chunk, "usage_metadata")))
        content = field(chunk, "content")
        for block in content if isinstance(content, list) else [content]:
            self._langchain_block(block)
        thoughts = field(field(chunk, "additional_kwargs"), "reasoning_content")
        if isinstance(thoughts, str) and thoughts:
            self._draft.append_to_last(0, "reasoning", thoughts)
        pieces = items(field(chunk, "tool_call_chunks"))
        for call in pieces:
            position = field(call, "index")
            self._draft.append_tool(
                0, ("tool", position if isinstance(position, int | str) else field(call, "id")),
                call_id=field(call, "id"), name=field(call, "name"), piece=field(call, "args"),
            )  # fmt: skip
        self._draft.finish(0, field(metadata, "finish_reason") or field(metadata, "stop_reason"))

    def _langchain_block(self, block: Any) -> None:
        kind = field(block, "type")
        key = ("block", count(field(block, "index")) or 0)
        if kind == "server_tool_use":  # has no `tool_call_chunks`
            self._draft.append_tool(0, key, call_id=field(block, "id"), name=field(block, "name"))
        elif kind == "input_json_delta" and self._draft.has(0, key):
            self._draft.append_tool(0, key, piece=field(block, "partial_json"))
        elif kind not in _REPEATED_BLOCKS and block != "":
            self._add_parts(0, to_parts(block))

    def _add_parts(self, index: int, parts: list[Part]) -> None:
        """Text joins the text right before it; other parts come whole."""
        for part in parts:
            kind = part.get("type")
            if kind == "text" or kind == "reasoning":
                self._draft.append_to_last(index, kind, part.get("content"))
            else:
                self._draft.add(index, part)

    def _event(self, kind: str, event: Any) -> None:
        """An event of Anthropic or of OpenAI, which say their kind."""
        if kind.startswith("response."):
            self._openai_event(kind, event)
        elif kind == "chunk" and field(event, "chunk") is not None:  # of OpenAI's stream helper
            self.add(field(event, "chunk"))
            return
        elif kind == "message_start":
            message = field(event, "message")
            self._head(field(message, "model"), field(message, "id"))
            self._reply.provider = "anthropic"
            self._count_anthropic(field(message, "usage"))
        elif kind == "content_block_start":
            key = ("block", count(field(event, "index")) or 0)
            self._start_block(key, field(event, "content_block"))
        elif kind == "content_block_delta":
            self._anthropic_delta(("block", count(field(event, "index")) or 0), event)
        elif kind == "message_delta":
            self._count_anthropic(field(event, "usage"))
            self._draft.finish(0, field(field(event, "delta"), "stop_reason"))
        else:
            self._unknown = event if self._unknown is None else self._unknown
            return
        self._understood = True

    def _start_block(self, key: tuple[str, int], block: Any) -> None:
        """A block of text, thought or tool call grows by deltas; any other comes whole."""
        kind = field(block, "type")
        if kind == "text":
            self._draft.append(0, key, "text", field(block, "text"))
        elif kind == "thinking":
            self._draft.append(0, key, "reasoning", field(block, "thinking"))
        elif isinstance(kind, str) and kind.endswith("tool_use"):
            self._draft.append_tool(0, key, call_id=field(block, "id"), name=field(block, "name"))
        else:
            for part in to_parts(block):
                self._draft.add(0, part, key)

    def _anthropic_delta(self, key: tuple[str, int], event: Any) -> None:
        delta = field(event, "delta")
        if text := field(delta, "text"):
            self._draft.append(0, key, "text", text)
        elif thought := field(delta, "thinking"):
            self._draft.append(0, key, "reasoning", thought)
        elif field(delta, "partial_json") is not None:
            self._draft.append_tool(0, key, piece=field(delta, "partial_json"))

    def _count_anthropic(self, usage: Any) -> None:
        """The last number of each count holds, and input is the sum of three counts."""
        self._anthropic_counts |= anthropic_counts(usage)
        self._reply.usage.update(anthropic_usage(self._anthropic_counts))

    def _openai_event(self, kind: str, event: Any) -> None:
        """The last event has the whole reply; the pieces count where the stream ends before it."""
        response = field(event, "response")
        if kind in _RESPONSE_ENDS and response is not None:
            self._whole = read_response(response)
            return
        self._reply.provider = "openai"
        self._head(field(response, "model"), field(response, "id"))
        item, delta = field(event, "item"), field(event, "delta")
        key = ("item", count(field(event, "output_index")) or 0)
        if kind in _RESPONSE_TEXTS:
            position = count(field(event, "content_index")) or 0
            self._draft.append(0, (*key, position), "text", delta)
        elif kind in _RESPONSE_THOUGHTS:
            told = count(field(event, "summary_index"))
            position = told if told is not None else count(field(event, "content_index")) or 0
            self._draft.append(0, (*key, position), "reasoning", delta)
        elif kind in _RESPONSE_ARGUMENTS:
            self._draft.append_tool(0, key, piece=delta)
        elif kind == "response.output_item.added" and field(item, "type") in _TOOL_ITEMS:
            call_id, name = field(item, "call_id"), field(item, "name")
            self._draft.append_tool(0, key, call_id=call_id, name=name)
        elif kind == "response.output_item.done" and not self._draft.has(0, (*key, 0)):
            # A tool call in full, a result of the provider's own tool, or what came in no pieces.
            for position, part in enumerate(item_parts(item)):
                self._draft.add(0, part, key if position == 0 else (*key, position))
