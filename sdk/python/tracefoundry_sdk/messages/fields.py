"""Fields of dicts and of objects, read the same way, and the parts made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from typing import Any

Part = dict[str, Any]


def field(value: Any, name: str) -> Any:
    """The field of a dict or an object; None if it has none."""
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)


def google_field(value: Any, name: str) -> Any:
    """The same for Google, whose JSON has camel case where its Python objects have underscores."""
    found = field(value, name)
    if found is None and isinstance(value, dict):
        return value.get(_camel_case(name))
    return found


@lru_cache(maxsize=64)  # the names are literals of this SDK
def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def items(value: Any) -> list[Any]:
    """The items of a list, a tuple or another sequence; none for text and anything else."""
    if value is None or isinstance(value, list | tuple):  # nearly always
        return list(value) if value else []
    if isinstance(value, str | bytes | bytearray | memoryview):
        return []
    return list(value) if isinstance(value, Sequence) else []


def word(value: Any) -> str | None:
    """A string that is not empty; of an enum its value, or its name if the value is a number."""
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int | None:
    """A number of tokens; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value)


def text_part(text: str) -> Part:
    """A part of plain text."""
    return {"type": "text", "content": text}


def reasoning_part(text: str) -> Part:
    """A part of what the model thought."""
    return {"type": "reasoning", "content": text}


def tool_call_part(call_id: Any, name: Any, arguments: Any) -> Part:
    """A request for a tool; arguments that are JSON text become the value."""
    if isinstance(arguments, str):
        with suppress(ValueError):  # an incomplete stream: the text stays as it came
            arguments = json.loads(arguments) if arguments else {}
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def tool_response_part(call_id: Any, response: Any) -> Part:
    """What a tool answered."""
    return {"type": "tool_call_response", "id": call_id, "response": response}
