"""No usage is counted twice: the rules against a slow oracle, and their cases by name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.genai.view import GenAIKind
from tracefoundry.model.summary import SpanFacts, summarise
from tracefoundry.model.usage import (
    USAGE_FIELDS,
    counted_fields,
    field_bit,
    fields_of,
)

INPUT, OUTPUT, COST = (field_bit(name) for name in ("input_tokens", "output_tokens", "cost_usd"))


def facts(
    span: int,
    parent: int | None = None,
    *,
    start: int = 0,
    duration: int = 1,
    kind: GenAIKind | None = "llm",
    tokens: int | None = 1,
    output: int | None = None,
    cost: float | None = None,
    response: str | None = None,
    model: str | None = None,
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
        request_model=model,
        input_tokens=tokens,
        output_tokens=output,
        cost_usd=cost,
        cost_source=None if cost is None else "reported",
    )


def counted(*spans: SpanFacts, field: int = INPUT) -> list[int]:
    """Numbers of the spans of which a field counts."""
    return [
        int.from_bytes(spans[index].span_id, "big")
        for index, fields in counted_fields(spans).items()
        if fields & field
    ]


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
    assert counted(
        facts(1, start=5, response="r"), facts(2, start=3, duration=9, response="r")
    ) == [2]


def test_of_one_response_the_leaf_counts_before_the_earlier_wrapper() -> None:
    """A wrapper has children; the leaf is the call."""
    wrapper = facts(1, start=0, duration=20, response="r")
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
    counts = counted_fields([*agents, facts(2, 1, start=22)])
    assert counts == {0: INPUT, 1: 0, 2: INPUT}


def test_zeros_hide_nothing() -> None:
    """Streamed calls report 0; the agent above knows better."""
    agent = facts(1, kind="agent", tokens=1000, output=200)
    assert counted(agent, facts(2, 1, tokens=0, output=0), facts(3, 1, tokens=0)) == [1]


def test_a_zero_below_hides_only_what_it_has() -> None:
    """The call knows its output and not its input."""
    spans = facts(1, kind="agent", tokens=1000, output=200), facts(2, 1, tokens=0, output=190)
    assert (counted(*spans), counted(*spans, field=OUTPUT)) == ([1], [2])


def test_the_cost_of_a_run_counts_beside_the_tokens_of_its_calls() -> None:
    """Each field is judged on its own."""
    spans = (
        facts(1, kind="agent", tokens=None, cost=0.12),
        facts(2, 1, tokens=1000),
        facts(3, 1, tokens=500),
    )
    assert (counted(*spans), counted(*spans, field=COST)) == ([2, 3], [1])
    summary = summarise(spans)
    assert (summary.input_tokens, summary.cost_usd, summary.cost_source) == (1500, 0.12, "reported")


def test_an_embedding_below_a_model_call_is_another_call() -> None:
    """A semantic cache embeds the question; the reverse holds too."""
    assert counted(facts(1), facts(2, 1, kind="embedding")) == [1, 2]
    assert counted(facts(1, kind="embedding"), facts(2, 1)) == [1, 2]


def test_no_other_kind_repeats_a_model_call() -> None:
    """What is not a call of a language model can be no second record of one."""
    for kind in ("reranker", "retriever", "guardrail", "evaluator", "chain", "tool", "agent"):
        assert counted(facts(1), facts(2, 1, kind=kind)) == [1, 2], kind  # type: ignore[arg-type]


def test_an_embedding_wrapped_in_an_embedding_counts_once() -> None:
    """The AI SDK records embeddings twice."""
    assert counted(facts(1, kind="embedding"), facts(2, 1, kind="embedding")) == [2]


def test_an_embedding_is_no_part_of_an_agents_usage() -> None:
    """An agent adds up its model calls; those have no spans here, only a lookup has."""
    for kind in ("embedding", "reranker"):
        below = facts(2, 1, kind=kind, tokens=8, cost=0.0001)  # type: ignore[arg-type]
        spans = facts(1, kind="agent", tokens=1000, output=200, cost=0.1), below
        assert counted(*spans) == [1, 2]
        assert counted(*spans, field=COST) == [1, 2]


def test_a_sum_with_output_is_not_that_of_an_embedding() -> None:
    """A chain of embeddings alone repeats them; one with output tokens made model calls."""
    lookup = facts(2, 1, kind="embedding", tokens=8)
    assert counted(facts(1, kind="chain", tokens=8), lookup) == [2]
    assert counted(facts(1, kind="chain", tokens=1000, output=5), lookup) == [1, 2]


def test_two_calls_one_after_the_other_may_share_a_response_id() -> None:
    """Some servers count from 1 again; the same usage twice is no proof either."""
    first = facts(1, tokens=100, response="chatcmpl-42")
    for tokens in (300, 100):
        assert counted(first, facts(2, start=20, tokens=tokens, response="chatcmpl-42")) == [1, 2]


def test_one_response_id_with_two_usages_or_models_is_two_calls() -> None:
    """Even while one interval holds the other."""
    outer = facts(1, duration=20, tokens=100, response="r", model="gpt-4o")
    assert counted(outer, facts(2, start=5, tokens=101, response="r", model="gpt-4o")) == [1, 2]
    assert counted(outer, facts(2, start=5, tokens=100, response="r", model="o3")) == [1, 2]
    assert counted(outer, facts(2, start=5, tokens=100, response="r")) == [1]


def test_one_model_under_two_names_is_one_call() -> None:
    """The SDK and the gateway name it differently."""
    outer = facts(1, duration=20, response="r", model="bedrock/us.anthropic.claude-sonnet-4-v1:0")
    assert counted(outer, facts(2, start=5, response="r", model="claude-sonnet-4-20250514")) == [1]


def test_what_one_record_of_a_call_lacks_the_other_gives() -> None:
    """Tokens from the leaf, the cost from the wrapper beside it."""
    spans = (
        facts(1, duration=20, tokens=100, cost=0.5, response="r"),
        facts(2, 1, tokens=None, kind="other"),
        facts(3, start=5, tokens=100, response="r"),
    )
    assert (counted(*spans), counted(*spans, field=COST)) == ([3], [1])


def test_a_span_that_ends_before_it_starts_is_a_moment() -> None:
    """It can be held by another, and can hold none."""
    assert counted(
        facts(1, duration=9, response="r"), facts(2, start=5, duration=-3, response="r")
    ) == [1]


def test_ten_thousand_calls_with_one_response_id_are_compared_in_linear_time() -> None:
    """A hostile or broken sender cannot stall a commit."""
    spans = [facts(n, start=0, duration=n, tokens=n, response="r") for n in range(1, 10_001)]
    assert len(counted_fields(spans)) == 10_000


def test_the_bits_of_fields_are_in_their_order() -> None:
    """``fields_of`` spells them out for speed."""
    for field in USAGE_FIELDS:
        span = facts(1, tokens=None)
        setattr(span, field, 1)
        assert fields_of(span) == field_bit(field)


KINDS: list[GenAIKind | None] = [
    None, "llm", "llm", "embedding", "reranker", "tool", "agent", "chain",
]  # fmt: skip
SPANS = st.lists(
    st.builds(
        facts,
        st.integers(1, 7),
        st.one_of(st.none(), st.integers(1, 8)),
        start=st.integers(0, 4),
        duration=st.integers(-1, 5),
        kind=st.sampled_from(KINDS),
        tokens=st.sampled_from([None, 0, 1, 1, 2]),
        output=st.sampled_from([None, 0, 1, 1, 2]),
        cost=st.sampled_from([None, 0.0, 1.0]),
        response=st.sampled_from([None, None, "r", "s"]),
        model=st.sampled_from([None, "gpt-4o", "openai/gpt-4o-2024-08-06", "o3"]),
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


class Oracle:
    """The rules of docs/genai.md word by word, for one usage field; quadratic and more."""

    def __init__(self, spans: list[SpanFacts], field: str) -> None:
        self.spans = spans
        self.field = field

    def has(self, span: SpanFacts) -> bool:
        """The span records a positive number in the field."""
        return (getattr(span, self.field) or 0) > 0

    def parent_of(self, span: SpanFacts) -> SpanFacts | None:
        """The span with the parent's id that holds this one, else the earliest with that id."""
        same = sorted((s for s in self.spans if s.span_id == span.parent_span_id), key=key)
        for other in same:
            if other.start_time_ns <= span.start_time_ns and other.end_time_ns >= span.end_time_ns:
                return other
        return same[0] if same else None

    def path_up(self, span: SpanFacts) -> list[SpanFacts]:
        """Ancestors, nearest first; a cycle ends the path when it closes."""
        path: list[SpanFacts] = []
        current = self.parent_of(span)
        while current is not None and current not in path:
            path.append(current)
            current = self.parent_of(current)
        return path

    def on_cycle(self, span: SpanFacts) -> bool:
        """The span is its own ancestor."""
        return any(ancestor is span for ancestor in self.path_up(span))

    def repeats(self, span: SpanFacts, below: SpanFacts) -> bool:
        """The span repeats a field of this descendant."""
        path = self.path_up(below)
        if below is span or span not in path or self.on_cycle(below):
            return False
        if span.genai_kind in ("llm", "embedding"):
            passed = [below, *path[: path.index(span)]]
            behind = any(step.genai_kind in ("tool", "agent") for step in passed)
            return below.genai_kind == span.genai_kind and not behind
        if below.genai_kind in ("embedding", "reranker"):
            return span.genai_kind != "agent" and not span.output_tokens
        return True

    def one_call(self, one: SpanFacts, other: SpanFacts) -> bool:
        """Two spans with one response id record one call."""
        for name in ("input_tokens", "output_tokens"):
            counts = {getattr(one, name), getattr(other, name)} - {None, 0}
            if len(counts) > 1:
                return False
        models = {span.request_model and "o3" in span.request_model for span in (one, other)}
        if len(models - {None}) > 1:
            return False
        starts = one.start_time_ns, other.start_time_ns
        ends = max(one.end_time_ns, starts[0]), max(other.end_time_ns, starts[1])
        return (starts[0] <= starts[1] and ends[0] >= ends[1]) or (
            starts[1] <= starts[0] and ends[1] >= ends[0]
        )

    def counted(self) -> set[Key]:
        """Keys of the spans of which the field counts."""
        left = {
            key(span)
            for span in self.spans
            if self.has(span)
            and not any(self.repeats(span, below) for below in self.spans if self.has(below))
        }
        for span in self.spans:
            if self.on_cycle(span):
                ring = {key(span), *(key(up) for up in self.path_up(span) if self.on_cycle(up))}
                left -= set(sorted(ring & left)[1:])
        return left


