"""Trace and span ids: raw bytes in the platform, lower-case hex in the API."""

from __future__ import annotations

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def parse_trace_id(text: str) -> bytes:
    """A trace id from hex of either case.

    Raises:
        ValueError: the text is not 32 hex digits, or is all zero.
    """
    return _parse(text, TRACE_ID_BYTES, "trace id")


def parse_span_id(text: str) -> bytes:
    """A span id from hex of either case.

    Raises:
        ValueError: the text is not 16 hex digits, or is all zero.
    """
    return _parse(text, SPAN_ID_BYTES, "span id")


def _parse(text: str, size: int, what: str) -> bytes:
    shown = text if len(text) <= 64 else text[:64] + "..."
    if len(text) != 2 * size or not text.isascii():
        raise ValueError(f"{what} {shown!r} is not {2 * size} hex digits")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{what} {shown!r} is not {2 * size} hex digits") from None
    if len(value) != size or value == bytes(size):
        raise ValueError(f"{what} {shown!r} is not valid: {2 * size} hex digits, not all zero")
    return value
