"""Slices of a JSON column put together are the column, wherever they are cut."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.store.json_slices import (
    JsonSlice,
    MisplacedSlice,
    check_place,
    first_slice,
    read_slice,
)

TEXTS = st.text(st.sampled_from('ab"\\,[]{}: \né😀'), max_size=12)
VALUES = st.recursive(
    TEXTS | st.integers(-(2**63), 2**63) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def slices(text: str, limit: int) -> list[JsonSlice]:
    """All slices of a text."""

    def read(place: int, count: int) -> str:
        return text[place : place + count]

    found = [first_slice(text[:limit], read, limit=limit)]
    while (place := found[-1].following) is not None:
        check_place(read, place)
        found.append(read_slice(read, place, text[0], limit=limit))
    return found


@given(st.lists(VALUES, max_size=8), st.integers(200, 400), st.sampled_from([None, 0]))
def test_the_members_of_a_list_come_in_their_order(
    value: list[Any], limit: int, indent: int | None
) -> None:
    """With space between them, as PostgreSQL writes it, or without."""
    value = [member for member in value if len(orjson.dumps(member)) < limit // 2]
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    found = slices(text, limit)
    assert [member for one in found for member in orjson.loads(one.text)] == value
    assert not any(one.left_out for one in found)
    assert all(len(one.text) <= limit + 2 for one in found)


@given(st.dictionaries(TEXTS, VALUES, max_size=8), st.integers(200, 400))
def test_the_members_of_an_object_come_in_their_order(value: dict[str, Any], limit: int) -> None:
    """As those of a list do."""
    value = {key: one for key, one in value.items() if len(orjson.dumps({key: one})) < limit // 2}
    found = slices(orjson.dumps(value).decode(), limit)
    members = [pair for one in found for pair in orjson.loads(one.text).items()]
    assert members == list(value.items())


@given(st.integers(0, 40), st.integers(8, 60), TEXTS)
def test_a_member_that_fits_into_no_slice_is_skipped(before: int, limit: int, text: str) -> None:
    """What comes before and behind it is shown, and the slice says so."""
    value = {"a": before, "big": (text or "x") * 100, "c": 3}
    found = slices(orjson.dumps(value).decode(), limit)
    shown = {key: one for part in found for key, one in orjson.loads(part.text).items()}
    assert shown == {"a": before, "c": 3}
    assert [one.left_out for one in found].count(True) == 1


def test_an_object_of_a_list_that_fits_into_no_slice_shows_its_first_fields() -> None:
    """With ``cut``; the next one is whole."""
    large = {"name": "e", "attributes": {f"key{n}": "v" * 10 for n in range(100)}}
    found = slices(orjson.dumps([large, {"name": "f"}]).decode(), 200)
    first, second = [member for one in found for member in orjson.loads(one.text)]
    assert (first["name"], first["cut"], second) == ("e", True, {"name": "f"})
    assert 0 < len(first["attributes"]) < 10


@given(st.integers(0, 120))
def test_a_place_where_no_member_begins_is_refused(place: int) -> None:
    """A forged place could turn the inside of a string into an attribute."""
    text = '{"a":",\\"b\\":1","c":[1,2,{"d":3}],"e":"' + "f" * 40 + '"}'
    begins = {text.index('"a"'), text.index('"c"'), text.index('"e"')}

    def read(place: int, count: int) -> str:
        return text[place : place + count]

    if place in begins:
        check_place(read, place)
    else:
        with pytest.raises(MisplacedSlice):
            check_place(read, place)
