"""Who is whose parent, where span ids are used twice."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.parents import parents_of


class S(NamedTuple):
    """A span with small ids."""

    span_id: bytes
    parent_span_id: bytes | None
    start_time_ns: int
    end_time_ns: int


def s(number: int, parent: int | None = None, start: int = 0, end: int = 10) -> S:
    """A span by numbers; parent 0 is an empty id, as on the wire."""
    parent_id = None if parent is None else b"" if parent == 0 else bytes([parent])
    return S(bytes([number]), parent_id, start, end)


def test_a_span_without_a_parent_or_with_an_absent_one_has_none() -> None:
    """None, an empty id, and an id that nobody has."""
    assert parents_of([s(1), s(2, 0), s(3, 9)]) == [None, None, None]


def test_of_doubles_the_one_whose_interval_holds_the_child_is_the_parent() -> None:
    """The later one, which the child lies in."""
    assert parents_of([s(1, end=10), s(1, start=20, end=30), s(2, 1, 22, 23)])[2] == 1


def test_of_doubles_that_hold_the_child_the_earliest_is_the_parent() -> None:
    """Whatever order they come in."""
    assert parents_of([s(2, 1, 5, 6), s(1, start=4, end=9), s(1, start=3, end=7)])[0] == 2


def test_of_doubles_that_do_not_hold_the_child_the_earliest_is_the_parent() -> None:
    """A double that holds its start only is none that holds it."""
    assert parents_of([s(1, start=20, end=30), s(1, end=10), s(2, 1, 25, 35)])[2] == 1


def test_a_hundred_thousand_doubles_do_not_cost_their_square() -> None:
    """Each is compared with a few: within the time that any test may take."""
    doubles = [s(1, 1, start=n, end=n + 1) for n in range(100_000)]
    assert parents_of([*doubles, s(2, 1, 99_000, 99_001)])[-1] == 99_000


span = st.builds(
    s,
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(0, 5)),
    st.integers(0, 6),
    st.integers(0, 9),
)


@given(st.lists(span, max_size=20))
def test_parents_agree_with_the_rule_word_by_word(spans: list[S]) -> None:
    """Of the spans with the parent's id: the earliest that holds the child, else the earliest."""

    def rule(child: S) -> S | None:
        same = [other for other in spans if other.span_id == child.parent_span_id]
        holding = [
            other
            for other in same
            if other.start_time_ns <= child.start_time_ns and other.end_time_ns >= child.end_time_ns
        ]
        return min(
            holding or same,
            key=lambda other: (other.start_time_ns, other.end_time_ns),
            default=None,
        )

    def place(found: S | None) -> tuple[bytes, int, int] | None:
        return found and (found.span_id, found.start_time_ns, found.end_time_ns)

    parents = [None if index is None else spans[index] for index in parents_of(spans)]
    assert [place(parent) for parent in parents] == [place(rule(child)) for child in spans]
