"""Canonical JSON (RFC 8785) of strings, booleans, null, arrays, objects and integers below 2^53.

Other numbers are not needed, and their canonical form is the hard part of that standard.
"""

from __future__ import annotations

import json
from typing import Any, Final

MAX_INTEGER: Final = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """The canonical bytes of a value.

    Raises:
        ValueError: it holds a double, an integer of 2^53 or more, or half of a surrogate pair.
        TypeError: it holds something that is not JSON.
    """
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode()


def _sorted(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"{value} is 2^53 or more, which canonical JSON cannot hold")
        return value
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    if isinstance(value, dict):
        # RFC 8785, 3.2.3: by the UTF-16 code units of the names.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return {name: _sorted(value[name]) for name in names}
    if isinstance(value, float):
        raise ValueError(f"{value} is a double, which canonical JSON here cannot hold")
    raise TypeError(f"not JSON: {type(value).__name__}")
