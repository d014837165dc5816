"""Spans of a trace over HTTP: pages, skeletons, the tree, single spans, logs."""

from __future__ import annotations

from typing import Any

import pytest

from query.conftest import Api
from query.rows import insert
from samples import NOW_NS, make_log, make_span, span_id, trace_id
from tracefoundry.model.span import Event, Link

TRACE = trace_id(1).hex()
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.output_tokens": 3,
    "gen_ai.response.finish_reasons": ["stop"],
}


def hexes(*numbers: int) -> list[str]:
    """Span ids by small numbers."""
    return [span_id(number).hex() for number in numbers]


def test_a_full_span_has_the_shape_of_the_contract(api: Api) -> None:
    """Every field; the JSON of attributes, events and links as it was stored."""
    attributes = {**CALL, "big": 2**63 - 1, "double": 3.0, "bytes": {"$bytes": "AAE="}}
    span = make_span(
        1,
        1,
        status=2,
        attributes=attributes,
        events=[Event("e", 5, {"x": [1, "ü"]})],
        links=[Link(trace_id(9), span_id(8), {"why": "because"}, trace_state="k=v")],
        trace_state="a=b",
        dropped_events_count=4,
        flags=257,
    )
    span.status_message = "it broke"
    insert(api.engine, [span], [make_log(1, 1, body={"content": "hi"})])
    answer = api.get(f"/api/traces/{TRACE}/spans")
    (found,) = answer["spans"]
    (log,) = found.pop("logs")
    assert (log["name"], log["body"]) == ("gen_ai.choice", {"content": "hi"})
    assert found == {
        "trace_id": TRACE,
        "span_id": span_id(1).hex(),
        "parent_span_id": None,
        "name": "work",
        "kind": "internal",
        "status": {"code": "error", "message": "it broke"},
        "start_time_ns": str(NOW_NS),
        "end_time_ns": str(NOW_NS + 1000),
        "duration_ns": "1000",
        "flags": 257,
        "service": "agent",
        "attributes": attributes,
        "resource": {"service.name": "agent", "deployment.environment.name": "test"},
        "scope": {"name": "tests", "version": "1.0", "attributes": {}},
        "events": [{"name": "e", "time_ns": "5", "attributes": {"x": [1, "ü"]}}],
        "links": [
            {
                "trace_id": trace_id(9).hex(),
                "span_id": span_id(8).hex(),
                "attributes": {"why": "because"},
                "trace_state": "k=v",
            }
        ],
        "genai": {
            "kind": "llm",
            "operation": "chat",
            "provider": "openai",
            "request_model": "gpt-x",
            "response_model": None,
            "response_id": None,
            "finish_reasons": ["stop"],
            "agent": None,
            "tool": None,
            "tool_call_id": None,
            "conversation_id": None,
            "user_id": None,
            "input_tokens": 7,
            "output_tokens": 3,
            "cached_tokens": None,
            "cache_write_tokens": None,
            "reasoning_tokens": None,
            "cost_usd": None,
            "cost_source": None,
            "price_version": None,
            "dialect": "otel_genai",
            "counts": True,
        },
        "payloads": [],
        "redactions": [],
        "trace_state": "a=b",
        "dropped_events_count": 4,
    }
    assert answer["next_cursor"] is None


def test_a_skeleton_is_a_span_with_fewer_fields(api: Api) -> None:
    """Whatever it has, the full span has too, with the same value."""
    insert(api.engine, [make_span(1, 1, attributes=CALL), make_span(1, 2, 1, start=1, status=1)])
    skeletons = api.get(f"/api/traces/{TRACE}/spans", view="skeleton")["spans"]
    full = api.get(f"/api/traces/{TRACE}/spans")["spans"]
    assert skeletons[0]["genai"] == {
        "kind": "llm",
        "input_tokens": 7,
        "output_tokens": 3,
        "cost_usd": None,
    }
    for skeleton, span in zip(skeletons, full, strict=True):
        for name, value in skeleton.items():
            whole = span[name]
            if name in ("genai", "status") and value is not None:
                whole = {key: whole[key] for key in value}
            assert whole == value


def test_integers_keep_their_exact_digits(api: Api) -> None:
    """In the raw body, where a JavaScript client would have to look."""
    insert(api.engine, [make_span(1, 1, attributes={"n": -(2**63)})])
    assert f'"n":{" " if "postgres" in str(api.engine.url) else ""}-9223372036854775808' in (
        api.client.get(f"/api/traces/{TRACE}/spans").text
    )


