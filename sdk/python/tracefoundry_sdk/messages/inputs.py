"""What an agent sends to a model, as messages of the conventions.

Reads plain text, messages of OpenAI (chat and responses), Anthropic, Google and LangChain, and
messages that are in the conventions' form already. What is none of these is kept as JSON text.
The result shares nothing with the input that the agent could change.
"""

from __future__ import annotations

from typing import Any

from tracefoundry_sdk.json_text import snapshot, text_of
from tracefoundry_sdk.messages.fields import (
    Part,
    field,
    items,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    word,
)
from tracefoundry_sdk.messages.parts import to_parts

Message = dict[str, Any]

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}


def to_messages(value: Any, *, role: str = "user") -> list[Message]:
    """The messages of an input; ``role`` is that of plain text."""
    if isinstance(value, str):
        return [{"role": role, "parts": [text_part(value)]}]
    if isinstance(value, list | tuple):
        return [message for item in value for message in to_messages(item, role=role)]
    if is_message(value):
        return [_message(value, role)]
    if value is None:
        return []
    if _is_item(value):
        return [{"role": _role_of_item(value, role), "parts": item_parts(value)}]
    return [{"role": role, "parts": [text_part(text_of(value))]}]


def roles_of(messages: list[Message]) -> tuple[str, ...]:
    """The role of each message, in order."""
    return tuple(str(message.get("role")) for message in messages)


def is_message(value: Any) -> bool:
    """A message of any provider; of Google's the role may be absent."""
    if isinstance(field(value, "parts"), list):
        return True
    if isinstance(value, dict):
        return "role" in value or ("content" in value and _langchain_role(value) is not None)
    if word(field(value, "role")) is not None:
        return any(
            field(value, name) is not None
            for name in ("content", "parts", "tool_calls", "function_call", "refusal")
        )
    return _langchain_role(value) is not None


def message_parts(value: Any) -> list[Part]:
    """Reasoning, content and tool calls of a message of OpenAI, Anthropic, Google or LangChain."""
    parts: list[Part] = []
    extra = field(value, "additional_kwargs")  # of LangChain
    for thoughts in (
        field(value, "reasoning_content"), field(value, "reasoning"),
        field(extra, "reasoning_content"),
    ):  # fmt: skip
        if isinstance(thoughts, str) and thoughts:
            parts.append(reasoning_part(thoughts))
            break
    content = field(value, "content")
    if content != "":
        parts += to_parts(content if content is not None else field(value, "parts"))
    # A refusal, or what was said aloud, stands in the place of the content.
    for said in (field(value, "refusal"), field(field(value, "audio"), "transcript")):
        if isinstance(said, str) and said:
            parts.append(text_part(said))
    if (older := field(value, "function_call")) is not None:
        parts.append(tool_call_part(None, field(older, "name"), field(older, "arguments")))
    # LangChain repeats the provider's tool calls, which may be in the content already.
    known = {part.get("id") for part in parts if part.get("type") == "tool_call"} - {None}
    for call in items(field(value, "tool_calls")):
        part = _tool_call(call)
        if part["id"] not in known:
            parts.append(part)
    return parts


def item_parts(value: Any) -> list[Part]:
    """The parts of one item that OpenAI's responses API takes and gives."""
    kind = word(field(value, "type"))
    call_id = field(value, "call_id")
    if kind == "message":
        return to_parts(field(value, "content"))
    if kind == "reasoning":
        told = [*items(field(value, "summary")), *items(field(value, "content"))]
        texts = [field(item, "text") for item in told]
        return [reasoning_part(text) for text in texts if isinstance(text, str)]
    if kind == "custom_tool_call":
        return [tool_call_part(call_id, field(value, "name"), field(value, "input"))]
    if kind in ("function_call_output", "custom_tool_call_output"):
        return [tool_response_part(call_id, snapshot(field(value, "output")))]
    return to_parts(value)


def _is_item(value: Any) -> bool:
    """An item of OpenAI's responses API, or a block of content outside of a message."""
    if isinstance(value, dict):
        return isinstance(value.get("type"), str) or (
            value.keys() == {"text"} and isinstance(value["text"], str)
        )
    kind = word(field(value, "type")) or ""
    return kind == "reasoning" or kind.endswith(("_call", "_call_output"))


def _role_of_item(value: Any, default_role: str) -> str:
    kind = word(field(value, "type")) or ""
    if kind.endswith("_call_output"):
        return "tool"
    return "assistant" if kind == "reasoning" or kind.endswith("_call") else default_role


def _langchain_role(value: Any) -> str | None:
    kind = field(value, "type")
    if isinstance(kind, str) and kind in ("human", "ai", "system", "tool", "function"):
        return kind
    return {"HumanMessageChunk": "human", "AIMessageChunk": "ai"}.get(str(kind))


def _message(value: Any, default_role: str) -> Message:
    given = word(field(value, "role")) or _langchain_role(value) or default_role
    role = _ROLES.get(given, given)
    call_id = field(value, "tool_call_id")
    if role == "tool" and (call_id is not None or given == "function"):
        response = snapshot(field(value, "content"))
        return {"role": role, "parts": [tool_response_part(call_id, response)]}
    message: Message = {"role": role, "parts": message_parts(value)}
    if name := word(field(value, "name")):
        message["name"] = name
    return message


def _tool_call(call: Any) -> Part:
    """A tool call of OpenAI's chat, of LangChain, or in the conventions' own form."""
    call_id = field(call, "id")
    if (function := field(call, "function")) is not None:
        return tool_call_part(call_id, field(function, "name"), field(function, "arguments"))
    if (custom := field(call, "custom")) is not None:
        return tool_call_part(call_id, field(custom, "name"), field(custom, "input"))
    arguments = field(call, "args")
    if arguments is None:
        arguments = field(call, "arguments")
    return tool_call_part(call_id, field(call, "name"), snapshot(arguments))
