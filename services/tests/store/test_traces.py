"""Lists of traces and searches in them, over every store."""

from __future__ import annotations

from typing import Any

import pytest

from samples import NOW_NS, llm, make_log, make_span, trace_id
from store.answers import add_projects, anything, commit, numbers, page
from tracefoundry.model.genai import plain
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobRow, PayloadEntry, PayloadRows
from tracefoundry.model.span import Resource, Span
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.records import Sort, StoredTrace, TracePage, TracePosition

MS = 1_000_000


def three_traces() -> list[Span]:
    """1: shop, a model and two tools, ok; 2: shop and bank, failed, slow; 3: bank, plain."""
    bank = Resource({"service.name": "bank", "deployment.environment.name": "prod"})
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "web_search"}
    call = llm(5, 5, **{"gen_ai.request.model": "other", "gen_ai.tool.name": 'quo"te'})
    return [
        make_span(1, 1, start=0, duration=30 * MS, name="first", status=1),
        make_span(1, 2, 1, start=MS, attributes=llm(100, 20)),
        make_span(1, 3, 1, start=2 * MS, attributes=tool),
        make_span(2, 1, start=10 * MS, duration=500 * MS, name="second"),
        make_span(2, 2, 1, start=11 * MS, status=2, resource=bank),
        make_span(2, 3, 1, start=12 * MS, attributes=call),
        make_span(3, 1, start=20 * MS, duration=MS, name="third", resource=bank),
    ]


def costing(trace: int, cost_usd: float | None, **fields: Any) -> Span:
    """A call of this cost."""
    return make_span(
        trace, genai=GenAI(kind="llm", dialect=plain.DIALECT, cost_usd=cost_usd), **fields
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"sort": "slowest"}, [2, 1, 3]),
        ({"service": "bank"}, [3, 2]),
        ({"service": "ban"}, []),
        ({"service": "it's \"%\\"}, []),
        ({"environment": "prod"}, [3]),
        ({"status": 2}, [2]),
        ({"status": 1}, [1]),
        ({"status": 0}, [3]),
        ({"model": "m-large"}, [1]),
        ({"model": "m-larg"}, []),
        ({"tool": "b_sea"}, [1]),
        ({"tool": "b%sea"}, []),
        ({"tool": '", "'}, []),
        ({"tool": 'quo"t'}, [2]),
        ({"tool": "WEB"}, []),
        ({"min_duration_ns": 30 * MS, "max_duration_ns": 400 * MS}, [1]),
        ({"min_duration_ns": 30 * MS}, [2, 1]),
        ({"min_tokens": 11}, [1]),
        ({"min_tokens": 120, "max_tokens": 120}, [1]),
        ({"max_tokens": 10}, [2]),
        ({"min_tokens": 2**63 - 1}, []),
        ({"min_cost_usd": 0}, []),
        ({"service": "bank", "status": 2}, [2]),
        ({"end_ns": NOW_NS + 20 * MS}, [2, 1]),
        ({"start_ns": NOW_NS + 10 * MS}, [3, 2]),
        ({"projects": []}, []),
        ({"projects": [999]}, []),
    ],
)
def test_filters_and_sorts_of_the_list(
    store: Store, writer: Writer, wanted: dict[str, Any], expected: list[int]
) -> None:
    """Each filter alone, and two together."""
    commit(writer, three_traces())
    with store.reader.snapshot() as snapshot:
        assert numbers(page(snapshot, **wanted).traces) == expected


def test_costs_are_sorted_and_filtered_with_unknown_ones_last(store: Store, writer: Writer) -> None:
    """A cost of 0 is known."""
    commit(
        writer,
        [
            costing(1, 0.5),
            costing(2, None, start=1),
            costing(3, 2.25, start=2),
            costing(4, 0.0, start=3),
        ],
    )
    with store.reader.snapshot() as snapshot:
        assert numbers(page(snapshot, sort="expensive").traces) == [3, 1, 4, 2]
        assert numbers(page(snapshot, min_cost_usd=0.5).traces) == [3, 1]
        assert numbers(page(snapshot, max_cost_usd=0.5).traces) == [4, 1]


