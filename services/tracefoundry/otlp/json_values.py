"""Reading JSON field by field, as proto3 does: types are checked, and errors name their path.

A value of the wrong JSON type fails the body (:class:`Undecodable`). A value of the right type that
its field cannot hold fails one span (:class:`BadValue`). ``null`` means an absent field, or in a
list an empty message. Keys may be lowerCamelCase or snake_case.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tracefoundry.model.attributes import REPLACEMENT, broken_text, double, obj, raw_bytes
from tracefoundry.model.span import Attributes
from tracefoundry.otlp.decoded import (
    ELEMENTS_A_VALUE,
    BodyLimits,
    Fault,
    RejectReason,
    Undecodable,
    check_span_parts,
    too_many_values,
)

MAX_DEPTH: Final = 100
"""Deepest nesting of messages below the request; protobuf's own parser has the same limit."""

_EXACT_DOUBLE: Final = 2**53
_INT64: Final = (-(2**63), 2**63 - 1)
_DIGITS = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SPECIAL_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNFIT_FOR_LABEL = re.compile("[\x00\ud800-\udfff]")


class BadValue(Exception):
    """A value of the right type that its field cannot hold: one span or log is refused."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.fault: Fault = (reason, detail)


class Reader:
    """Reads the fields of one body's objects and keeps the path for error messages.

    ``path`` is the position of the reader: names, and (name, index) for elements of lists. After
    an error it still names the place of the error; whoever catches the error resets it.
    """

    __slots__ = ("lenient", "limits", "mended", "path", "values_left")

    def __init__(self, *, lenient: bool, limits: BodyLimits) -> None:
        self.limits = limits
        self.values_left = limits.values
        self.lenient = lenient
        """True when strings may hold surrogates that stand for raw bytes (see ``json_body``)."""
        self.mended = 0
        """Labels mended and duplicate keys dropped since the caller last set this to 0."""
        self.path: list[str | tuple[str, int]] = []

    def place(self, *names: str) -> str:
        """The position of the reader, like ``resourceSpans[0].scopeSpans[0].spans[3].name``."""
        parts = [part if isinstance(part, str) else f"{part[0]}[{part[1]}]" for part in self.path]
        return ".".join([*parts, *names])

    def object(self, value: Any) -> dict[str, Any]:
        """``value`` as an object; null is an empty one."""
        if type(value) is dict:
            return value
        if value is None:
            return {}
        raise self._wrong((), "an object", value)

    def objects(
        self, holder: dict[str, Any], camel: str, snake: str, *, of_span: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The objects of a repeated field; ``path`` names each while it is yielded.

        Raises:
            SpanTooLarge: ``of_span``, and there are more than one span may have.
        """
        items = self._list(holder, camel, snake)
        if not items:
            return
        if of_span:
            check_span_parts(camel, len(items), self.limits)
        self.path.append("")
        for index, item in enumerate(items):
            self.path[-1] = (camel, index)
            yield self.object(item)
        self.path.pop()

    def enter(self, holder: dict[str, Any], name: str) -> dict[str, Any]:
        """The object of a field, which is added to ``path``; the caller removes it."""
        self.path.append(name)
        return self.object(holder.get(name))

    def label(self, holder: dict[str, Any], camel: str, snake: str) -> str:
        """A string field other than a value; NUL and broken bytes become U+FFFD, counted."""
        value = _get(holder, camel, snake)
        if value is None:
            return ""
        if type(value) is not str:
            raise self._wrong((camel,), "a string", value)
        return self._mended(value)

    def integer(
        self,
        holder: dict[str, Any],
        camel: str,
        snake: str,
        highest: int,
        reason: RejectReason = "invalid_number",
    ) -> int:
        """An unsigned integer field, sent as a number or a decimal string; 0 when absent."""
        value = _get(holder, camel, snake)
        if value is None:
            return 0
        number = self._integer(value, camel)
        if number is None or not 0 <= number <= highest:
            detail = f"{self.place(camel)} is no integer from 0 to {highest}"
            raise BadValue(reason, detail)
        return number

    def enum(
        self,
        holder: dict[str, Any],
        camel: str,
        snake: str,
        names: Mapping[str, int],
        highest: int,
    ) -> int:
        """An enum field as number, name or decimal string; unknown values are 0."""
        value = _get(holder, camel, snake)
        if type(value) is str and value in names:
            return names[value]
        number = self._integer(value, camel) if value is not None else 0
        return number if number is not None and 0 <= number <= highest else 0

    def identifier(
        self, holder: dict[str, Any], camel: str, snake: str, reason: RejectReason
    ) -> bytes:
        """A trace or span id from hex of either case; the caller checks its length."""
        value = _get(holder, camel, snake)
        if value is None:
            return b""
        if type(value) is not str:
            raise self._wrong((camel,), "a string", value)
        try:
            raw = bytes.fromhex(value)
        except ValueError:
            raw = None
        if raw is None or 2 * len(raw) != len(value):  # fromhex skips spaces
            detail = f"{self.place(camel)} is not hex, which ids are in OTLP/JSON"
            raise BadValue(reason, detail)
        return raw

    def attributes(self, holder: dict[str, Any], depth: int) -> Attributes:
        """The field ``attributes``, whose holder is a message at ``depth`` (the request is 0)."""
        pairs = holder.get("attributes")
        if type(pairs) is list:
            check_span_parts("attributes", len(pairs), self.limits)
        return self._pairs(holder, "attributes", depth)

    def value(self, value: Any, depth: int) -> Any:
        """An AnyValue in tagged JSON form; ``depth`` is its own as a message."""
        if value is None:
            return None
        if depth > MAX_DEPTH:
            raise Undecodable(f"{self.place()}: nested deeper than {MAX_DEPTH} messages")
        result = None
        for case, raw in self.object(value).items():
            read = _CASES.get(case)
            if read is not None and raw is not None:
                result = read(self, raw, depth)
        return result

    def _pairs(self, holder: dict[str, Any], name: str, depth: int) -> Attributes:
        pairs = self._list(holder, name, name)
        if not pairs:
            return {}
        self._count_values(len(pairs))
        if depth + 1 > MAX_DEPTH:
            raise Undecodable(f"{self.place(name)}: nested deeper than {MAX_DEPTH} messages")
        lenient = self.lenient
        attributes: Attributes = {}
        path = self.path
        path.append("")
        for index, item in enumerate(pairs):
            path[-1] = (name, index)
            pair = item if type(item) is dict else self.object(item)
            key = pair.get("key")
            if type(key) is not str:
                key = self.label(pair, "key", "key")
            elif lenient or "\x00" in key:
                key = self._mended(key)
            value = pair.get("value")
            if value is not None:
                path.append("value")
                value = self.value(value, depth + 2)
                path.pop()
            attributes[key] = value
        path.pop()
        self.mended += len(pairs) - len(attributes)
        return attributes

    def _count_values(self, count: int) -> None:
        self.values_left -= count
        if self.values_left < 0:
            raise too_many_values(self.limits)

    def _mended(self, value: str) -> str:
        if "\x00" in value or self.lenient:
            mended, count = _UNFIT_FOR_LABEL.subn(REPLACEMENT, value)
            self.mended += count > 0
            return mended
        return value

    def _list(self, holder: dict[str, Any], camel: str, snake: str) -> list[Any]:
        value = _get(holder, camel, snake)
        if type(value) is list:
            return value
        if value is None:
            return []
        raise self._wrong((camel,), "an array", value)

    def _integer(self, value: Any, name: str) -> int | None:
        """The integer in a number or decimal string; None if it is not an integer."""
        if type(value) is int:
            return value
        if type(value) is str:
            return int(value) if _DIGITS.fullmatch(value) else None
        if type(value) is float:
            return int(value) if abs(value) <= _EXACT_DOUBLE and value.is_integer() else None
        raise self._wrong((name,), "a number or a decimal string", value)

    def _wrong(self, names: tuple[str, ...], expected: str, value: Any) -> Undecodable:
        place = self.place(*names) or "the body"
        return Undecodable(f"{place}: expected {expected}, found {_json_type(value)}")

    # The cases of AnyValue.

    def _string_value(self, raw: Any, depth: int) -> Any:
        if type(raw) is not str:
            raise self._wrong(("stringValue",), "a string", raw)
        if "\x00" in raw or (self.lenient and _SURROGATE.search(raw)):
            return broken_text(raw.encode("utf-8", "surrogateescape"))
        return raw

    def _bool_value(self, raw: Any, depth: int) -> bool:
        if type(raw) is not bool:
            raise self._wrong(("boolValue",), "a boolean", raw)
        return raw

    def _int_value(self, raw: Any, depth: int) -> int:
        number = self._integer(raw, "intValue")
        if number is None or not _INT64[0] <= number <= _INT64[1]:
            raise BadValue("invalid_attribute", f"{self.place('intValue')} is no 64-bit integer")
        return number

    def _double_value(self, raw: Any, depth: int) -> Any:
        if type(raw) is str:
            number = _SPECIAL_DOUBLES.get(raw)
            if number is None:
                number = float(raw) if _NUMBER.fullmatch(raw) else math.inf
                if math.isinf(number):
                    raise self._not_a_double()
            return double(number)
        if type(raw) not in (int, float):
            raise self._wrong(("doubleValue",), "a number or a string", raw)
        try:
            return double(float(raw))
        except OverflowError:
            raise self._not_a_double() from None

    def _not_a_double(self) -> BadValue:
        return BadValue("invalid_attribute", f"{self.place('doubleValue')} is no double")

    def _bytes_value(self, raw: Any, depth: int) -> Any:
        if type(raw) is not str:
            raise self._wrong(("bytesValue",), "a string", raw)
        standard = raw.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return raw_bytes(b64decode(standard + "=" * (-len(standard) % 4), validate=True))
        except (Base64Error, ValueError):
            detail = f"{self.place('bytesValue')} is not base64"
            raise BadValue("invalid_attribute", detail) from None

    def _array_value(self, raw: Any, depth: int) -> list[Any]:
        self._check_container("arrayValue", depth)
        self.path.append("arrayValue")
        holder = self.object(raw)
        items = self._list(holder, "values", "values")
        self._count_values(-(-len(items) // ELEMENTS_A_VALUE))
        self.path.append("")
        values = []
        for index, item in enumerate(items):
            self.path[-1] = ("values", index)
            # A null element is an empty value, and counts as a message for the nesting depth.
            values.append(self.value({} if item is None else item, depth + 2))
        del self.path[-2:]
        return values

    def _kvlist_value(self, raw: Any, depth: int) -> dict[str, Any]:
        self._check_container("kvlistValue", depth)
        self.path.append("kvlistValue")
        pairs = self._pairs(self.object(raw), "values", depth + 1)
        self.path.pop()
        return obj(pairs)

    def _check_container(self, name: str, depth: int) -> None:
        if depth + 1 > MAX_DEPTH:
            raise Undecodable(f"{self.place(name)}: nested deeper than {MAX_DEPTH} messages")


_CASES: dict[str, Callable[[Reader, Any, int], Any]] = {
    "stringValue": Reader._string_value,
    "string_value": Reader._string_value,
    "boolValue": Reader._bool_value,
    "bool_value": Reader._bool_value,
    "intValue": Reader._int_value,
    "int_value": Reader._int_value,
    "doubleValue": Reader._double_value,
    "double_value": Reader._double_value,
    "bytesValue": Reader._bytes_value,
    "bytes_value": Reader._bytes_value,
    "arrayValue": Reader._array_value,
    "array_value": Reader._array_value,
    "kvlistValue": Reader._kvlist_value,
    "kvlist_value": Reader._kvlist_value,
}


def _get(holder: dict[str, Any], camel: str, snake: str) -> Any:
    value = holder.get(camel)
    return value if value is not None else holder.get(snake)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    names: dict[type, str] = {str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), "null")