def counted_once_for_each_response(spans: list[SpanFacts]) -> dict[str, set[Key]]:
    """Of each field, the spans of which it counts: first ancestry, then response ids."""
    left = {field: Oracle(spans, field).counted() for field in USAGE_FIELDS}
    oracle = Oracle(spans, "input_tokens")
    parents = {key(parent) for span in spans if (parent := oracle.parent_of(span)) is not None}
    ranked = sorted(spans, key=lambda span: (key(span) in parents, *key(span)))
    # Only spans of which something counts so far are records of a call.
    ranked = [span for span in ranked if any(key(span) in keys for keys in left.values())]
    for field in USAGE_FIELDS:
        taken: list[SpanFacts] = []
        for span in ranked:
            if span.response_id is None or key(span) not in left[field]:
                continue
            if any(
                other.response_id == span.response_id and oracle.one_call(other, span)
                for other in taken
            ):
                left[field].remove(key(span))
            else:
                taken.append(span)
    return left


@given(SPANS)
def test_counting_agrees_with_the_rules_word_by_word(spans: list[SpanFacts]) -> None:
    """The linear algorithm gives what the slow reading of the rules gives, on any graph."""
    found = counted_fields(spans)
    expected = counted_once_for_each_response(spans)
    for field in USAGE_FIELDS:
        bit = field_bit(field)
        assert {key(spans[i]) for i, fields in found.items() if fields & bit} == expected[field]


@given(SPANS)
def test_some_usage_counts_wherever_there_is_any(spans: list[SpanFacts]) -> None:
    """Covering never leaves a trace without a total of a field that a span has."""
    had = counted = 0
    for span in spans:
        had |= fields_of(span)
    for fields in counted_fields(spans).values():
        counted |= fields
    assert counted == had


@given(SPANS)
def test_totals_are_the_sums_of_what_counts(spans: list[SpanFacts]) -> None:
    """And 0 where spans say 0, and unknown where none says anything."""
    summary = summarise(spans)
    counts = counted_once_for_each_response(spans)
    for field in ("input_tokens", "output_tokens", "cost_usd"):
        said = [getattr(s, field) for s in spans if s.genai_kind and getattr(s, field) is not None]
        if any(span.genai_kind for span in spans):
            total = sum(getattr(span, field) for span in spans if key(span) in counts[field])
            viewed = any(key(span) in counts[field] for span in spans) or said
            assert getattr(summary, field) == (total if viewed else None)
        else:
            assert getattr(summary, field) is None
