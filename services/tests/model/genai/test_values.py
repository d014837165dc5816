"""Values as senders write them, and the bounds of what is parsed."""

from __future__ import annotations

from typing import Any

import pytest

from tracefoundry.model.genai.key_memo import MAX_KEY_CHARS, MAX_KEYS, KeyMemo
from tracefoundry.model.genai.values import (
    MAX_PARSED_CHARS,
    MAX_REPR_CHARS,
    amount,
    count,
    parse_object,
    parse_object_or_repr,
    texts,
)


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "",
        "twelve",
        "1.5",
        "0x1",
        "1_0",
        "\u0661",
        "nan",
        "1" * 21,
        "1e99",
        -1,
        None,
        True,
        1.5,
        2**63,
        float("nan"),
        float("inf"),
        1e300,
        [1],
        {},
    ],
)
def test_what_is_no_count_is_unknown(value: Any) -> None:
    """Nothing is made a count."""
    assert count(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12", 12), (" 7 ", 7), ("12.0", 12), ("1.2E7", 12_000_000), (3, 3), (4.0, 4), ("0", 0),
     (str(2**63 - 1), 2**63 - 1), (str(2**63), None)],
)  # fmt: skip
def test_counts_are_whole_numbers_also_in_strings(value: Any, expected: int | None) -> None:
    """Java's frameworks write them as text."""
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (0.5, 0.5), ("0.25", 0.25), (0, 0.0), (-1, None), ("nan", None), ("1e999", None),
     ("1e13", None), (1e308, None), (10**12, 1e12), ("x", None), (True, None), (None, None),
     ("1" * 40, None), (10**400, None)],
)  # fmt: skip
def test_amounts_are_finite_and_not_negative(value: Any, expected: float | None) -> None:
    """Numbers, also in strings."""
    assert expected == amount(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("stop", ["stop"]), (["a", "b"], ["a", "b"]), ('["a"]', ["a"]), ("[a", ["[a"]), ("", None),
     ([], None), ([1], None), ("[1]", None), (3, None)],
)  # fmt: skip
def test_lists_of_texts_come_in_three_shapes(value: Any, expected: list[str] | None) -> None:
    """A list, a text, a JSON array in a text."""
    assert expected == texts(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{'a': 1, 'b': None, 'c': {'d': True, 'e': False}}",
         {"a": 1, "b": None, "c": {"d": True, "e": False}}),
        ('{"a": 1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("{'a': \"it's\"}", None),
        ("{'a': '\\n'}", None),
        ("{'a': Wrapper(b=1)}", None),
        ("{'a': __import__('os')}", None),
        ("{" * 2000, None),
        ("{'a': " + "1" * MAX_REPR_CHARS + "}", None),
        (7, None),
    ],
)  # fmt: skip
def test_reprs_of_plain_dicts_are_read_and_nothing_else(value: Any, expected: Any) -> None:
    """They are rewritten to JSON, never evaluated."""
    assert expected == parse_object_or_repr(value)


def test_long_json_is_not_parsed() -> None:
    """It is content, not usage."""
    assert parse_object('{"a": "' + "x" * MAX_PARSED_CHARS + '"}') is None


def test_the_memory_of_keys_is_bounded() -> None:
    """By number and by length, whatever senders make up."""
    asked: list[str] = []

    def classify(key: str) -> int:
        asked.append(key)
        return len(key)

    memo = KeyMemo(classify)
    assert [memo["a"], memo["a"], memo["b"]] == [1, 1, 1]
    assert asked == ["a", "b"]
    long = "x" * (MAX_KEY_CHARS + 1)
    assert memo[long] == len(long)
    assert long not in memo
    for number in range(3 * MAX_KEYS):
        assert memo[str(number)] == len(str(number))
        assert len(memo) <= MAX_KEYS
