"""Cursors: opaque to callers, checked on their way back.

A cursor holds the place where the next page begins and a digest of the question, so that it
cannot be used with other filters, where it would silently skip rows. The cursor of a trace list
also holds the window of time that the first page used: "the last 24 hours" stays the same
24 hours on every page. Cursors carry no secrets and are not signed; a forged one reads nothing
that its sender may not read.
"""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.store.records import AuditPosition, Sort, SpanPosition, TracePosition

_MAX_CURSOR = 2000
_INT64 = 2**63


def digest_of(question: Mapping[str, Any]) -> str:
    """A short digest of the parameters that a cursor belongs to."""
    encoded = orjson.dumps(dict(question), option=orjson.OPT_SORT_KEYS, default=str)
    return blake2b(encoded, digest_size=8).hexdigest()


def write_trace_cursor(position: TracePosition, window: tuple[int, int], question: str) -> str:
    """The cursor of a trace list: place, (start, end) of the window, digest of the question."""
    inside = position.inside
    return _write(
        [
            "t1",
            question,
            *window,
            position.value,
            position.start_time_ns,
            position.trace_id.hex(),
            position.project_id,
            None if inside is None else [inside.start_time_ns, inside.span_id.hex()],
        ]
    )


def read_trace_cursor(
    cursor: str, question: str, sort: Sort
) -> tuple[TracePosition, tuple[int, int]]:
    """The place and the window. A list that is sorted by cost has a place in dollars; the others
    have one in nanoseconds, which the databases compare as 64-bit integers.

    Raises:
        ApiError: 400; it is not a cursor of ours, or belongs to another question.
    """
    parts = _read(cursor, "t1", 9, question)
    start, end, value, start_time, trace_id, project, inside = parts[2:]
    if sort != "expensive" or type(value) is not float or not math.isfinite(value):
        value = _number(value)
    position = TracePosition(
        value,
        _number(start_time),
        _bytes(trace_id, 16),
        _number(project, 2**31),
        None if inside is None else _span_position(inside),
    )
    return position, (_number(start), _number(end))


def write_span_cursor(position: SpanPosition | None, question: str) -> str | None:
    """The cursor of the page of spans that begins behind this one; None for the last page."""
    if position is None:
        return None
    return _write(["s1", question, [position.start_time_ns, position.span_id.hex()]])


def read_span_cursor(cursor: str, question: str) -> SpanPosition:
    """The place.

    Raises:
        ApiError: 400; it is not a cursor of ours, or belongs to another question.
    """
    return _span_position(_read(cursor, "s1", 3, question)[2])


def write_part_cursor(span: SpanPosition, part: str, place: int, index: int) -> str:
    """The cursor of a part of a span: which span, which part, the place in it, and the number of
    the member there."""
    return _write(["p1", part, span.start_time_ns, span.span_id.hex(), place, index])


def read_part_cursor(cursor: str, part: str, span_id: bytes) -> tuple[SpanPosition, int, int]:
    """The span, the place in its part, and the number of the member there.

    Raises:
        ApiError: 400; it is not a cursor of ours, or belongs to another part or span.
    """
    start_ns, found_id, place, index = _read(cursor, "p1", 6, part)[2:]
    span = _span_position([start_ns, found_id])
    if span.span_id != span_id or _number(place) < 1 or _number(index) < 0:
        raise _wrong()
    return span, place, index


def write_audit_cursor(position: AuditPosition, window: tuple[int, int], question: str) -> str:
    """The cursor of a page of the audit log: (start, end) of the window, place."""
    return _write(["a1", question, *window, position.at_ns, position.entry_id])


def read_audit_cursor(cursor: str, question: str) -> tuple[AuditPosition, tuple[int, int]]:
    """The place and the window.

    Raises:
        ApiError: 400; it is not a cursor of ours, or belongs to another question.
    """
    start, end, at_ns, entry_id = (_number(part) for part in _read(cursor, "a1", 6, question)[2:])
    return AuditPosition(at_ns, entry_id), (start, end)


def _write(parts: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode("ascii")


def _read(cursor: str, kind: str, length: int, question: str) -> list[Any]:
    if len(cursor) > _MAX_CURSOR or not cursor.isascii():
        raise _wrong()
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise _wrong() from None
    if type(parts) is not list or len(parts) != length or parts[0] != kind:
        raise _wrong()
    if parts[1] != question:
        raise invalid_parameter(
            "cursor",
            "it belongs to a request with other parameters",
            "Repeat the parameters of the first page with it, or leave the cursor out.",
        )
    return parts


def _number(value: Any, limit: int = _INT64) -> int:
    if type(value) is not int or not -limit <= value < limit:
        raise _wrong()
    return value


def _bytes(value: Any, size: int) -> bytes:
    try:
        found = bytes.fromhex(value)
    except (TypeError, ValueError):
        raise _wrong() from None
    if len(found) != size:
        raise _wrong()
    return found


def _span_position(value: Any) -> SpanPosition:
    if type(value) is not list or len(value) != 2:
        raise _wrong()
    return SpanPosition(_number(value[0]), _bytes(value[1], 8))


def _wrong() -> ApiError:
    return invalid_parameter(
        "cursor", "it is not one of ours", "Use next_cursor of the last page as it is."
    )
