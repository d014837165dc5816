"""The trace list, single traces, deleting and statistics over HTTP, on every database."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa

from query.conftest import Api
from query.rows import add_project, insert
from samples import NOW_NS, make_log, make_span, trace_id
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.span import Resource, Span
from tracefoundry.store.sql import tables

MS = 1_000_000
DAY_NS = 86_400 * 1_000_000_000


def llm_attributes(model: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """Attributes of a model call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
    }


def three_traces() -> list[Span]:
    """1: shop, a model and two tools, ok; 2: shop and bank, failed, slow; 3: bank, plain."""
    bank = Resource({"service.name": "bank", "deployment.environment.name": "prod"})
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "web_search"}
    return [
        make_span(1, 1, start=0, duration=30 * MS, name="first", status=1),
        make_span(1, 2, 1, start=MS, attributes=llm_attributes("gpt-x", 100, 20)),
        make_span(1, 3, 1, start=2 * MS, attributes=tool),
        make_span(2, 1, start=10 * MS, duration=500 * MS, name="second"),
        make_span(2, 2, 1, start=11 * MS, status=2, resource=bank),
        make_span(
            2,
            3,
            1,
            start=12 * MS,
            attributes={**llm_attributes("other", 5, 5), "gen_ai.tool.name": 'quo"te'},
        ),
        make_span(3, 1, start=20 * MS, duration=MS, name="third", resource=bank),
    ]


def listed(api: Api, **parameters: object) -> list[int]:
    """The listed trace ids as small numbers."""
    answer = api.get("/api/traces", start=0, **parameters)
    return [int(trace["trace_id"], 16) for trace in answer["traces"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"sort": "slowest"}, [2, 1, 3]),
        ({"service": "bank"}, [3, 2]),
        ({"service": "ban"}, []),
        ({"environment": "prod"}, [3]),
        ({"status": "error"}, [2]),
        ({"status": "ok"}, [1]),
        ({"status": "unset"}, [3]),
        ({"model": "gpt-x"}, [1]),
        ({"tool": "b_sea"}, [1]),
        ({"tool": "b%sea"}, []),
        ({"tool": '", "'}, []),
        ({"tool": 'quo"t'}, [2]),
        ({"min_duration_ms": 30, "max_duration_ms": 400}, [1]),
        ({"min_tokens": 11}, [1]),
        ({"max_tokens": 10}, [2]),
        ({"min_tokens": 2**63 - 1}, []),
        ({"min_cost_usd": 0}, []),
        ({"project": "default"}, [3, 2, 1]),
        ({"service": "bank", "status": "error"}, [2]),
        ({"service": ""}, [3, 2, 1]),
        ({"end": str(NOW_NS + 20 * MS)}, [2, 1]),
        ({"service": "it's \"%\\"}, []),
    ],
)
def test_filters_and_sorts_of_the_list(api: Api, parameters: Any, expected: list[int]) -> None:
    """Each filter alone, and two together."""
    insert(api.engine, three_traces())
    assert listed(api, **parameters) == expected


def test_a_trace_in_the_list_has_the_shape_of_the_contract(api: Api) -> None:
    """Every field, with unknown ones null."""
    insert(api.engine, three_traces()[:3])
    assert api.get("/api/traces", start=0)["traces"] == [
        {
            "trace_id": trace_id(1).hex(),
            "project": "default",
            "source": "otlp",
            "root_name": "first",
            "service": "agent",
            "services": ["agent"],
            "environment": "test",
            "original_environment": None,
            "status": "ok",
            "start_time_ns": str(NOW_NS),
            "end_time_ns": str(NOW_NS + 30 * MS),
            "duration_ns": str(30 * MS),
            "span_count": 3,
            "error_count": 0,
            "models": ["gpt-x"],
            "tools": ["web_search"],
            "agent": None,
            "conversation_id": None,
            "user_id": None,
            "input_tokens": 100,
            "output_tokens": 20,
            "cached_tokens": None,
            "reasoning_tokens": None,
            "cost_usd": None,
            "cost_source": None,
            "totals_pending": False,
            "running": False,
            "started_ns": None,
            "missing": {"roots": False, "parents": 0, "expired": False},
        }
    ]


