"""What people type: moments (``24h``, RFC 3339, nanoseconds) and durations (``500ms``)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": 86_400 * 1_000_000_000,
    "w": 7 * 86_400 * 1_000_000_000,
}

MAX_NS = 2**63 - 1
"""The latest moment that a store can hold."""

_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
_FRACTION = re.compile(r"[.,](\d+)")


def now_ns() -> int:
    """The present, in nanoseconds since the epoch."""
    return time.time_ns()


def duration_ns(text: str) -> int:
    """A duration such as ``500ms``, ``1.5s``, ``2m30s`` or ``7d``, in nanoseconds.

    Raises:
        ValueError: the text is not such a duration.
    """
    compact = text.strip().lower().replace(" ", "")
    total, position = 0, 0
    for match in _PART.finditer(compact):
        if match.start() != position:
            break
        whole, _, fraction = match[1].partition(".")
        unit = NS_PER_UNIT[match[2]]
        total += int(whole) * unit
        if fraction:
            total += int(fraction) * unit // 10 ** len(fraction)
        position = match.end()
    if not compact or position != len(compact) or total > MAX_NS:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 1.5s, 2m30s or 24h")
    return total


def moment_ns(text: str, *, now: int) -> int:
    """A moment in nanoseconds since the epoch: how long ago, RFC 3339, or integer nanoseconds.

    ``24h`` is 24 hours before ``now``; ``now`` and ``all`` (the beginning of time) are taken too.
    A date without a time is its midnight, and a time without an offset is UTC.

    Raises:
        ValueError: the text is none of these.
    """
    stripped = text.strip()
    if stripped == "now":
        return now
    if stripped == "all":
        return 0
    if stripped.isascii() and stripped.isdigit():
        value = int(stripped)
        if value <= MAX_NS:
            return value
    elif stripped:
        try:
            return max(now - duration_ns(stripped), 0)
        except ValueError:
            pass
        try:
            return _rfc3339_ns(stripped)
        except (ValueError, OverflowError):
            pass
    raise ValueError(
        f"{text!r} is not a time: write 24h (ago), 2026-01-31T08:00:00Z, or nanoseconds"
    )


def _rfc3339_ns(text: str) -> int:
    # datetime keeps microseconds; the digits after them are added by hand.
    match = _FRACTION.search(text)
    fraction = match[1] if match else ""
    bare = text[: match.start()] + text[match.end() :] if match else text
    parsed = datetime.fromisoformat(bare)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    since = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    value = (since.days * 86_400 + since.seconds) * 1_000_000_000
    value += int(fraction[:9].ljust(9, "0")) if fraction else 0
    if not 0 <= value <= MAX_NS:
        raise ValueError(f"{text!r} is outside the times that a store can hold")
    return value
