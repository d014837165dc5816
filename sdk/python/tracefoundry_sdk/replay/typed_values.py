"""Recorded values, which are JSON, as what a return annotation says they were.

Pydantic does it where the agent has loaded it. Without it: dataclasses, lists, tuples, sets, dicts,
optional values, enumerations, dates and bytes. An annotation that does not hold changes nothing.
"""

from __future__ import annotations

import base64
import dataclasses
import sys
import types
import typing
from datetime import date, datetime, time
from enum import Enum
from typing import Any

_BUILTIN = (str, int, float, bool, list, dict, type(None))


def typed(value: Any, annotation: Any) -> Any:
    """The value as what the annotation says; as it is where that fails."""
    if annotation is None or annotation is Any or annotation in _BUILTIN:
        return value
    if annotation is bytes and isinstance(value, str):
        return base64.b64decode(value)  # the form in which bytes are recorded
    pydantic = sys.modules.get("pydantic")
    try:
        if pydantic is not None:
            return pydantic.TypeAdapter(annotation).validate_python(value)
        return _built(value, annotation)
    except Exception:  # noqa: BLE001 - annotations need not hold, and constructors are the agent's
        return value


def _built(value: Any, annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        others = [argument for argument in arguments if argument is not type(None)]
        return value if value is None or len(others) != 1 else typed(value, others[0])
    if origin in (list, set, frozenset) and arguments:
        return origin(typed(item, arguments[0]) for item in value)
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        return tuple(typed(item, kind) for item, kind in zip(value, kinds, strict=True))
    if origin is dict and arguments:
        return {key: typed(item, arguments[1]) for key, item in value.items()}
    if not isinstance(annotation, type):
        return value
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return annotation(**{key: typed(item, hints.get(key)) for key, item in value.items()})
    if issubclass(annotation, datetime | date | time):
        return annotation.fromisoformat(value)
    if issubclass(annotation, Enum | tuple | set | frozenset):
        return annotation(value)
    return value
