"""Moments and durations as people type them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.cli.inputs import duration_ns, moment_ns

NOW_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z
HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 500_000_000),
        ("1.5s", 1_500_000_000),
        ("2m30s", 150_000_000_000),
        ("1h 30m", 5_400_000_000_000),
        ("7d", 7 * 24 * HOUR_NS),
        ("250us", 250_000),
        ("250µs", 250_000),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, expected: int) -> None:
    """Units from nanoseconds to weeks, exactly."""
    assert expected == duration_ns(text)


@pytest.mark.parametrize("text", ["", "5", "ms", "5x", "-5s", "5s!", "1e3s", "9" * 30 + "d"])
def test_other_texts_are_no_durations(text: str) -> None:
    """A bare number is refused too: its unit would be a guess."""
    with pytest.raises(ValueError, match="is not a duration"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", NOW_NS - 24 * HOUR_NS),
        ("now", NOW_NS),
        ("all", 0),
        ("9999d", NOW_NS - 9999 * 24 * HOUR_NS),
        ("3000w", 0),
        ("1795262400000000001", 1_795_262_400_000_000_001),
        ("2026-11-21T12:00:00Z", NOW_NS),
        ("2026-11-21T13:00:00+01:00", NOW_NS),
        ("2026-11-21T12:00:00.123456789Z", NOW_NS + 123_456_789),
        ("2026-11-21T12:00:00.5+00:00", NOW_NS + 500_000_000),
        ("2026-11-21", NOW_NS - 12 * HOUR_NS),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_moments_are_read(text: str, expected: int) -> None:
    """How long ago, RFC 3339 to the nanosecond, or nanoseconds."""
    assert expected == moment_ns(text, now=NOW_NS)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "1969-12-31T23:59:59Z", "9" * 20, "-5", "9999-01-01"]
)
def test_other_texts_are_no_moments(text: str) -> None:
    """Times before 1970 and after 2262 cannot be stored either."""
    with pytest.raises(ValueError, match="is not a time"):
        moment_ns(text, now=NOW_NS)


@given(st.integers(0, 9_214_646_400_000_000))
def test_every_rfc_3339_time_is_read_exactly(microseconds: int) -> None:
    """Up to 2262, without floating point."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert microseconds * 1000 == moment_ns(moment.isoformat(), now=NOW_NS)


@given(st.text())
def test_any_text_is_a_moment_or_a_clear_error(text: str) -> None:
    """No other exception comes out, and no moment before 1970."""
    with contextlib.suppress(ValueError):
        assert moment_ns(text, now=NOW_NS) >= 0
