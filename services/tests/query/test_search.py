"""Text search: what matches, what does not, and how a stopped search goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.conftest import Api
from query.rows import insert
from samples import make_span
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.sql.reader import search
from tracefoundry.store.sql.reader.text_query import TextQuery


def found(api: Api, text: str) -> list[int]:
    """Trace ids as small numbers, newest first."""
    answer = api.get("/api/traces", start=0, q=text)
    assert (answer["search_complete"], answer["next_cursor"]) == (True, None)
    return [int(trace["trace_id"], 16) for trace in answer["traces"]]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("boston", True),
        ("BOSTON", True),
        ("ночь", True),
        ("ÜBER", True),
        ("天気", True),
        ('say "hi"', True),
        ("back\\slash", True),
        ("two\nlines", True),
        ("100%_", True),
        ("deep inside", True),
        ("in a list", True),
        ("with nul", True),
        ("plan trip", True),
        ("100%x", False),
        ("b_ston", False),
        ("city", False),
        ("42", False),
        ("$text", False),
    ],
)
def test_text_matches_names_and_string_values(api: Api, text: str, matches: bool) -> None:
    """Not keys, not numbers, not our tags; wildcards have no meaning; case is ignored."""
    attributes: dict[str, Any] = {
        "city": "Flight to Boston",
        "n": 42,
        "a": "Ночь, über 天気",
        "b": 'say "hi" back\\slash two\nlines 100%_',
        "c": {"k": [{"x": "deep inside"}, "in a list"]},
        "d": {"$text": "d2l0aCBudWwA"},
    }
    insert(api.engine, [make_span(1, 1, name="Plan Trip", attributes=attributes), make_span(2, 1)])
    assert found(api, text) == ([1] if matches else [])


def test_filters_hold_in_a_search(api: Api) -> None:
    """Candidates come from the list."""
    insert(api.engine, [make_span(1, 1, name="x", status=2), make_span(2, 1, name="x", start=1)])
    answer = api.get("/api/traces", start=0, q="x", status="error")
    assert [int(trace["trace_id"], 16) for trace in answer["traces"]] == [1]


def test_a_search_is_paged_by_cursor(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every match once, in order, over many small steps."""
    monkeypatch.setattr(search, "CANDIDATES", 3)
    insert(
        api.engine,
        [make_span(n, 1, start=n, name="even" if n % 2 == 0 else "odd") for n in range(1, 21)],
    )
    pages = []
    parameters: dict[str, Any] = {"start": 0, "q": "even", "limit": 4}
    while True:
        page = api.get("/api/traces", **parameters)
        pages += [int(trace["trace_id"], 16) for trace in page["traces"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert pages == list(range(20, 0, -2))


def test_a_search_without_time_goes_on_where_it_stopped(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even inside a large trace; with no budget at all, every call makes one step."""
    from query.conftest import AppClient

    monkeypatch.setattr(search, "STEP_SPANS", 5)
    large = [make_span(2, n, start=n, name="needle" if n == 18 else "hay") for n in range(1, 21)]
    insert(api.engine, [make_span(1, 1, name="needle"), *large, make_span(3, 1, start=90)])
    client = AppClient(create_app(api.store, QuerySettings(search_seconds=0)))
    parameters: dict[str, Any] = {"start": 0, "q": "needle"}
    complete, ids = [], []
    while True:
        page = client.get("/api/traces", params=parameters).json()
        complete.append(page["search_complete"])
        ids += [int(trace["trace_id"], 16) for trace in page["traces"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert (ids, complete[-1], complete[0]) == ([2, 1], True, False)
    assert len(complete) >= 5


@given(st.text(max_size=20), st.text(min_size=1, max_size=5))
def test_matching_agrees_with_a_plain_search(value: str, text: str) -> None:
    """For text without case it is substring search."""
    query = TextQuery(text)
    caseless = all(c.lower() == c.upper() == c for c in value + text)
    if text in value:
        assert query.matches(value, "{}")
    elif caseless:
        assert not query.matches(value, "{}")


@pytest.mark.parametrize("step_spans", [search.STEP_SPANS, 1])
def test_all_of_a_large_span_is_searched(
    api: Api, monkeypatch: pytest.MonkeyPatch, step_spans: int
) -> None:
    """Behind the first slice of its attributes too, in a small and in a large trace."""
    monkeypatch.setattr(search, "STEP_SPANS", step_spans)
    attributes = {f"key{n:04}": "x" * 3_000 for n in range(1_600)} | {"last": "needle"}
    many = {f"key{n:04}": "x" * 3_000 for n in range(1_600)} | {"needle": 1}
    insert(
        api.engine,
        [
            *(make_span(1, n, start=n, attributes=attributes) for n in (1, 2)),
            *(make_span(2, n, start=n, attributes=many) for n in (1, 2)),
        ],
    )
    assert found(api, "needle") == [1]
