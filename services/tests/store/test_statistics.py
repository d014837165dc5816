"""Figures over a window of time, over every store."""

from __future__ import annotations

from samples import NOW_NS, llm, make_span
from store.answers import add_projects, commit
from tracefoundry.model.genai import plain
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.span import Resource
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.records import GroupBy, Statistics, StatisticsGroup

BANK = Resource({"service.name": "bank"})


def figures(
    store: Store, by: GroupBy, *, end: int = 10**9, projects: tuple[int, ...] = (1,)
) -> Statistics:
    """Figures of the spans that start before ``end`` (ns after NOW_NS)."""
    with store.reader.snapshot() as snapshot:
        return snapshot.statistics(projects, NOW_NS, NOW_NS + end, by)


def keys(found: Statistics) -> list[tuple[str | None, int]]:
    """Key and number of spans of each group."""
    return [(group.key, group.spans) for group in found.groups]


def test_services_are_counted_with_errors_percentiles_and_usage(
    store: Store, writer: Writer
) -> None:
    """Percentiles are the nearest rank; usage of agents and tools repeats that of calls below."""
    agent = {**llm(99, 99), "gen_ai.operation.name": "invoke_agent"}
    commit(
        writer,
        [
            make_span(1, 1, duration=100, attributes=agent),
            make_span(1, 2, 1, start=1, duration=20, attributes=llm(2**62, 1), status=2),
            make_span(2, 3, start=2, duration=30, attributes=llm(2**62, 2)),
            make_span(2, 4, start=3, duration=-40),
            make_span(2, 5, start=4, resource=BANK, duration=5),
        ],
    )
    found = figures(store, "service")
    assert found == Statistics(
        [
            StatisticsGroup(
                key="agent",
                traces=2,
                spans=4,
                errors=1,
                p50_ns=20,
                p95_ns=100,
                input_tokens=2**63,
                output_tokens=3,
                cost_usd=None,
            ),
            StatisticsGroup(
                key="bank",
                traces=1,
                spans=1,
                errors=0,
                p50_ns=5,
                p95_ns=5,
                input_tokens=None,
                output_tokens=None,
                cost_usd=None,
            ),
        ],
        truncated=False,
    )


def test_spans_are_grouped_by_model_tool_and_agent(store: Store, writer: Writer) -> None:
    """Those without one are in no group; of a model the requested one counts first."""

    def view(**fields: str | float) -> GenAI:
        return GenAI(kind="llm", dialect=plain.DIALECT, **fields)  # type: ignore[arg-type]

    commit(
        writer,
        [
            make_span(1, 1, genai=view(request_model="m", response_model="m-2", cost_usd=0.5)),
            make_span(1, 2, genai=view(response_model="m", cost_usd=0.25), start=1),
            make_span(1, 3, genai=view(request_model="n", agent="a"), start=2),
            make_span(1, 4, genai=view(tool="t"), start=3),
            make_span(1, 5, start=4),
        ],
    )
    models = figures(store, "model")
    assert keys(models) == [("m", 2), ("n", 1)]
    assert [group.cost_usd for group in models.groups] == [0.75, None]
    assert keys(figures(store, "tool")) == [("t", 1)]
    assert keys(figures(store, "agent")) == [("a", 1)]


def test_the_window_excludes_its_end_and_other_projects(store: Store, writer: Writer) -> None:
    """By the start of spans."""
    (other,) = add_projects(store, "other")
    commit(writer, [make_span(1, 1, start=0), make_span(1, 2, start=10)])
    commit(writer, [make_span(1, 3, start=5)], project=other)
    assert keys(figures(store, "service", end=10)) == [("agent", 1)]
    assert keys(figures(store, "service", end=11)) == [("agent", 2)]
    assert keys(figures(store, "service", projects=(1, other))) == [("agent", 3)]
    assert figures(store, "service", projects=()) == Statistics([], False)


def test_spans_without_a_service_are_a_group_of_their_own(store: Store, writer: Writer) -> None:
    """Its key is None."""
    commit(writer, [make_span(1, 1, resource=Resource({})), make_span(1, 2, start=1)])
    assert sorted(keys(figures(store, "service")), key=str) == [("agent", 1), (None, 1)]


def test_the_smallest_of_very_many_groups_are_left_out_and_it_is_said(
    store: Store, writer: Writer
) -> None:
    """A thousand are shown."""
    spans = [
        make_span(1, number, start=number, resource=Resource({"service.name": f"s{number:04}"}))
        for number in range(1, 1_002)
    ]
    commit(writer, [*spans, make_span(2, 1, resource=Resource({"service.name": "s0007"}))])
    found = figures(store, "service")
    assert (len(found.groups), found.truncated) == (1_000, True)
    assert keys(found)[0] == ("s0007", 2)
