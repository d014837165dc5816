"""The tagged JSON form keeps every value's type."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model import attributes


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (0.5, 0.5),
        (3.0, 3.0),
        (-0.0, {"$double": "-0.0"}),
        (math.inf, {"$double": "Infinity"}),
        (-math.inf, {"$double": "-Infinity"}),
        (1e15, {"$double": "1000000000000000.0"}),
        (1e30, {"$double": "1e+30"}),
        (999_999_999_999_999.0, 999_999_999_999_999.0),
    ],
)
def test_doubles_that_jsonb_would_lose_are_tagged(value: float, form: Any) -> None:
    """Everything else is a plain number."""
    assert attributes.double(value) == form


@given(st.floats())
def test_any_double_comes_back_through_json(value: float) -> None:
    """Form, JSON text and back give the same double, sign of zero and NaN included."""
    form = orjson.loads(orjson.dumps(attributes.double(value)))
    back = attributes.untag(form) if attributes.tag_of(form) else form
    assert type(back) is float
    assert math.isnan(back) if math.isnan(value) else math.copysign(1, back) * abs(back) == value


@given(st.binary())
def test_bytes_come_back(value: bytes) -> None:
    """Base64 inside a tag."""
    form = attributes.raw_bytes(value)
    assert (attributes.tag_of(form), attributes.untag(form)) == ("$bytes", value)


def test_text_with_nul_is_tagged() -> None:
    """PostgreSQL's text and jsonb cannot hold U+0000."""
    assert attributes.text("a\x00b") == {"$text": "YQBi"}
    assert attributes.text("ab") == "ab"


def test_an_object_that_looks_like_a_tag_is_wrapped() -> None:
    """So a tag is never mistaken for content, nor content for a tag."""
    lookalike = {"$bytes": "YQ=="}
    form = attributes.obj(lookalike)
    assert form == {"$object": lookalike}
    assert attributes.untag(form) == lookalike
    assert attributes.obj({"a": 1, "$b": 2}) == {"a": 1, "$b": 2}


def test_untagging_natural_json_is_an_error() -> None:
    """A caller must ask for the tag first."""
    with pytest.raises(ValueError, match="not a tagged value"):
        attributes.untag({"a": 1})