def test_a_listed_trace_is_its_whole_summary(store: Store, writer: Writer) -> None:
    """Key, source and state beside it; the same from the list as by its id."""
    commit(writer, three_traces()[:3])
    with store.reader.snapshot() as snapshot:
        (listed,) = page(snapshot).traces
        assert snapshot.find_traces([1], trace_id(1)) == [listed]
    assert listed == StoredTrace(
        project_id=1,
        trace_id=trace_id(1),
        source="otlp",
        import_day=None,
        summary=listed.summary,
        totals_pending=False,
        missing_expired=False,
    )
    summary = listed.summary
    assert (summary.services, summary.models, summary.tools) == (
        ["agent"],
        ["m-large"],
        ["web_search"],
    )
    assert (summary.input_tokens, summary.output_tokens, summary.cost_usd) == (100, 20, None)
    assert (summary.last_start_ns, summary.missing_roots) == (NOW_NS + 2 * MS, False)


def test_traces_are_found_by_id_in_the_projects_that_are_asked(
    store: Store, writer: Writer
) -> None:
    """At most one a project, by project id."""
    first, second = add_projects(store, "first", "second")
    for project in (second, 1):
        commit(writer, [make_span(1)], project=project)
    with store.reader.snapshot() as snapshot:
        for asked, expected in (
            ([second, first, 1], [1, second]),
            ([first], []),
            ([], []),
        ):
            found = snapshot.find_traces(asked, trace_id(1))
            assert [trace.project_id for trace in found] == expected


def every_page(store: Store, sort: Sort, projects: list[int], limit: int) -> list[TracePage]:
    """All pages of the list; traces come in between them and must not disturb."""
    pages: list[TracePage] = []
    after: TracePosition | None = None
    while not pages or after is not None:
        with store.reader.snapshot() as snapshot:
            pages.append(page(snapshot, projects=projects, sort=sort, after=after, limit=limit))
        after = pages[-1].following
    return pages


