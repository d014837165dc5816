"""Figures for people, and text that a terminal only shows."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.cli.display import (
    exact_time,
    human_cost,
    human_count,
    human_duration,
    human_time,
    safe,
)

NOON_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z
HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (0, "0s"),
        (1, "1ns"),
        (999, "999ns"),
        (1_000, "1µs"),
        (999_499, "999µs"),
        (999_500, "1.0ms"),
        (1_240_000, "1.2ms"),
        (9_949_999, "9.9ms"),
        (9_950_000, "10ms"),
        (350_000_000, "350ms"),
        (999_499_999, "999ms"),
        (999_500_000, "1.00s"),
        (1_240_000_000, "1.24s"),
        (9_994_999_999, "9.99s"),
        (9_995_000_000, "10.0s"),
        (59_949_999_999, "59.9s"),
        (59_950_000_000, "1m00s"),
        (123_000_000_000, "2m03s"),
        (3_599_400_000_000, "59m59s"),
        (3_599_500_000_000, "1h00m"),
        (3_900_000_000_000, "1h05m"),
        (48 * HOUR_NS, "2d00h"),
        (2**63 - 1, "106752d00h"),
    ],
)
def test_durations_read_at_a_glance(ns: int, expected: str) -> None:
    """Three digits or so, and no 60s or 1000ms at the edges."""
    assert expected == human_duration(ns)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, ""),
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (999_949, "999.9k"),
        (999_950, "1.00M"),
        (4_560_000, "4.56M"),
        (7_000_000_000, "7.00G"),
    ],
)
def test_counts_stay_short(count: int | None, expected: str) -> None:
    """Exact while that is short; unknown is nothing, never 0."""
    assert expected == human_count(count)


@pytest.mark.parametrize(
    ("cost", "expected"), [(None, ""), (0.0, "$0.00"), (0.00123, "$0.0012"), (12.5, "$12.50")]
)
def test_costs_keep_small_ones_apart(cost: float | None, expected: str) -> None:
    """Most calls cost far less than a cent."""
    assert expected == human_cost(cost)


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (NOON_NS - HOUR_NS, "11:00:00"),
        (NOON_NS - 13 * HOUR_NS, "Nov 20 23:00"),
        (NOON_NS - 400 * 24 * HOUR_NS, "2025-10-17"),
    ],
)
def test_times_name_the_day_unless_it_is_today(ns: int, expected: str) -> None:
    """A list of today's traces needs no dates."""
    assert expected == human_time(ns, now_ns=NOON_NS, zone=UTC)


def test_times_are_local() -> None:
    """The person's own clock, the day included."""
    east = timezone(timedelta(hours=14))
    assert "Nov 22 01:00" == human_time(NOON_NS - HOUR_NS, now_ns=NOON_NS - 3 * HOUR_NS, zone=east)


def test_exact_times_are_rfc_3339() -> None:
    """With milliseconds, in UTC; beyond the calendar, the bare number."""
    assert "2026-11-21T12:00:00.007Z" == exact_time(NOON_NS + 7_999_999)
    assert str(10**30) == exact_time(10**30)


def test_control_characters_become_visible() -> None:
    """Escapes, C1 controls, deletes and line ends."""
    assert "a␛[31mb␀c␡\\u009b2J␊\\u2028" == safe("a\x1b[31mb\x00c\x7f\x9b2J\n\u2028")


def test_direction_overrides_become_visible() -> None:
    """A name cannot turn the rest of the line around."""
    assert "x\\u202egnp.exe" == safe("x\u202egnp.exe")


def test_ordinary_text_of_any_language_is_left_alone() -> None:
    """Also emoji that are joined from several characters."""
    text = "注文 [bold]領収書[/bold] žluťoučký 👩\u200d🔬"
    assert text == safe(text)


@given(st.text(alphabet=st.characters()))
def test_no_text_brings_a_control_character_through(text: str) -> None:
    """Whatever the text: nothing below space, no DEL, no C1."""
    shown = safe(text)
    assert [] == [char for char in shown if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0]