@pytest.mark.parametrize("view", ["full", "skeleton"])
def test_pages_of_spans_give_every_span_once_by_start_and_id(api: Api, view: str) -> None:
    """With equal starts, and one id used twice."""
    spans = [make_span(1, n, start=n // 3) for n in range(1, 12)]
    spans.append(make_span(1, 5, start=40))
    insert(api.engine, spans)
    found: list[tuple[str, str]] = []
    parameters: dict[str, Any] = {"view": view, "limit": 5}
    while True:
        page = api.get(f"/api/traces/{TRACE}/spans", **parameters)
        found += [(span["start_time_ns"], span["span_id"]) for span in page["spans"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert found == sorted((str(x.start_time_ns), x.span_id.hex()) for x in spans)


def test_children_of_one_parent_are_paged_by_parent_id(api: Api) -> None:
    """What a cut node of the tree needs."""
    insert(api.engine, [make_span(1, 1), *(make_span(1, n, 1, start=n) for n in range(2, 6))])
    first = api.get(f"/api/traces/{TRACE}/spans", parent_id=hexes(1)[0], limit=3)
    rest = api.get(
        f"/api/traces/{TRACE}/spans", parent_id=hexes(1)[0], limit=3, cursor=first["next_cursor"]
    )
    ids = [[span["span_id"] for span in page["spans"]] for page in (first, rest)]
    assert ids == [hexes(2, 3, 4), hexes(5)]


def test_a_page_of_very_large_spans_ends_early_and_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of one answer is bounded, and nothing is lost."""
    monkeypatch.setattr("tracefoundry.store.sql.reader.page_size.PAGE_BYTES", 2500)
    insert(
        api.engine, [make_span(1, n, start=n, attributes={"t": "x" * 1000}) for n in range(1, 6)]
    )
    sizes = []
    parameters: dict[str, Any] = {}
    while "cursor" not in parameters or parameters["cursor"] is not None:
        page = api.get(f"/api/traces/{TRACE}/spans", **parameters)
        sizes.append(len(page["spans"]))
        parameters["cursor"] = page["next_cursor"]
    assert sizes == [2, 2, 1]


def test_a_span_that_ends_before_it_starts_has_duration_0_and_a_warning(api: Api) -> None:
    """Its end is kept."""
    insert(api.engine, [make_span(1, 1, duration=-5)])
    (span,) = api.get(f"/api/traces/{TRACE}/spans")["spans"]
    assert (span["end_time_ns"], span["duration_ns"], span["warnings"]) == (
        str(NOW_NS - 5),
        "0",
        ["end_before_start"],
    )


def test_usage_that_a_child_repeats_does_not_count(api: Api) -> None:
    """The agent rolls up its call; spans without usage say null."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 7}
    tool = {"gen_ai.operation.name": "execute_tool"}
    insert(
        api.engine,
        [
            make_span(1, 1, attributes=agent),
            make_span(1, 2, 1, start=1, attributes=CALL),
            make_span(1, 3, 1, start=2, attributes=tool),
        ],
    )
    spans = api.get(f"/api/traces/{TRACE}/spans")["spans"]
    assert [span["genai"]["counts"] for span in spans] == [False, True, None]


def test_counts_are_unknown_in_a_very_large_trace(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would need all of its spans."""
    monkeypatch.setattr("tracefoundry.store.sql.reader.spans.COUNTS_LIMIT", 0)
    insert(api.engine, [make_span(1, 1, attributes=CALL)])
    (span,) = api.get(f"/api/traces/{TRACE}/spans")["spans"]
    assert span["genai"]["counts"] is None


def test_a_single_span_is_found_by_id_within_its_trace(api: Api) -> None:
    """All spans with that id, by start."""
    insert(api.engine, [make_span(1, 1), make_span(1, 1, start=9, name="again"), make_span(1, 2)])
    spans = api.get(f"/api/spans/{hexes(1)[0]}", trace_id=TRACE)["spans"]
    assert [span["name"] for span in spans] == ["work", "again"]


def test_a_single_span_needs_its_trace_and_a_valid_id(api: Api) -> None:
    """400 for a missing or wrong parameter, 404 for an absent span."""
    insert(api.engine, [make_span(1, 1)])
    assert [
        api.error(f"/api/spans/{hexes(1)[0]}"),
        api.error("/api/spans/12", trace_id=TRACE),
        api.error(f"/api/spans/{hexes(3)[0]}", trace_id=TRACE),
        api.error(f"/api/traces/{TRACE}/spans", parent_id="x"),
        api.error(f"/api/traces/{TRACE}/spans", limit=10_001),
        api.error(f"/api/traces/{TRACE}/spans", view="bones"),
        api.error(f"/api/traces/{TRACE}/spans", cursor="e30"),
    ] == [
        (400, "invalid_parameter"),
        (400, "invalid_parameter"),
        (404, "span_not_found"),
        *[(400, "invalid_parameter")] * 4,
    ]


def test_the_tree_shows_roots_orphans_cycles_and_links(api: Api) -> None:
    """One of each kind."""
    insert(
        api.engine,
        [
            make_span(1, 1),
            make_span(1, 2, 1, start=1, links=[Link(trace_id(1), span_id(1))]),
            make_span(1, 3, 77, start=2, links=[Link(trace_id(5), span_id(6), {"a": 1})]),
            make_span(1, 4, 5, start=3),
            make_span(1, 5, 4, start=4),
            make_span(1, 6, 5, start=5),
        ],
    )
    tree = api.get(f"/api/traces/{TRACE}/tree")
    nested = [
        (root["span_id"], [child["span_id"] for child in root["children"]])
        for root in tree["roots"]
    ]
    assert nested == [(hexes(1)[0], hexes(2)), (hexes(3)[0], []), (hexes(6)[0], [])]
    assert tree["roots"][2]["below_cycle"] is True
    assert (tree["orphans"], tree["cycles"]) == (hexes(3), [hexes(4, 5)])
    assert tree["links"] == [
        {
            "from_span_id": hexes(2)[0],
            "trace_id": TRACE,
            "span_id": hexes(1)[0],
            "attributes": {},
            "in_trace": True,
        },
        {
            "from_span_id": hexes(3)[0],
            "trace_id": trace_id(5).hex(),
            "span_id": hexes(6)[0],
            "attributes": {"a": 1},
            "in_trace": False,
        },
    ]
    assert (tree["more_roots"], tree["more_links"], tree["truncated"]) == (0, False, False)


def test_a_very_deep_trace_is_a_tree_of_100_levels_that_encodes(api: Api) -> None:
    """The cut node says what is missing."""
    insert(api.engine, [make_span(1, n, n - 1 or None, start=n) for n in range(1, 151)])
    (node,) = api.get(f"/api/traces/{TRACE}/tree")["roots"]
    depth = 1
    while node["children"]:
        (node,) = node["children"]
        depth += 1
    assert (depth, node["more_children"], node["span_id"]) == (100, 1, hexes(100)[0])
