"""The content of a message, text or blocks of any provider, as parts of the conventions.

A block of a kind that is not known keeps its fields, as the conventions allow.
"""

from __future__ import annotations

from typing import Any

from tracefoundry_sdk.json_text import snapshot, text_of
from tracefoundry_sdk.messages.fields import (
    Part,
    field,
    google_field,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    word,
)

_PLAIN_TYPES = frozenset({"text", "input_text", "output_text", "summary_text"})
_TOOL_USES = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def to_parts(value: Any) -> list[Part]:
    """The parts of a message's content: text, a list of blocks, or one block."""
    if value is None:
        return []
    if isinstance(value, str):
        return [text_part(value)]
    if isinstance(value, list | tuple):
        return [part for item in value for part in to_parts(item)]
    return [_part(value)]


def _part(value: Any) -> Part:
    kind = word(field(value, "type"))
    text = field(value, "text")
    if (kind is None or kind in _PLAIN_TYPES) and isinstance(text, str):
        return reasoning_part(text) if field(value, "thought") is True else text_part(text)
    if kind is not None and (part := _block(kind, value)) is not None:
        return part
    if kind is None and (part := _google_part(value)) is not None:
        return part
    found = snapshot(value)
    if not isinstance(found, dict):
        return text_part(text_of(found))
    if isinstance(found.get("type"), str):
        return found
    return text_part(text_of({name: item for name, item in found.items() if item is not None}))


def _block(kind: str, value: Any) -> Part | None:
    """A block that says its kind: of OpenAI, Anthropic or LangChain."""
    if kind in _TOOL_USES:
        arguments = snapshot(field(value, "input"))
        return tool_call_part(field(value, "id"), field(value, "name"), arguments)
    if kind == "tool_result":
        return tool_response_part(field(value, "tool_use_id"), snapshot(field(value, "content")))
    if kind == "function_call":  # of OpenAI's responses API, also inside LangChain's content
        call_id = field(value, "call_id") or field(value, "id")
        return tool_call_part(call_id, field(value, "name"), field(value, "arguments"))
    if kind == "refusal":
        return text_part(str(field(value, "refusal") or ""))
    if kind == "thinking":
        return reasoning_part(str(field(value, "thinking") or ""))
    if kind == "reasoning":  # of LangChain
        told = field(value, "reasoning")
        return reasoning_part(told) if isinstance(told, str) else None
    return None


def _google_part(value: Any) -> Part | None:
    if (call := google_field(value, "function_call")) is not None:
        return tool_call_part(field(call, "id"), field(call, "name"), snapshot(field(call, "args")))
    if (answer := google_field(value, "function_response")) is not None:
        return tool_response_part(field(answer, "id"), snapshot(field(answer, "response")))
    if (data := google_field(value, "inline_data")) is not None:
        mime_type = str(google_field(data, "mime_type") or "")
        return {
            "type": "blob", "modality": mime_type.partition("/")[0] or "file",
            "mime_type": mime_type, "content": snapshot(field(data, "data")),
        }  # fmt: skip
    if (file := google_field(value, "file_data")) is not None:
        uri = google_field(file, "file_uri")
        return {"type": "uri", "mime_type": google_field(file, "mime_type"), "uri": uri}
    for kind in ("executable_code", "code_execution_result"):
        if (told := snapshot(google_field(value, kind))) is not None:
            return {"type": kind, **(told if isinstance(told, dict) else {"content": told})}
    return None