@pytest.mark.parametrize("sort", ["newest", "slowest", "expensive"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_give_every_trace_once_in_order(
    store: Store, writer: Writer, sort: Sort, several: bool, limit: int
) -> None:
    """Equal starts, durations and costs, unknown costs, and one trace id in several projects."""
    projects = [1, *add_projects(store, "b", "c")] if several else [1]
    for project in projects:
        commit(
            writer,
            [
                costing(
                    number,
                    None if number % 3 == 0 else number % 2 / 4,
                    start=number // 3,
                    duration=number % 2,
                )
                for number in range(1, 10)
            ],
            project=project,
        )
    whole = every_page(store, sort, projects, 1_000)[0].traces
    assert len(whole) == 9 * len(projects)
    places = [trace.position(sort) for trace in whole]
    keys = [(at.value, at.start_time_ns, at.trace_id, at.project_id) for at in places]
    assert keys == sorted(keys, reverse=True)
    pages = every_page(store, sort, projects, limit)
    assert [trace for one in pages for trace in one.traces] == whole
    assert {len(one.traces) for one in pages[:-1]} <= {limit}


def search(store: Store, text: str, *, content: bool = False, **options: Any) -> TracePage:
    """A search with time enough."""
    arguments: dict[str, Any] = {
        "sort": "newest",
        "after": None,
        "limit": 100,
        "budget_seconds": 60,
        **options,
    }
    with store.reader.snapshot() as snapshot:
        return snapshot.search([1], anything(), text=text, content=content, **arguments)


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
def test_text_matches_names_and_string_values(
    store: Store, writer: Writer, text: str, matches: bool
) -> None:
    """Not keys, not numbers, not our tags; wildcards have no meaning; case is ignored."""
    attributes: dict[str, Any] = {
        "city": "Flight to Boston",
        "n": 42,
        "a": "Ночь, über 天気",
        "b": 'say "hi" back\\slash two\nlines 100%_',
        "c": {"k": [{"x": "deep inside"}, "in a list"]},
        "d": {"$text": "d2l0aCBudWwA"},
    }
    commit(writer, [make_span(1, 1, name="Plan Trip", attributes=attributes), make_span(2, 1)])
    found = search(store, text)
    assert (numbers(found.traces), found.following, found.complete) == (
        [1] if matches else [],
        None,
        True,
    )


def test_previews_of_payloads_are_searched_for_those_who_may_read_content(
    store: Store, writer: Writer
) -> None:
    """And nothing tells the others that they match; refs are searched for nobody else either."""
    ref = bytes(range(32))
    day = NOW_NS // 86_400_000_000_000
    entry = PayloadEntry(
        "input_messages", "span", "k", "string", f"sha256:{ref.hex()}", 9, "text/plain", "present"
    )
    pointer = {"gen_ai.input.messages_ref": "s3://bucket/pointed"}
    writer.commit(
        [
            writer.prepare_span(1, make_span(1, 1, payloads=(entry,))),
            writer.prepare_span(1, make_span(2, 1, attributes=pointer)),
        ],
        (),
        PayloadRows([BlobRow(1, day, ref, bytes(32), 0, 9, 9, 0, "A Secret Plan")]),
    )
    assert numbers(search(store, "secret plan", content=True).traces) == [1]
    assert search(store, "secret plan").traces == []
    assert numbers(search(store, "pointed", content=True).traces) == [2]
    assert search(store, "pointed").traces == []


def test_filters_hold_in_a_search(store: Store, writer: Writer) -> None:
    """Candidates come from the list."""
    commit(writer, [make_span(1, 1, name="x", status=2), make_span(2, 1, name="x", start=1)])
    with store.reader.snapshot() as snapshot:
        found = snapshot.search(
            [1], anything(status=2), sort="newest", after=None, limit=10, text="x", content=False,
            budget_seconds=60,
        )  # fmt: skip
    assert numbers(found.traces) == [1]


@pytest.mark.parametrize(("limit", "budget_seconds"), [(4, 60), (100, 0), (3, 0)])
def test_a_search_goes_on_where_it_stopped(
    store: Store, writer: Writer, limit: int, budget_seconds: float
) -> None:
    """At the end of a page or of its time: every match once, in order. Each call gets on."""
    commit(
        writer,
        [make_span(n, 1, start=n, name="even" if n % 2 == 0 else "odd") for n in range(1, 21)],
    )
    found: list[int] = []
    after: TracePosition | None = None
    for _ in range(30):
        one = search(store, "even", after=after, limit=limit, budget_seconds=budget_seconds)
        assert len(one.traces) <= limit
        found += numbers(one.traces)
        if one.following is None:
            break
        assert one.following != after
        after = one.following
    assert (found, one.complete) == (list(range(20, 0, -2)), True)


def test_owners_hold_anything_of_a_trace(store: Store, writer: Writer) -> None:
    """Spans, or logs that came without them; nothing else of the same id elsewhere."""
    second, third = add_projects(store, "second", "third")
    commit(writer, [make_span(1, 1)])
    commit(writer, [], [make_log(1, 1)], project=second)
    commit(writer, [make_span(2, 1)], project=third)
    with store.reader.snapshot() as snapshot:
        assert snapshot.owners([1, second, third], trace_id(1)) == {1, second}
        assert snapshot.owners([third], trace_id(1)) == set()
        assert not snapshot.has_payload_references([1, second, third], trace_id(1))


def test_projects_are_listed_by_name(store: Store) -> None:
    """With their ids."""
    zoo, ape = add_projects(store, "zoo", "ape")
    with store.reader.snapshot() as snapshot:
        assert list(snapshot.projects().items()) == [("ape", ape), ("default", 1), ("zoo", zoo)]
