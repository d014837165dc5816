"""Times as people read and write them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.times import (
    DAY_NS,
    MAX_TIME_NS,
    SECOND_NS,
    date_of,
    day_of,
    day_of_date,
    parse_time_ns,
    rfc3339_microseconds,
    rfc3339_milliseconds,
)

TIMES = st.integers(0, MAX_TIME_NS)
NOON_NS = 1_763_726_400 * SECOND_NS


@given(TIMES)
def test_both_forms_are_read_back_to_their_last_decimal(time_ns: int) -> None:
    """What is cut off is smaller than one unit of the last decimal."""
    assert time_ns // 1_000_000 * 1_000_000 == parse_time_ns(rfc3339_milliseconds(time_ns))
    assert time_ns // 1_000 * 1_000 == parse_time_ns(rfc3339_microseconds(time_ns))
    assert time_ns == parse_time_ns(str(time_ns))


@pytest.mark.parametrize(
    ("time_ns", "milliseconds", "microseconds"),
    [
        (0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z"),
        (NOON_NS, "2025-11-21T12:00:00.000Z", "2025-11-21T12:00:00Z"),
        (NOON_NS + 5_006_007, "2025-11-21T12:00:00.005Z", "2025-11-21T12:00:00.005006Z"),
    ],
)
def test_the_decimals_of_each_form(time_ns: int, milliseconds: str, microseconds: str) -> None:
    """Milliseconds always have three; microseconds have six, or none."""
    assert milliseconds == rfc3339_milliseconds(time_ns)
    assert microseconds == rfc3339_microseconds(time_ns)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-21T12:00:00Z",
        "2025-11-21t12:00:00z",
        "2025-11-21 13:30:00+01:30",
        "2025-11-21T13:00:00 01:00",
        str(NOON_NS),
    ],
)
def test_all_forms_of_one_moment_are_read(text: str) -> None:
    """Offsets count, and a plus sign that a URL turned into a space is one."""
    assert NOON_NS == parse_time_ns(text)


def test_nine_decimals_are_kept() -> None:
    """A datetime would lose the last three."""
    assert NOON_NS + 123_456_789 == parse_time_ns("2025-11-21T12:00:00.123456789Z")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yesterday", "is not a time; give RFC 3339"),
        ("2025-11-21T12:00:00", "is not a time; give RFC 3339"),
        ("2025-02-30T12:00:00Z", "is not a time of any calendar"),
        ("1969-12-31T23:59:59Z", "is outside 1970 to 2262"),
        ("2263-01-01T00:00:00Z", "is outside 1970 to 2262"),
        (str(MAX_TIME_NS + 1), "later than can be stored"),
        ("9" * 40, "later than can be stored"),
    ],
)
def test_what_is_no_time_that_can_be_stored_is_refused(text: str, reason: str) -> None:
    """The message says why."""
    with pytest.raises(ValueError, match=reason):
        parse_time_ns(text)


@given(TIMES)
def test_a_day_and_its_date_name_each_other(time_ns: int) -> None:
    """Days begin at midnight UTC."""
    day = day_of(time_ns)
    assert day == day_of_date(date_of(day))
    assert datetime.datetime.fromtimestamp(time_ns // SECOND_NS, datetime.UTC).date() == date_of(
        day
    )
    assert 0 <= time_ns - day * DAY_NS < DAY_NS
