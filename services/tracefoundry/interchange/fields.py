"""Reading the fields of foreign JSON objects: types are checked, errors name their place."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import orjson

from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.model.attributes import REPLACEMENT, double, text
from tracefoundry.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from tracefoundry.model.times import parse_time_ns

_INT64 = range(-(2**63), 2**63)
_REMEDY = "correct the value, or take out the record"


class Fields:
    """One JSON object and where it stands.

    Each field is asked for by all names it may have (camelCase and snake_case); null is absent.
    """

    __slots__ = ("place", "value")

    def __init__(self, value: Any, place: str) -> None:
        if type(value) is not dict:
            raise UnreadableFile(place, "is no object", _REMEDY)
        self.value: dict[str, Any] = value
        self.place = place

    def get(self, *names: str) -> Any:
        """The first of the fields that is not null."""
        for name in names:
            found = self.value.get(name)
            if found is not None:
                return found
        return None

    def string(self, *names: str) -> str | None:
        """A string field."""
        found = self.get(*names)
        if found is None or type(found) is str:
            return found
        raise self.wrong(names[0], "a string")

    def required_string(self, *names: str) -> str:
        """A string field that must not be absent or empty."""
        found = self.string(*names)
        if not found:
            raise UnreadableFile(
                self.place, f"has no {names[0]!r}", "add it, or take out the record"
            )
        return found

    def objects(self, *names: str) -> list[Fields]:
        """A field that is a list of objects; absent is empty."""
        found = self.get(*names)
        if found is None:
            return []
        if type(found) is not list:
            raise self.wrong(names[0], "a list")
        return [Fields(item, f"{self.place}, {names[0]}[{i}]") for i, item in enumerate(found)]

    def object(self, *names: str) -> Fields | None:
        """A field that is an object."""
        found = self.get(*names)
        return None if found is None else Fields(found, f"{self.place}, {names[0]}")

    def count(self, *names: str) -> int | None:
        """A field that is an integer from 0 on."""
        found = self.get(*names)
        if found is None or (type(found) is int and 0 <= found < 2**63):
            return found
        raise self.wrong(names[0], "an integer from 0 on")

    def number(self, *names: str) -> float | None:
        """A field that is a number."""
        found = self.get(*names)
        if type(found) is int:
            return found if found in _INT64 else float(found)
        if found is None or type(found) is float:
            return found
        raise self.wrong(names[0], "a number")

    def time_ns(self, *names: str) -> int | None:
        """A time as RFC 3339; without a zone it is UTC."""
        found = self.string(*names)
        if found is None:
            return None
        try:
            return parse_time(found)
        except ValueError:
            raise self.wrong(names[0], "a time in RFC 3339, from 1970 to 2262") from None

    def remaining(self, read: Iterable[str]) -> dict[str, Any]:
        """The fields that are not null and not in ``read``."""
        return {
            key: value for key, value in self.value.items() if value is not None and key not in read
        }

    def wrong(self, name: str, expected: str) -> UnreadableFile:
        """The error for a field of another type."""
        return UnreadableFile(f"{self.place}, {name}", f"is not {expected}", _REMEDY)


def parse_time(written: str) -> int:
    """Nanoseconds of a time in RFC 3339, also with a blank for the T and without a zone (UTC).

    Raises:
        ValueError: not such a time.
    """
    if len(written) >= 19 and written[4:5] == "-":
        has_zone = written[-1] in "zZ" or "+" in written[19:] or "-" in written[19:]
        return parse_time_ns(written[:10] + "T" + written[11:] + ("" if has_zone else "Z"))
    raise ValueError("not a time in RFC 3339")


def as_text(value: Any) -> Any:
    """A value as an attribute string in tagged form: strings as they are, others as JSON."""
    return text(value if type(value) is str else orjson.dumps(value).decode())


def as_attribute(value: Any) -> Any:
    """A JSON value as an attribute: plain values keep their type, objects become JSON strings."""
    if type(value) is str:
        return text(value)
    if type(value) is float:
        return double(value)
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if value in _INT64 else str(value)
    if type(value) is list and not any(type(item) in (dict, list) for item in value):
        return [as_attribute(item) for item in value]
    return as_text(value)


def label(value: str) -> str:
    """A name without NUL, which no database stores."""
    return value.replace("\x00", REPLACEMENT)


def trace_id_of(original: str, kind: str) -> bytes:
    """A trace id: the original if it is 32 hex digits or a UUID, else a hash of it."""
    return _identifier(original.replace("-", ""), original, kind, TRACE_ID_BYTES)


def span_id_of(original: str, trace: str, kind: str) -> bytes:
    """A span id: the original if it is 16 hex digits, else a hash of it and its trace."""
    return _identifier(original, f"{trace}/{original}", kind, SPAN_ID_BYTES)


def _identifier(candidate: str, hashed: str, kind: str, size: int) -> bytes:
    if len(candidate) == 2 * size and candidate.isascii() and candidate.isalnum():
        try:
            found = bytes.fromhex(candidate)
        except ValueError:
            found = b""
        if any(found):
            return found
    return hashed_id(f"{kind}:{hashed}", size)


def hashed_id(name: str, size: int) -> bytes:
    """The first bytes of the SHA-256 of a name: the same in each import."""
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:size]
