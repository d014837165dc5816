"""The size of one answer: what is stored once and shown with every span counts every time."""

from __future__ import annotations

from typing import Any

import pytest

from query.conftest import Api
from query.rows import insert
from samples import make_log, make_span, span_id, trace_id
from tracefoundry.model.span import Resource, Scope

TRACE = trace_id(1).hex()


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of 2,500 bytes and 10 logs."""
    monkeypatch.setattr("tracefoundry.store.sql.reader.page_size.PAGE_BYTES", 2_500)
    monkeypatch.setattr("tracefoundry.store.sql.reader.page_size.LOGS_LIMIT", 10)


def pages(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    """All pages of the trace's full spans."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["next_cursor"] is not None:
        if found:
            parameters["cursor"] = found[-1]["next_cursor"]
        found.append(api.get(f"/api/traces/{TRACE}/spans", **parameters))
    return found


def sizes(answers: list[dict[str, Any]]) -> list[int]:
    """Spans on each page."""
    return [len(answer["spans"]) for answer in answers]


def test_a_resource_counts_with_every_span_that_shows_it(api: Api) -> None:
    """It is stored once; a page of many spans of it would be many times its size."""
    resource = Resource({"service.name": "agent", "process.command_args": "x" * 1_000})
    insert(api.engine, [make_span(1, n, start=n, resource=resource) for n in range(1, 6)])
    answers = pages(api)
    ids = [span["span_id"] for answer in answers for span in answer["spans"]]
    assert sizes(answers) == [2, 2, 1]
    assert ids == [span_id(n).hex() for n in range(1, 6)]


def test_a_scope_counts_with_every_span_that_shows_it(api: Api) -> None:
    """As a resource does."""
    spans = [make_span(1, n, start=n) for n in range(1, 4)]
    for span in spans:
        span.scope = Scope("tests", "1.0", {"note": "x" * 1_500})
    insert(api.engine, spans)
    assert sizes(pages(api)) == [1, 1, 1]


def test_names_and_messages_count(api: Api) -> None:
    """Not only attributes can be long."""
    spans = [make_span(1, n, start=n, name="n" * 600) for n in range(1, 4)]
    for span in spans:
        span.status_message = "m" * 600
    insert(api.engine, spans)
    assert sizes(pages(api)) == [1, 1, 1]


def test_sizes_are_bytes_and_not_characters(api: Api) -> None:
    """A character may be four bytes of an answer."""
    text = "\N{GRINNING FACE}" * 500
    insert(api.engine, [make_span(1, n, start=n, attributes={"t": text}) for n in range(1, 4)])
    assert sizes(pages(api)) == [1, 1, 1]


def test_logs_count_with_the_span_they_are_shown_in(api: Api) -> None:
    """The second span's logs make the page too large; none of them is lost."""
    logs = [make_log(1, n, time_offset=m, body="b" * 200) for n in (1, 2, 3) for m in range(5)]
    insert(api.engine, [make_span(1, n, start=n) for n in (1, 2, 3)], logs)
    answers = pages(api)
    assert sizes(answers) == [1, 1, 1]
    assert [len(answer["spans"][0]["logs"]) for answer in answers] == [5, 5, 5]
    assert not any("logs_truncated" in answer for answer in answers)


def test_a_page_ends_before_its_logs_are_too_many(api: Api) -> None:
    """By their number, however small they are."""
    logs = [make_log(1, n, time_offset=m) for n in (1, 2, 3) for m in range(5)]
    insert(api.engine, [make_span(1, n, start=n) for n in (1, 2, 3)], logs[:12])
    answers = pages(api)
    assert [[len(span["logs"]) for span in answer["spans"]] for answer in answers] == [[5, 5], [2]]


def test_two_spans_with_one_id_each_count_its_logs(api: Api) -> None:
    """Both show the same logs."""
    logs = [make_log(1, 1, time_offset=m, body="b" * 200) for m in range(5)]
    insert(api.engine, [make_span(1, 1, start=n) for n in range(3)], logs)
    assert sizes(pages(api)) == [1, 1, 1]


def test_logs_of_one_span_that_are_too_large_are_cut_visibly(api: Api) -> None:
    """The earliest ones are shown, and the answer says that there are more."""
    logs = [make_log(1, 1, time_offset=m, body=f"{m}" + "b" * 1_000) for m in range(6)]
    insert(api.engine, [make_span(1, 1), make_span(1, 2, start=1)], logs)
    first, second = pages(api)
    shown = [log["body"][0] for log in first["spans"][0]["logs"]]
    assert (shown, first["logs_truncated"]) == (["0", "1"], True)
    assert ("logs_truncated" in second, len(second["spans"])) == (False, 1)


def test_logs_of_one_span_that_are_too_many_are_cut_visibly(api: Api) -> None:
    """By number, too."""
    logs = [make_log(1, 1, time_offset=m) for m in range(12)]
    insert(api.engine, [make_span(1, 1), make_span(1, 2, start=1)], logs)
    first, _ = pages(api)
    assert (len(first["spans"][0]["logs"]), first["logs_truncated"]) == (10, True)


def test_a_log_that_is_too_large_alone_is_shown(api: Api) -> None:
    """Otherwise nobody could ever read it."""
    insert(api.engine, [make_span(1, 1)], [make_log(1, 1, body="b" * 5_000)])
    (answer,) = pages(api)
    assert (len(answer["spans"][0]["logs"]), "logs_truncated" in answer) == (1, False)


def test_spans_of_one_id_that_are_too_large_together_are_cut_visibly(api: Api) -> None:
    """The rest is in the pages of the trace."""
    attributes = {"t": "x" * 1_000}
    insert(api.engine, [make_span(1, 1, start=n, attributes=attributes) for n in range(4)])
    answer = api.get(f"/api/spans/{span_id(1).hex()}", trace_id=TRACE)
    assert (len(answer["spans"]), answer["truncated"]) == (2, True)


def test_a_page_of_traces_is_bounded_by_its_bytes(api: Api) -> None:
    """A trace has many names, and each can be long: the page ends early and goes on."""
    tools = [{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t" * 1_500}] * 3
    spans = [make_span(n, 1, start=n, attributes=one) for n, one in enumerate(tools, 1)]
    insert(api.engine, spans)
    found = []
    cursor = {}
    while len(found) < 5:
        page = api.get("/api/traces", limit=1_000, **cursor)
        found.append([int(one["trace_id"], 16) for one in page["traces"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == [[3], [2], [1]]
    assert [one["trace_id"][-1] for one in api.get("/api/traces", q="work", limit=2)["traces"]] == (
        ["3", "2"]
    )


def test_long_names_of_a_trace_are_cut_and_marked(api: Api) -> None:
    """In lists and in the trace alone."""
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t" * 3_000}
    insert(api.engine, [make_span(1, 1, name="n" * 3_000, attributes=attributes)])
    (listed,) = api.get("/api/traces")["traces"]
    assert listed == api.get(f"/api/traces/{TRACE}")
    assert (listed["root_name"], listed["tools"], listed["warnings"]) == (
        "n" * 2_048, ["t" * 2_048], ["text_cut"]
    )  # fmt: skip
