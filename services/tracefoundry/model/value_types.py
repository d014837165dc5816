"""The OTLP type of a value in tagged JSON form: what left the row, or was withheld."""

from __future__ import annotations

from typing import Any, Literal

from tracefoundry.model.attributes import tag_of

TypeName = Literal["string", "bool", "int", "double", "bytes", "array", "kvlist", "empty"]

_PLAIN: dict[type, TypeName] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "double",
    list: "array",
    type(None): "empty",
}
_TAGGED: dict[str | None, TypeName] = {"$double": "double", "$bytes": "bytes", "$text": "string"}


def type_name(value: Any) -> TypeName:
    """The type that the sender gave the value."""
    if type(value) is dict:
        return _TAGGED.get(tag_of(value), "kvlist")
    return _PLAIN.get(type(value), "kvlist")
