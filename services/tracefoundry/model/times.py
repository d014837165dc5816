"""Times, the same everywhere: nanoseconds since the Unix epoch, UTC days, RFC 3339.

Inside the platform a time is an integer of nanoseconds. A day is the unit in which data is
partitioned, stored together and dropped. People read and write RFC 3339.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS

UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
"""Units in which people write durations."""

MAX_TIME_NS: Final = 2**63 - 1
"""Latest time that a store can hold, in the year 2262."""

TIME_FORMS: Final = "RFC 3339 (2026-11-21T12:00:00Z) or integer nanoseconds since 1970"
"""What :func:`parse_time_ns` reads, for messages and documentation."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+\- ]\d\d:\d\d)"
)


def day_of(time_ns: int) -> int:
    """UTC days since the epoch."""
    return time_ns // DAY_NS


def date_of(day: int) -> datetime.date:
    """The date of a day since the epoch."""
    return _EPOCH.date() + datetime.timedelta(days=day)


def day_of_date(date: datetime.date) -> int:
    """Days since the epoch of a date."""
    return (date - _EPOCH.date()).days


def rfc3339_milliseconds(time_ns: int) -> str:
    """RFC 3339 in UTC with exactly three decimals: records of projects, tokens and the audit log.

    Raises:
        OverflowError, ValueError: a year that ``datetime`` does not have.
    """
    moment = datetime.datetime.fromtimestamp(time_ns // SECOND_NS, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}Z"


def rfc3339_microseconds(time_ns: int) -> str:
    """RFC 3339 in UTC with six decimals, none for a whole second: expiry and deletion of payloads.

    Raises:
        OverflowError: a year that ``datetime`` does not have.
    """
    moment = _EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def parse_time_ns(text: str) -> int:
    """Nanoseconds since the epoch from one of the :data:`TIME_FORMS`, none of its digits lost.

    Raises:
        ValueError: another form, or a time that cannot be stored; the message says which.
    """
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) <= 19 else MAX_TIME_NS + 1
        if number > MAX_TIME_NS:
            raise ValueError("later than can be stored (2^63 - 1 ns)")
        return number
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not a time; give {TIME_FORMS}")
    day, clock, fraction, zone = match.groups()
    # In a URL an unescaped plus sign arrives as a space.
    zone = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock}{zone}")
        number = ns_of(moment, fraction or "")
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:80]!r} is not a time of any calendar") from None
    if not 0 <= number <= MAX_TIME_NS:
        raise ValueError(f"{text[:80]!r} is outside 1970 to 2262")
    return number


def ns_of(moment: datetime.datetime, fraction: str = "") -> int:
    """Nanoseconds since the epoch of a whole second and up to nine digits of its fraction.

    ``datetime`` itself keeps microseconds only. ``moment`` has a time zone; before 1970 the result
    is negative.
    """
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_NS + int(fraction.ljust(9, "0"))
