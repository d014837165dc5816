"""What an agent sends to a model, as messages of the conventions.

Reads plain text, messages of OpenAI (chat and responses), Anthropic, Google and LangChain, and
messages that are in the conventions' form already. What is none of these is kept as JSON text.
The result shares nothing with the input that the agent could change.
"""

from __future__ import annotations

from typing import Any

from tracefoundry_sdk.json_text import snapshot, text_of
from tracefoundry_sdk.messages.fields import Part, field, items, text_part, tool_call_part, word

Message = dict[str, Any]

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}
_PLAIN_TYPES = frozenset({"text", "input_text", "output_text"})


def to_messages(value: Any, *, role: str = "user") -> list[Message]:
    """The messages of an input; ``role`` is that of plain text."""
    if isinstance(value, str):
        return [{"role": role, "parts": [text_part(value)]}]
    if isinstance(value, list | tuple):
        return [message for item in value for message in to_messages(item, role=role)]
    if _is_message(value):
        return [_message(value, role)]
    if value is None:
        return []
    return [{"role": role, "parts": [text_part(text_of(value))]}]


def to_parts(value: Any) -> list[Part]:
    """The parts of a message's content: text, a list of blocks, or one block."""
    if value is None:
        return []
    if isinstance(value, str):
        return [text_part(value)]
    if isinstance(value, list | tuple):
        return [part for item in value for part in to_parts(item)]
    return [_part(value)]


def roles_of(messages: list[Message]) -> tuple[str, ...]:
    """The role of each message, in order."""
    return tuple(str(message.get("role")) for message in messages)


def _is_message(value: Any) -> bool:
    if isinstance(value, dict):
        if "role" in value or value.get("type") in _RESPONSE_ITEMS:
            return True
        return "content" in value and _langchain_role(value) is not None
    if field(value, "role") is not None and (
        field(value, "content") is not None or field(value, "parts") is not None
    ):
        return True
    return _langchain_role(value) is not None or word(field(value, "type")) in _RESPONSE_ITEMS


def _langchain_role(value: Any) -> str | None:
    kind = field(value, "type")
    if isinstance(kind, str) and kind in ("human", "ai", "system", "tool", "function"):
        return kind
    return {"HumanMessageChunk": "human", "AIMessageChunk": "ai"}.get(str(kind))


def _message(value: Any, default_role: str) -> Message:
    kind = word(field(value, "type"))
    if kind in _RESPONSE_ITEMS:
        return _RESPONSE_ITEMS[kind](value)
    role = word(field(value, "role")) or _langchain_role(value) or default_role
    role = _ROLES.get(role, role)
    call_id = field(value, "tool_call_id")
    content = field(value, "content")
    if role == "tool" and call_id is not None:
        response = content if isinstance(content, str) else snapshot(content)
        part = {"type": "tool_call_response", "id": call_id, "response": response}
        return {"role": role, "parts": [part]}
    parts = to_parts(content if content is not None else field(value, "parts"))
    for call in items(field(value, "tool_calls")):
        function = field(call, "function")
        if function is not None:
            parts.append(
                tool_call_part(
                    field(call, "id"), field(function, "name"), field(function, "arguments")
                )
            )
        else:  # LangChain, or the conventions' own
            arguments = field(call, "args")
            parts.append(
                tool_call_part(field(call, "id"), field(call, "name"), snapshot(arguments))
            )
    message: Message = {"role": role, "parts": parts}
    name = word(field(value, "name"))
    if name:
        message["name"] = name
    return message


def _part(value: Any) -> Part:
    kind = word(field(value, "type"))
    text = field(value, "text")
    if (kind is None or kind in _PLAIN_TYPES) and isinstance(text, str):
        part = text_part(text)
        return {**part, "type": "reasoning"} if field(value, "thought") is True else part
    if kind == "thinking":
        return {"type": "reasoning", "content": field(value, "thinking")}
    if kind == "tool_use":
        arguments = snapshot(field(value, "input"))
        return tool_call_part(field(value, "id"), field(value, "name"), arguments)
    if kind == "tool_result":
        response = snapshot(field(value, "content"))
        return {
            "type": "tool_call_response", "id": field(value, "tool_use_id"), "response": response
        }  # fmt: skip
    if kind is None:
        if (call := field(value, "function_call")) is not None:
            arguments = snapshot(field(call, "args"))
            return tool_call_part(field(call, "id"), field(call, "name"), arguments)
        if (answer := field(value, "function_response")) is not None:
            response = snapshot(field(answer, "response"))
            return {"type": "tool_call_response", "id": field(answer, "id"), "response": response}
    found = snapshot(value)
    if isinstance(found, dict) and isinstance(found.get("type"), str):
        return found
    return text_part(text_of(found))


def _function_call(value: Any) -> Message:
    part = tool_call_part(field(value, "call_id"), field(value, "name"), field(value, "arguments"))
    return {"role": "assistant", "parts": [part]}


def _function_call_output(value: Any) -> Message:
    response = snapshot(field(value, "output"))
    part = {"type": "tool_call_response", "id": field(value, "call_id"), "response": response}
    return {"role": "tool", "parts": [part]}


def _reasoning(value: Any) -> Message:
    texts = [field(item, "text") for item in items(field(value, "summary"))]
    parts = [{"type": "reasoning", "content": text} for text in texts if isinstance(text, str)]
    return {"role": "assistant", "parts": parts}


_RESPONSE_ITEMS = {
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
}
"""Items of OpenAI's responses API that are no messages."""
