"""Forged cursors: whatever a caller writes into one, the answer is a page or 400."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from query.conftest import Api
from query.rows import insert
from samples import make_span, trace_id

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), 2**31, -(2**31), 0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 1.5, 2.0**63]),
    st.text(max_size=40),
    st.sampled_from(["00" * 16, "00" * 8, "zz"]),
    st.lists(st.one_of(st.integers(-(2**63), 2**64 - 1), st.text(max_size=20)), max_size=3),
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.just("00" * 8)).map(list),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2).filter(
        lambda found: all(-(2**63) <= value < 2**63 for value in found.values())
    ),
)


def parts_of(cursor: str) -> list[Any]:
    """What a cursor holds."""
    parts: list[Any] = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return parts


def forged(parts: list[Any]) -> str:
    """A cursor that holds this."""
    return urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode("ascii")


@pytest.fixture
def three(api: Api) -> Api:
    """Three traces of two spans."""
    insert(api.engine, [make_span(t, s, start=t, duration=t) for t in (1, 2, 3) for s in (1, 2)])
    return api


@pytest.mark.parametrize("sort", ["newest", "slowest", "expensive"])
@pytest.mark.parametrize("text", [None, "work"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.dictionaries(st.integers(2, 8), VALUES, min_size=1, max_size=2))
@example(changes={4: 1e308})
@example(changes={4: 2**63})
def test_a_forged_cursor_of_a_list_is_a_page_or_400(
    three: Api, sort: str, text: str | None, changes: dict[int, Any]
) -> None:
    """With the digest of the right question, so that its values reach the database."""
    question: dict[str, Any] = {"start": "0", "sort": sort, "limit": 1}
    if text is not None:
        question["q"] = text
    parts = parts_of(three.get("/api/traces", **question)["next_cursor"])
    for place, value in changes.items():
        parts[place] = value
    cursor = forged(parts)
    answer = three.client.get("/api/traces", params={**question, "cursor": cursor})
    code = answer.json().get("error", {}).get("code")
    assert (answer.status_code, code) in [(200, None), (400, "invalid_parameter")]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(value=VALUES)
def test_a_forged_cursor_of_spans_is_a_page_or_400(three: Api, value: Any) -> None:
    """The place is all that it holds."""
    path = f"/api/traces/{trace_id(1).hex()}/spans"
    parts = parts_of(three.get(path, limit=1)["next_cursor"])
    answer = three.client.get(path, params={"limit": 1, "cursor": forged([*parts[:2], value])})
    code = answer.json().get("error", {}).get("code")
    assert (answer.status_code, code) in [(200, None), (400, "invalid_parameter")]


@pytest.mark.parametrize(
    ("sort", "value", "status"),
    [
        ("slowest", 1e300, 400),
        ("slowest", 1.5, 400),
        ("slowest", 2**63, 400),
        ("slowest", 5, 200),
        ("newest", 1.5, 400),
        ("expensive", 1e300, 200),
        ("expensive", 1, 200),
        ("expensive", 2**63, 400),
    ],
)
def test_only_a_list_by_cost_has_places_that_are_no_integers(
    three: Api, sort: str, value: float, status: int
) -> None:
    """PostgreSQL cannot compare a duration with 1e300."""
    question = {"start": "0", "sort": sort, "limit": 1}
    parts = parts_of(three.get("/api/traces", **question)["next_cursor"])
    parts[4] = value
    answer = three.client.get("/api/traces", params={**question, "cursor": forged(parts)})
    assert answer.status_code == status


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cursor=st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60).map(lambda raw: urlsafe_b64encode(raw).decode("ascii")),
    )
)
def test_any_text_as_a_cursor_is_400(three: Api, cursor: str) -> None:
    """Nothing but our own gets through; an empty one counts as not given."""
    answer = three.client.get("/api/traces", params={"start": "0", "cursor": cursor})
    assert answer.status_code == (400 if cursor else 200)