def test_one_trace_is_the_same_object_as_in_the_list(api: Api) -> None:
    """``GET /api/traces/{id}``, in either case of hex."""
    insert(api.engine, three_traces())
    (first,) = api.get("/api/traces", start=0, service="agent", status="ok")["traces"]
    assert api.get(f"/api/traces/{first['trace_id'].upper()}") == first


@pytest.mark.parametrize("sort", ["newest", "slowest", "expensive"])
@pytest.mark.parametrize("projects", [1, 3])
def test_pages_by_cursor_give_every_trace_once_in_order(api: Api, sort: str, projects: int) -> None:
    """Equal starts, durations and costs, unknown costs, and one trace id in several projects."""
    for project in range(1, projects + 1):
        if project > 1:
            add_project(api.engine, project, f"p{project}")
        spans = [make_span(n, 1, start=n // 4 * MS, duration=n % 3 * MS + 1) for n in range(1, 14)]
        insert(api.engine, spans, project=project)
    with api.engine.begin() as connection:
        for n in range(1, 8):
            connection.execute(
                sa.update(tables.traces)
                .where(tables.traces.c.trace_id == trace_id(n))
                .values(cost_usd=n % 3 / 10)
            )
    whole = api.get("/api/traces", start=0, sort=sort, limit=1000)["traces"]
    paged: list[Any] = []
    parameters: dict[str, Any] = {"start": 0, "sort": sort, "limit": 4}
    while True:
        page = api.get("/api/traces", **parameters)
        paged += page["traces"]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]

    def key(trace: dict[str, Any]) -> tuple[float, int, str]:
        cost = -1.0 if trace["cost_usd"] is None else trace["cost_usd"]
        value = {"newest": 0, "slowest": int(trace["duration_ns"]), "expensive": cost}[sort]
        return (value, int(trace["start_time_ns"]), trace["trace_id"])

    assert paged == whole
    assert len({(trace["project"], trace["trace_id"]) for trace in whole}) == 13 * projects
    assert [key(trace) for trace in whole] == sorted(map(key, whole), reverse=True)


def test_the_window_of_the_first_page_stays_for_all_pages(api: Api) -> None:
    """The default start moves with the clock; a cursor keeps it."""
    insert(api.engine, three_traces())
    first = api.get("/api/traces", limit=1)
    second = api.get("/api/traces", limit=1, cursor=first["next_cursor"])
    assert (first["start_ns"], first["end_ns"]) == (second["start_ns"], second["end_ns"])


def test_without_start_only_the_last_day_is_listed(api: Api) -> None:
    """And the answer says from when on."""
    insert(api.engine, [make_span(1, 1, start=-2 * DAY_NS), make_span(2, 1)])
    answer = api.get("/api/traces")
    assert [int(trace["trace_id"], 16) for trace in answer["traces"]] == [2]
    assert int(answer["end_ns"]) - int(answer["start_ns"]) == 2 * DAY_NS


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"sevrice": "shop"}, "sevrice"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "oldest"}, "sort"),
        ({"status": "OK"}, "status"),
        ({"start": "yesterday"}, "start"),
        ({"start": "-5"}, "start"),
        ({"start": str(2**63)}, "start"),
        ({"start": "9" * 50}, "start"),
        ({"start": "2026-02-30T00:00:00Z"}, "start"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "end"),
        ({"min_tokens": -1}, "min_tokens"),
        ({"min_tokens": 2**63}, "min_tokens"),
        ({"min_duration_ms": "nan"}, "min_duration_ms"),
        ({"max_cost_usd": "inf"}, "max_cost_usd"),
        ({"cursor": "abc"}, "cursor"),
        ({"cursor": "äöü"}, "cursor"),
        ({"service": "a\x00b"}, "service"),
        ({"service": ["a", "b"]}, "service"),
    ],
)
def test_a_wrong_parameter_is_400_and_named(api: Api, parameters: Any, named: str) -> None:
    """Never 422, never a wider answer, never a traceback."""
    answer = api.client.get("/api/traces", params=parameters)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_parameter")
    assert error["message"].startswith(f"{named}: ")


