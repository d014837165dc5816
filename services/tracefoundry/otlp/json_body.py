"""JSON bodies parsed, broken strings included.

The parser is orjson. It refuses a whole body for one lone surrogate or invalid UTF-8 byte. Such a
body is read again by the standard library's parser, after each broken place was turned into lone
surrogates that stand for the raw bytes (Python's ``surrogateescape``; for a lone surrogate that was
written as an escape, the three bytes that encode it). So the original bytes of a value can be kept.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from tracefoundry.otlp.decoded import TooLarge, Undecodable

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    r"|u([dD][89a-fA-F][0-9a-fA-F]{2})"  # half a pair
    r"|.)",
    re.DOTALL,
)


MAX_VALUES = 16_000_000
"""Most values that a body may seem to hold, by its commas and brackets (those inside strings are
counted too). As Python objects they need up to 64 bytes each."""


def parse(body: bytes) -> tuple[Any, bool]:
    """The JSON value of a body, and whether its strings may hold surrogates for raw bytes.

    Raises:
        Undecodable: not JSON (also when broken strings are allowed).
        TooLarge: it may hold more than ``MAX_VALUES`` values.
    """
    # The parser cannot be stopped, and running out of memory inside it ends the process.
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise TooLarge(f"the body holds more than {MAX_VALUES:,} values; send smaller batches")
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError as error:
        return _parse_broken(body, error), True


def _parse_broken(body: bytes, error: orjson.JSONDecodeError) -> Any:
    raw = body.decode("utf-8", "surrogateescape")
    raw = _ESCAPE.sub(_lone_surrogate_as_bytes, raw)
    if _SURROGATE.search(raw) is None:
        raise Undecodable(f"the body is not valid JSON: {error}")
    try:
        return json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as second:
        cause = "nested too deep" if isinstance(second, RecursionError) else str(second)
        raise Undecodable(f"the body is not valid JSON: {cause}") from None


def _lone_surrogate_as_bytes(match: re.Match[str]) -> str:
    lone = match.group(1)
    if lone is None:
        return match.group()
    return chr(int(lone, 16)).encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise ValueError("a number is too large for a double")
    return value
