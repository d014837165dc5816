"""Cutting message lists at their messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.payloads.segments import MAX_ELEMENTS, split

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", " : ")])
INDENTS = st.sampled_from([None, 0, 2])


@given(
    values=st.lists(JSON, min_size=2, max_size=8),
    separators=SEPARATORS,
    indent=INDENTS,
    escape=st.booleans(),
)
def test_pieces_of_any_array_give_its_exact_bytes(
    values: list[object], separators: tuple[str, str], indent: int | None, escape: bool
) -> None:
    """Concatenation is byte-equal, and the odd pieces are the elements."""
    text = json.dumps(values, separators=separators, indent=indent, ensure_ascii=escape)
    value = f" {text}\n".encode("utf-8", "surrogatepass")
    pieces = split(value) or []
    elements = [json.loads(piece.decode("utf-8", "surrogatepass")) for piece in pieces[1::2]]
    assert (value, values) == (b"".join(pieces), elements)


@given(value=st.binary(max_size=200) | st.text('[]{},"\\ 1a\n', max_size=60).map(str.encode))
def test_any_bytes_are_cut_exactly_or_not_at_all(value: bytes) -> None:
    """Whatever comes, nothing is lost."""
    pieces = split(value)
    assert pieces is None or value == b"".join(pieces)


@given(
    values=st.lists(JSON, min_size=2, max_size=6),
    more=st.lists(JSON, min_size=1, max_size=4),
    separators=SEPARATORS,
    indent=INDENTS,
)
def test_a_grown_list_shares_all_earlier_pieces(
    values: list[object], more: list[object], separators: tuple[str, str], indent: int | None
) -> None:
    """Only the closing bracket's piece differs."""

    def pieces(elements: list[object]) -> list[bytes]:
        return split(json.dumps(elements, separators=separators, indent=indent).encode()) or []

    before, after = pieces(values), pieces(values + more)
    assert before[:-1] == after[: len(before) - 1]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"[1]",
        b"{}",
        b'"[1,2]"',
        b"[1,2",
        b"[1,2] 3",
        b"[1,]",
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_what_is_no_list_of_several_elements_stays_whole(value: bytes) -> None:
    """Other values are not cut."""
    assert None is split(value)


@pytest.mark.parametrize(
    "value",
    [
        b"[" + b"1," * MAX_ELEMENTS + b"1]",
        b"[" + b"1," * 500_000 + b"1]",
        b"[1," + b" " * 1000 + b"2]",
        b"[1,2" + b" " * 1000 + b"]",
    ],
)
def test_arrays_of_data_stay_whole(value: bytes) -> None:
    """Very many elements or much white space are no conversation."""
    assert None is split(value)
