"""Fields of dicts and of objects, read the same way."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

Part = dict[str, Any]


def field(value: Any, name: str) -> Any:
    """The field of a dict or an object; None if it has none."""
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)


def items(value: Any) -> list[Any]:
    """The value if it is a list or tuple, else no items."""
    return list(value) if isinstance(value, list | tuple) else []


def word(value: Any) -> str | None:
    """A string, or the value of an enum of strings; None for anything else."""
    value = getattr(value, "value", value)
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int | None:
    """A number of tokens; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value)


def text_part(text: str) -> Part:
    """A part of plain text."""
    return {"type": "text", "content": text}


def tool_call_part(call_id: Any, name: Any, arguments: Any) -> Part:
    """A request for a tool; arguments that are JSON text become the value."""
    if isinstance(arguments, str):
        with suppress(ValueError):  # an incomplete stream: the text stays as it came
            arguments = json.loads(arguments) if arguments else {}
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