def test_a_cursor_of_another_question_is_400(api: Api) -> None:
    """It would skip rows silently."""
    insert(api.engine, three_traces())
    cursor = api.get("/api/traces", start=0, limit=1)["next_cursor"]
    assert api.error("/api/traces", start=0, limit=1, sort="slowest", cursor=cursor) == (
        400,
        "invalid_parameter",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T12:00:00Z", 1795262400 * 10**9),
        ("2026-11-21T13:00:00.000000001+01:00", 1795262400 * 10**9 + 1),
        ("2026-11-21t12:00:00z", 1795262400 * 10**9),
        ("17", 17),
    ],
)
def test_times_are_rfc_3339_or_nanoseconds(api: Api, text: str, expected: int) -> None:
    """To the nanosecond."""
    assert api.get("/api/traces", start=text, end=str(2**62))["start_ns"] == str(expected)


def test_unknown_projects_ids_and_paths_are_told_apart(api: Api) -> None:
    """Each error has its own code."""
    insert(api.engine, three_traces())
    absent = trace_id(99).hex()
    assert [
        api.error("/api/traces", project="nope"),
        api.error(f"/api/traces/{absent}"),
        api.error("/api/traces/xyz"),
        api.error(f"/api/traces/{'0' * 32}"),
        api.error("/api/nothing"),
    ] == [
        (404, "unknown_project"),
        (404, "trace_not_found"),
        (400, "invalid_parameter"),
        (400, "invalid_parameter"),
        (404, "not_found"),
    ]


def test_a_wrong_method_is_405_in_our_shape(api: Api) -> None:
    """With the methods that are allowed."""
    answer = api.client.request("PATCH", "/api/stats")
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["allow"]) == (
        405,
        "method_not_allowed",
        "GET",
    )


def test_a_trace_id_in_two_projects_is_ambiguous_until_one_is_named(api: Api) -> None:
    """409 names them."""
    add_project(api.engine, 2, "second")
    insert(api.engine, [make_span(1, 1)])
    insert(api.engine, [make_span(1, 1, name="theirs")], project=2)
    path = f"/api/traces/{trace_id(1).hex()}"
    answer = api.client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ambiguous_project")
    assert "default, second" in answer.json()["error"]["message"]
    assert api.get(path, project="second")["root_name"] == "theirs"


def test_a_deleted_trace_is_gone_with_its_spans_and_logs(api: Api) -> None:
    """The receipt counts them; reads say 410 from then on; the neighbour stays."""
    insert(api.engine, three_traces(), [make_log(1, 2), make_log(2, 1)])
    path = f"/api/traces/{trace_id(1).hex()}"
    receipt = api.client.delete(path).json()
    assert receipt.pop("completed_at").endswith("Z")
    assert receipt == {
        "traces": 1,
        "spans": 3,
        "logs": 1,
        "payload_refs": 0,
        "objects": [],
        "objects_total": 0,
        "kept_shared": 0,
    }
    assert [api.error(path), api.error(f"{path}/spans")] == [(410, "trace_deleted")] * 2
    assert api.client.delete(path).status_code == 410
    assert listed(api) == [3, 2]
    with api.engine.connect() as connection:
        (tombstone,) = connection.execute(sa.select(tables.tombstones)).all()
    assert tombstone.trace_id == trace_id(1)
    # A span that starts a day ahead, as far as ingest accepts, is in the window for 8 days.
    assert tombstone.keep_until_ns == tombstone.deleted_at_ns + WINDOW_AHEAD_NS + 7 * DAY_NS


