"""The tagged JSON form: attribute values as natural JSON that loses no OTLP type.

OTLP values are strings, booleans, 64-bit integers, doubles, bytes, arrays, key-value lists and
empty values. Most are JSON already. What PostgreSQL's jsonb would lose carries a tag:

==================================  ==========================================
value                               form
==================================  ==========================================
double -0.0, NaN, infinities,       ``{"$double": "..."}``
magnitude 1e15 and more
bytes                               ``{"$bytes": "<base64>"}``
string with NUL or invalid UTF-8    ``{"$text": "<base64 of its bytes>"}``
object whose first key is ``$...``  ``{"$object": {...}}``
==================================  ==========================================

A tag is an object with that single key, and every real object that could be mistaken for a tag is
wrapped in ``$object``, so the form is unambiguous. A plain double always has a decimal point or an
exponent (``3.0``), an integer never has. An attribute map itself is not a value and is never
wrapped.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from typing import Any, Literal

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

PLAIN_DOUBLE_LIMIT = 1e15
"""Doubles of this magnitude and above are tagged: jsonb would print them as integers."""

_TAGS = frozenset({"$double", "$bytes", "$text", "$object"})

TypeName = Literal["string", "bool", "int", "double", "bytes", "array", "kvlist", "empty"]
"""The type that the sender gave a value: the case of OTLP's ``AnyValue``."""

_PLAIN_TYPES: dict[type, TypeName] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "double",
    list: "array",
    type(None): "empty",
}
_TAGGED_TYPES: dict[str | None, TypeName] = {
    "$double": "double",
    "$bytes": "bytes",
    "$text": "string",
}


def double(value: float) -> Any:
    """The form of a double: itself if jsonb keeps it exactly, else tagged."""
    if -PLAIN_DOUBLE_LIMIT < value < PLAIN_DOUBLE_LIMIT:
        if value != 0.0 or math.copysign(1.0, value) > 0:
            return value
        return {"$double": "-0.0"}
    if math.isnan(value):
        return {"$double": "NaN"}
    if math.isinf(value):
        return {"$double": "Infinity" if value > 0 else "-Infinity"}
    return {"$double": repr(value)}


def raw_bytes(value: bytes) -> dict[str, str]:
    """The form of a bytes value."""
    return {"$bytes": b64encode(value).decode("ascii")}


def broken_text(value: bytes) -> dict[str, str]:
    """The form of a string that JSON or PostgreSQL cannot hold, from its original bytes."""
    return {"$text": b64encode(value).decode("ascii")}


def text(value: str) -> Any:
    """The form of a valid Unicode string: itself, or ``$text`` if it has a NUL."""
    return value if "\x00" not in value else broken_text(value.encode("utf-8"))


def obj(value: dict[str, Any]) -> dict[str, Any]:
    """The form of a key-value list whose values are in tagged form already."""
    for key in value:
        return {"$object": value} if key.startswith("$") else value
    return value


def tag_of(value: Any) -> str | None:
    """The tag of a tagged value, or None for natural JSON."""
    if type(value) is dict and len(value) == 1:
        (key,) = value
        if key in _TAGS:
            return str(key)
    return None


def untag(value: dict[str, Any]) -> float | bytes | dict[str, Any]:
    """The value that a tagged value stands for.

    ``$double`` gives a float; ``$bytes`` and ``$text`` give bytes (ask :func:`tag_of` which);
    ``$object`` gives the bare object.

    Raises:
        ValueError: the value is not one of our tags.
    """
    tag = tag_of(value)
    if tag == "$double":
        return float(value[tag])
    if tag in ("$bytes", "$text"):
        return b64decode(value[tag], validate=True)
    if tag == "$object":
        inner: dict[str, Any] = value[tag]
        return inner
    raise ValueError(f"not a tagged value: {value!r}")


def type_name(value: Any) -> TypeName:
    """The OTLP type of a value in tagged JSON form."""
    if type(value) is dict:
        return _TAGGED_TYPES.get(tag_of(value), "kvlist")
    return _PLAIN_TYPES.get(type(value), "kvlist")
