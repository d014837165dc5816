"""Summaries of traces: roots, status, names, durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import NOW_NS, llm, make_span
from tracefoundry.model.genai import registry
from tracefoundry.model.span import Resource, Span
from tracefoundry.model.summary import NAME_LIST_LIMIT, TraceSummary, facts_of, summarise


def summary(*spans: Span) -> TraceSummary:
    """The summary of spans."""
    return summarise([facts_of(span) for span in spans])


def test_the_root_is_the_earliest_span_without_a_parent() -> None:
    """Several roots are no error; the earliest gives the trace its name."""
    late, early = make_span(span=1, start=9, name="late"), make_span(span=2, name="early")
    assert summary(late, early).root_name == "early"


def test_without_a_root_the_earliest_orphan_is_used() -> None:
    """A trace whose root has not come is shown by what is there, and says so."""
    found = summary(
        make_span(span=1, parent=8, start=5, name="b"), make_span(span=2, parent=9, name="a")
    )
    assert (found.root_name, found.missing_roots, found.missing_parents) == ("a", True, 2)


def test_a_trace_of_nothing_but_a_cycle_has_a_summary() -> None:
    """The earliest span is used as the root."""
    found = summary(make_span(span=1, parent=2, start=1), make_span(span=2, parent=1, name="x"))
    assert (found.root_name, found.missing_roots, found.missing_parents) == ("x", True, 0)


@pytest.mark.parametrize(
    ("root", "child", "expected"),
    [(0, 0, 0), (1, 2, 1), (2, 0, 2), (0, 2, 2), (0, 1, 0)],
    ids=["unset", "root is ok", "root failed", "a child failed", "a child is ok"],
)
def test_status_is_the_roots_or_else_error_if_any_span_failed(
    root: int, child: int, expected: int
) -> None:
    """The root's status where it has one, else error if any span failed."""
    assert (
        summary(make_span(status=root), make_span(span=2, parent=1, status=child)).status
        == expected
    )


def test_a_span_that_ends_before_it_starts_adds_no_time() -> None:
    """Negative durations count as zero."""
    found = summary(make_span(duration=-500))
    assert (found.start_time_ns, found.end_time_ns) == (NOW_NS, NOW_NS)


def test_names_are_collected_from_all_spans() -> None:
    """Services, models and tools are sorted and distinct."""
    found = summary(
        make_span(span=1, resource=Resource({"service.name": "b"}), attributes=llm(1, 1)),
        make_span(
            span=2,
            resource=Resource({"service.name": "a"}),
            attributes=llm(1, 1, **{"gen_ai.response.model": "m-1"}),
        ),
        make_span(
            span=3, attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
        ),
    )
    assert (found.services, found.models, found.tools) == (
        ["a", "agent", "b"],
        ["m-1", "m-large"],
        ["t"],
    )


def test_a_plain_root_names_the_conversation_and_the_user() -> None:
    """The web request above the agent knows them, and is no GenAI span."""
    root = make_span(span=1, attributes={"session.id": "s", "user.id": "u", "http.route": "/"})
    root.genai = registry.derive(root.attributes)
    found = summary(root, make_span(span=2, parent=1, start=5, attributes=llm(1, 1)))
    assert (found.conversation_id, found.user_id, found.input_tokens) == ("s", "u", 1)


def test_lists_of_names_are_bounded() -> None:
    """A sender that invents a tool a span cannot grow a summary without end."""
    spans = [
        make_span(span=number, attributes={"gen_ai.tool.name": f"t{number:05}"})
        for number in range(1, NAME_LIST_LIMIT + 100)
    ]
    assert len(summary(*spans).tools) == NAME_LIST_LIMIT


def test_unknown_usage_is_null_and_not_zero() -> None:
    """A model call without recorded tokens has none."""
    found = summary(make_span(attributes={"gen_ai.operation.name": "chat"}))
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (None, None, None)


@given(st.permutations([make_span(span=n, parent=n // 2 or None, start=n) for n in range(1, 9)]))
def test_a_summary_does_not_depend_on_the_order_of_spans(spans: list[Span]) -> None:
    """Any order gives the same summary."""
    assert summary(*spans) == summary(*sorted(spans, key=lambda span: span.span_id))