def test_a_tombstone_that_is_over_is_forgotten(api: Api) -> None:
    """The trace is then one that nobody knows, and its id may come again."""
    insert(api.engine, three_traces())
    path = f"/api/traces/{trace_id(1).hex()}"
    api.client.delete(path)
    statuses = [api.error(path)]
    with api.engine.begin() as connection:
        connection.execute(sa.update(tables.tombstones).values(keep_until_ns=time.time_ns() - 1))
    statuses.append(api.error(path))
    assert statuses == [(410, "trace_deleted"), (404, "trace_not_found")]


def test_delete_before_takes_the_traces_that_ended_before(api: Api) -> None:
    """By trace end: the second trace starts before the third, but ends after the time."""
    insert(api.engine, three_traces())
    before = NOW_NS + 100 * MS
    receipt = api.client.delete("/api/traces", params={"before": str(before)}).json()
    assert (receipt["traces"], receipt["spans"], listed(api)) == (2, 4, [2])


def test_delete_before_works_through_more_than_one_batch(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of two traces, and of one large one."""
    monkeypatch.setattr("tracefoundry.store.sql.deletion.by_request.BATCH_TRACES", 2)
    insert(api.engine, [make_span(n, 1, start=n) for n in range(1, 8)])
    receipt = api.client.delete("/api/traces", params={"before": str(NOW_NS + 1_000_000)}).json()
    assert (receipt["traces"], receipt["spans"], listed(api)) == (7, 7, [])


def test_delete_without_before_is_400(api: Api) -> None:
    """Nobody deletes everything by forgetting a parameter."""
    answer = api.client.delete("/api/traces")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameter")


def test_statistics_by_service(api: Api) -> None:
    """Nearest-rank percentiles, failed spans, and usage of model calls."""
    insert(api.engine, three_traces())
    answer = api.get("/api/stats", start=0, by="service")
    assert answer["groups"] == [
        {
            "key": "agent",
            "traces": 2,
            "spans": 5,
            "errors": 0,
            "p50_ns": "1000",
            "p95_ns": str(500 * MS),
            "input_tokens": 105,
            "output_tokens": 25,
            "cost_usd": None,
        },
        {
            "key": "bank",
            "traces": 2,
            "spans": 2,
            "errors": 1,
            "p50_ns": "1000",
            "p95_ns": str(MS),
            "input_tokens": None,
            "output_tokens": None,
            "cost_usd": None,
        },
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", [("gpt-x", 100), ("other", 5)]),
        ("tool", [('quo"te', 5), ("web_search", None)]),
        ("agent", []),
    ],
)
def test_statistics_by_other_groups(api: Api, by: str, expected: Any) -> None:
    """Only spans that have one."""
    insert(api.engine, three_traces())
    groups = api.get("/api/stats", start=0, by=by)["groups"]
    assert [(group["key"], group["input_tokens"]) for group in groups] == expected


def test_statistics_sum_huge_token_counts_exactly(api: Api) -> None:
    """A sender may claim 2^63 - 1 tokens twice."""
    huge = llm_attributes("m", 2**63 - 1, 1)
    insert(api.engine, [make_span(1, n, start=n, attributes=huge) for n in (1, 2)])
    (group,) = api.get("/api/stats", start=0, by="model")["groups"]
    assert group["input_tokens"] == 2**64 - 2
    assert listed(api, min_tokens=2**63 - 1) == [1]


def test_statistics_beyond_64_bits_are_exact(api: Api) -> None:
    """Three calls are enough to pass what the JSON encoder takes."""
    usage = {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": 2**62}
    calls = [
        make_span(1, number, attributes={"gen_ai.request.model": "m", **usage})
        for number in (1, 2, 3)
    ]
    insert(api.engine, calls)
    (group,) = api.get("/api/stats", start=0, by="model")["groups"]
    assert (group["input_tokens"], group["output_tokens"]) == (3 * (2**63 - 1), 3 * 2**62)


def test_statistics_name_spans_without_a_service_null(api: Api) -> None:
    """They are not dropped."""
    insert(api.engine, [make_span(1, 1, resource=Resource({}))])
    assert [group["key"] for group in api.get("/api/stats", start=0)["groups"]] == [None]
