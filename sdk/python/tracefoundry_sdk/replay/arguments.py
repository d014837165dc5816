"""Arguments of calls: their canonical form, and their comparison where something was redacted.

Two values are equal if their canonical JSON is: keys sorted, no white space, 1.0 written as 1.
Redaction leaves a marker where it took a secret out. In recorded arguments a marker stands for any
text at its place, and a string that is nothing but a marker stands for any value; the text around a
marker must still be the same.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

from tracefoundry_sdk.json_text import dumps, utf8_safe

MARKER = re.compile(r"\[(?:redacted:[a-z0-9_.-]{1,64}|withheld)\]")
"""What the server's redaction writes; patterns of users with a replacement of their own are not
recognised."""

_MAX_DEPTH = 100
_MAX_MARKERS_IN_TEXT = 1_000


def canonical(value: Any) -> str:
    """Canonical JSON of a value."""
    return utf8_safe(
        json.dumps(
            _plain(value, 0), ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str
        )
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON."""
    return sha256(canonical(value).encode()).hexdigest()


def has_marker(value: Any) -> bool:
    """Something was redacted in the value, or in a key of it."""
    if isinstance(value, str):
        return MARKER.search(value) is not None
    if isinstance(value, dict):
        return any(has_marker(key) or has_marker(item) for key, item in value.items())
    return isinstance(value, list) and any(has_marker(item) for item in value)


def matches(recorded: Any, now: Any) -> bool:
    """The recorded value is this value, with markers standing for anything."""
    if isinstance(recorded, str):
        if not isinstance(now, str):
            # Redaction of JSON text may have left text that is no JSON any more.
            return MARKER.search(recorded) is not None and _text_matches(recorded, dumps(now))
        return recorded == now or _text_matches(recorded, now)
    if isinstance(recorded, dict):
        return (
            isinstance(now, dict)
            and recorded.keys() == now.keys()
            and all(matches(item, now[key]) for key, item in recorded.items())
        )
    if isinstance(recorded, list):
        return (
            isinstance(now, list)
            and len(recorded) == len(now)
            and all(matches(old, new) for old, new in zip(recorded, now, strict=True))
        )
    return (type(recorded) is type(now) and bool(recorded == now)) or _equal_numbers(recorded, now)


def _text_matches(recorded: str, now: str) -> bool:
    """The fixed texts between markers stand in ``now``, in this order and without overlap.

    Done by search and not by a regular expression, whose time could grow without bound.
    """
    fixed = MARKER.split(recorded)
    if len(fixed) == 1 or len(fixed) > _MAX_MARKERS_IN_TEXT:
        return recorded == now
    first, last = fixed[0], fixed[-1]
    if len(now) < len(first) + len(last) or not (now.startswith(first) and now.endswith(last)):
        return False
    position, end = len(first), len(now) - len(last)
    for text in fixed[1:-1]:
        found = now.find(text, position, end)
        if found < 0:
            return False
        position = found + len(text)
    return True


def _equal_numbers(recorded: Any, now: Any) -> bool:
    numbers = (int, float)
    if isinstance(recorded, bool) or isinstance(now, bool):
        return False
    return isinstance(recorded, numbers) and isinstance(now, numbers) and bool(recorded == now)


def _plain(value: Any, depth: int) -> Any:
    """The value with whole floats as integers; deeper nesting than the SDK keeps is cut."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value
