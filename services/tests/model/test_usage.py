"""No usage is counted twice: the rule against a slow oracle, and its cases by name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.summary import SpanFacts
from tracefoundry.model.usage import counted_indices


def facts(
    span: int,
    parent: int | None = None,
    *,
    start: int = 0,
    duration: int = 1,
    kind: str | None = "llm",
    tokens: int | None = 1,
    response: str | None = None,
) -> SpanFacts:
    """A span with or without usage."""
    return SpanFacts(
        span.to_bytes(8, "big"),
        b"" if parent is None else parent.to_bytes(8, "big"),
        start,
        start + duration,
        0,
        "span",
        genai_kind=kind,
        response_id=response,
        input_tokens=tokens,
    )


def counted(*spans: SpanFacts) -> list[int]:
    """Numbers of the spans that count."""
    return [int.from_bytes(spans[index].span_id, "big") for index in counted_indices(spans)]


def test_an_agent_that_rolls_up_its_calls_does_not_count() -> None:
    """The leaves count, not the sum their parent repeats."""
    assert counted(facts(1, kind="agent"), facts(2, 1), facts(3, 1)) == [2, 3]


def test_a_roll_up_above_spans_without_usage_does_not_count() -> None:
    """Descendants matter at any depth."""
    assert counted(facts(1, kind="agent"), facts(2, 1, kind="chain", tokens=None), facts(3, 2)) == [
        3
    ]


def test_an_agent_counts_when_nothing_below_has_usage() -> None:
    """Instrumentations without model spans are not lost."""
    assert counted(facts(1, kind="agent"), facts(2, 1, kind="tool", tokens=None)) == [1]


def test_a_call_wrapped_in_another_call_counts_once() -> None:
    """Two libraries recorded one call as parent and child."""
    assert counted(facts(1), facts(2, 1)) == [2]


def test_a_call_behind_a_tool_is_another_call() -> None:
    """A model span whose tool ran an agent made its own call, too."""
    assert counted(facts(1), facts(2, 1, kind="tool", tokens=None), facts(3, 2)) == [1, 3]


def test_an_agent_above_a_tool_still_rolls_up() -> None:
    """Barriers hide descendants from calls only."""
    assert counted(facts(1, kind="agent"), facts(2, 1, kind="tool", tokens=None), facts(3, 2)) == [
        3
    ]


def test_siblings_with_one_response_id_count_once() -> None:
    """The earliest of two records of one response."""
    assert counted(facts(1, start=5, response="r"), facts(2, start=3, response="r")) == [2]


def test_of_one_response_the_leaf_counts_before_the_earlier_wrapper() -> None:
    """A wrapper has children; the leaf is the call."""
    wrapper = facts(1, start=0, response="r")
    inside = facts(2, 1, kind="other", tokens=None)
    assert counted(wrapper, inside, facts(3, start=9, response="r")) == [3]


def test_in_a_cycle_the_smallest_start_counts() -> None:
    """Spans that are each other's parents are one account."""
    assert counted(facts(1, 3, start=2), facts(2, 1, start=1), facts(3, 2, start=3)) == [2]


def test_a_call_below_a_cycle_covers_it() -> None:
    """What hangs below a cycle is a descendant of all its members."""
    assert counted(facts(1, 2, kind="agent"), facts(2, 1, kind="agent"), facts(3, 2)) == [3]


def test_a_span_that_is_its_own_parent_counts() -> None:
    """A cycle of one."""
    assert counted(facts(1, 1), facts(2)) == [1, 2]


def test_of_doubles_the_parent_that_holds_the_call_is_covered_by_it() -> None:
    """The tree shows the call below the second of two agents with one id; so do the totals."""
    agents = [facts(1, start=start, duration=10, kind="agent") for start in (0, 20)]
    assert counted_indices([*agents, facts(2, 1, start=22)]) == [0, 2]


SPANS = st.lists(
    st.builds(
        facts,
        st.integers(1, 7),
        st.one_of(st.none(), st.integers(1, 8)),
        start=st.integers(0, 4),
        duration=st.integers(-1, 5),
        kind=st.sampled_from([None, "llm", "embedding", "tool", "agent", "chain"]),
        tokens=st.one_of(st.none(), st.just(1)),
        response=st.sampled_from([None, None, "r", "s"]),
    ),
    min_size=1,
    max_size=9,
    # Some senders use ids twice; the store distinguishes such spans by their start.
    unique_by=lambda span: (span.start_time_ns, span.span_id),
)
Key = tuple[int, bytes]


def key(span: SpanFacts) -> Key:
    """(start, span id), which identifies a span within its trace."""
    return span.start_time_ns, span.span_id


def oracle(spans: list[SpanFacts]) -> set[Key]:
    """The rule word by word, quadratic: keys of the spans that count."""

    def parent_of(span: SpanFacts) -> SpanFacts | None:
        """The span with the parent's id that holds this one, else the earliest with that id."""
        same = sorted((s for s in spans if s.span_id == span.parent_span_id), key=key)
        for other in same:
            if other.start_time_ns <= span.start_time_ns and other.end_time_ns >= span.end_time_ns:
                return other
        return same[0] if same else None

    def path_up(span: SpanFacts) -> list[SpanFacts]:
        """Ancestors, nearest first; a cycle ends the path when it closes."""
        path: list[SpanFacts] = []
        current = parent_of(span)
        while current is not None and current not in path:
            path.append(current)
            current = parent_of(current)
        return path

    def on_cycle(span: SpanFacts) -> bool:
        return any(ancestor is span for ancestor in path_up(span))

    uncovered = set()
    for span in spans:
        if not span.has_usage:
            continue
        covered = False
        for other in spans:
            path = path_up(other)
            if other is span or not other.has_usage or on_cycle(other) or span not in path:
                continue
            passed = [other, *path[: path.index(span)]]
            barrier = any(step.genai_kind in ("tool", "agent") for step in passed)
            covered = covered or not (barrier and span.genai_kind in ("llm", "embedding"))
        if not covered:
            uncovered.add(key(span))
    for span in spans:
        if on_cycle(span):
            members = {key(span)} | {
                key(ancestor) for ancestor in path_up(span) if on_cycle(ancestor)
            }
            uncovered -= set(sorted(members & uncovered)[1:])
    parents = {key(parent) for span in spans if (parent := parent_of(span)) is not None}
    for response in ("r", "s"):
        same = sorted(
            (key(span) in parents, *key(span))
            for span in spans
            if span.response_id == response and key(span) in uncovered
        )
        uncovered -= {(start, span_id) for _, start, span_id in same[1:]}
    return uncovered


@given(SPANS)
def test_counting_agrees_with_the_rule_word_by_word(spans: list[SpanFacts]) -> None:
    """The linear algorithm gives what the quadratic reading of the rule gives, on any graph."""
    assert {key(spans[index]) for index in counted_indices(spans)} == oracle(spans)


@given(SPANS)
def test_some_usage_counts_wherever_there_is_any(spans: list[SpanFacts]) -> None:
    """Covering never leaves a trace with usage without a total."""
    assert bool(counted_indices(spans)) == any(span.has_usage for span in spans)
