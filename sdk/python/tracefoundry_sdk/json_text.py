"""Values of an agent as JSON: a snapshot now, the text later.

Messages, arguments and results belong to the agent, which may change them as soon as a call
returns. :func:`snapshot` copies their containers and shares their strings, so that its cost depends
on the number of values and not on their length; :func:`dumps` may then run on another thread.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Set
from datetime import date, datetime, time
from enum import Enum
from typing import Any

MAX_DEPTH = 60
"""Deeper nesting (or a cycle) is replaced by a note: it breaks the encoders of JSON."""

TOO_DEEP = "[nested too deeply]"
_FIRST_OF_JSON = frozenset('{["-0123456789tfnNI')
_ATOMS = frozenset({str, int, float, bool, type(None)})


def snapshot(value: Any, depth: int = 0) -> Any:
    """A copy of plain dicts, lists, strings and numbers that the agent cannot change any more.

    Models of pydantic and dataclasses become objects, bytes base64, times ISO 8601; anything else
    is given as its ``str``.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if depth > MAX_DEPTH:
        return TOO_DEEP
    if kind is dict:
        return {
            key if type(key) is str else str(key): snapshot(item, depth + 1)
            for key, item in value.items()
        }
    if kind is list or kind is tuple:
        return [snapshot(item, depth + 1) for item in value]
    return _snapshot_object(value, depth)


def _snapshot_object(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return snapshot(value.value, depth + 1)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): snapshot(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Set | list | tuple):
        return [snapshot(item, depth + 1) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: snapshot(getattr(value, field.name), depth + 1)
            for field in dataclasses.fields(value)
        }
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return snapshot(dump(), depth + 1)
    return str(value)


def dumps(value: Any) -> str:
    """Compact JSON of a snapshot, as text that UTF-8 can carry."""
    return utf8_safe(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def text_of(value: Any) -> str:
    """A string as it is, anything else as JSON."""
    return utf8_safe(value) if isinstance(value, str) else dumps(snapshot(value))


def looks_like_json(value: Any) -> bool:
    """A text that may be read as JSON by whoever does not know that it is text."""
    return isinstance(value, str) and value.lstrip()[:1] in _FIRST_OF_JSON


def utf8_safe(text: str) -> str:
    """The text with lone surrogates, which protobuf refuses, replaced by question marks."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
