"""Parsing of JSON bodies, broken strings included.

The parser is orjson, which refuses a whole body for one lone surrogate or invalid UTF-8 byte. Such
a body is parsed again by the standard library. Before that, each broken byte becomes a lone
surrogate that stands for it (Python's ``surrogateescape``), and each escaped lone surrogate becomes
three of them, for the three bytes that would encode it. So the original bytes of a value can be
recovered.
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


def parse(body: bytes, most_values: int) -> tuple[Any, bool]:
    """The JSON value of a body, and whether its strings may hold surrogates for raw bytes.

    Args:
        body: the body.
        most_values: most values in it, estimated by its commas and brackets, also those inside
            strings. As a Python object a value needs up to 64 bytes.

    Raises:
        Undecodable: not JSON, even if broken strings are allowed.
        TooLarge: the estimate is above ``most_values``.
    """
    # The parser cannot be interrupted, and if it runs out of memory the process ends.
    if len(body) > most_values and sum(map(body.count, (b",", b"{", b"["))) > most_values:
        raise TooLarge(f"the body holds more than {most_values:,} values; send smaller batches")
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
