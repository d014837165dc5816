"""Reading attribute values, whatever a sender has put into them.

All dialects read through these functions. None of them raises: a value of the wrong type counts as
absent. Strings that hold JSON or a Python dict are parsed only up to a maximum length, because they
come from outside and reading a span must stay cheap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import orjson

Fields = TypeVar("Fields", bound=msgspec.Struct)

Get = Callable[[str], Any]
"""``attributes.get``: how dialects look a key up."""

MAX_COUNT = 2**63 - 1
"""Largest token count kept: what a bigint column holds."""
MAX_AMOUNT = 1e12
"""Largest amount of money that is believed. Sums of larger ones could pass what a double holds."""
MAX_PARSED_CHARS = 65_536
"""Longest string that is parsed as JSON; a longer one is content, not usage."""
MAX_SKIMMED_CHARS = 1_048_576
"""Longest string from which single members are read by :func:`parse_fields`."""
MAX_REPR_CHARS = 4_096
"""Longest string that is read as the repr of a Python dict."""
_MAX_NUMBER_CHARS = 32
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?")


def text(value: Any) -> str | None:
    """A non-empty string, else None."""
    return value if type(value) is str and value else None


def first_text(get: Get, *keys: str) -> str | None:
    """The first of ``keys`` that holds a non-empty string."""
    for key in keys:
        value = get(key)
        if type(value) is str and value:
            return value
    return None


def texts(value: Any) -> list[str] | None:
    """A list of strings; a bare string is a list of one, and a JSON array in a string is parsed."""
    if type(value) is str:
        if value.startswith("["):
            parsed = parse_json(value)
            if isinstance(parsed, list):
                value = parsed
            else:
                return [value]
        else:
            return [value] if value else None
    if type(value) is list and value and all(type(item) is str for item in value):
        return value
    return None


def count(value: Any) -> int | None:
    """A token count: a whole number from 0 to 2**63 - 1, as an integer, a double or in a string."""
    if type(value) is str:
        value = _number(value.strip())
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    return None


def _number(value: str) -> int | float | None:
    """The number that a string is (Spring AI writes all counts as strings)."""
    if _DECIMAL.fullmatch(value) is None:
        return None
    return int(value) if value.isdigit() else float(value)


def first_count(get: Get, *keys: str) -> int | None:
    """The first of ``keys`` that has a token count. The keys are names of one value: no sum."""
    for key in keys:
        value = get(key)
        if value is not None and (found := count(value)) is not None:
            return found
    return None


def amount(value: Any) -> float | None:
    """An amount of US dollars from 0 to :data:`MAX_AMOUNT`, also in a string."""
    if type(value) is str and 0 < len(value) <= _MAX_NUMBER_CHARS:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) in (int, float) and 0 <= value <= MAX_AMOUNT:
        return float(value)
    return None


def first_amount(get: Get, *keys: str) -> float | None:
    """The first of ``keys`` that holds an amount of US dollars."""
    for key in keys:
        value = get(key)
        if value is not None and (found := amount(value)) is not None:
            return found
    return None


def parse_json(value: str) -> Any:
    """The JSON value in a string; None if the string is too long, empty or not JSON."""
    if not 0 < len(value) <= MAX_PARSED_CHARS:
        return None
    try:
        return orjson.loads(value)
    except ValueError:
        return None


def parse_fields(value: Any, fields: type[Fields]) -> Fields | None:
    """The members of a JSON object that ``fields`` names, from a string or a key-value list.

    The rest is skipped without being built, so the string may be long.
    """
    if type(value) is dict:
        return fields(**{name: value.get(name) for name in fields.__struct_fields__})
    if type(value) is not str or not value.startswith("{") or len(value) > MAX_SKIMMED_CHARS:
        return None
    try:
        return msgspec.json.decode(value, type=fields)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def parse_object(value: Any) -> dict[str, Any] | None:
    """An object: a key-value list as it came, or a string that holds a JSON object."""
    if type(value) is str:
        if not value.startswith("{"):
            return None
        value = parse_json(value)
    return value if type(value) is dict else None


def parse_object_or_repr(value: Any) -> dict[str, Any] | None:
    """Like :func:`parse_object`, and also the repr of a Python dict of plain values (litellm).

    The repr is rewritten to JSON, not evaluated. A string with a double quote or a backslash is not
    read, because there the two notations differ in more than the quotes.
    """
    found = parse_object(value)
    if found is not None or type(value) is not str:
        return found
    if not value.startswith("{") or len(value) > MAX_REPR_CHARS or '"' in value or "\\" in value:
        return None
    rewritten = value.replace("'", '"').replace("None", "null")
    return parse_object(rewritten.replace("True", "true").replace("False", "false"))


def nested(value: dict[str, Any] | None, key: str) -> dict[str, Any]:
    """The object under ``key``; an empty one if there is none."""
    inner = value.get(key) if value is not None else None
    return inner if type(inner) is dict else {}
