"""Which token counts and costs of a trace's spans count, so that nothing is added up twice.

Instrumentations repeat usage: an agent span sums up the calls below it, and two libraries record
one call as parent and child or as siblings. Each usage field (input, output, cached, cache write
and reasoning tokens, and the cost) is judged on its own, because a library may report tokens on
the calls and the cost on the run. A span *has* a field if its number is positive: zero and missing
are the same here. Ancestry is taken over all spans of the trace.

* A field of a span counts unless a descendant has that field.
* A model call (kind llm or embedding) is repeated only by a call of its own kind, and not by one
  below a tool or an agent: that is another agent's call.
* An embedding or a reranking is no part of an agent's usage, nor of any sum with output tokens:
  those sum up calls of a language model.
* Spans with one response id are one call if their models and token counts agree (or one of the two
  has none) and the interval of one holds that of the other. Of these the leaf counts, then the
  earliest; a field that it lacks is taken from the next.
* In a cycle of parents, the span that has the field and the smallest (start, span id) counts.

docs/genai.md states these rules for users.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from tracefoundry.model.genai.model_names import same_model
from tracefoundry.model.genai.view import BARRIER_KINDS
from tracefoundry.model.parents import ParentFacts, cycles_of, parents_of

TOKEN_FIELDS: Final = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
USAGE_FIELDS: Final = (*TOKEN_FIELDS, "cost_usd")
"""The usage fields. The bit of a field is ``1 << its place``, see :func:`field_bit`."""

COMPARED_SPANS: Final = 32
"""A span is compared with at most this many spans that have its response id and are still open when
it starts. Senders choose ids, and comparing each span with each other would be quadratic."""

# The fields of descendants are kept as one integer of four parts, each with a bit for each field:
# what descendants of any kind have, but for embeddings and rerankings; what these two have; and
# what calls of a language model and embeddings have that are not below a tool or an agent.
_WIDTH = len(USAGE_FIELDS)
_ALL_FIELDS = (1 << _WIDTH) - 1
_SUMMED, _ASIDE, _NEAR_LLM, _NEAR_EMBEDDING = (part * _WIDTH for part in range(4))
_NEAR = _ALL_FIELDS << _NEAR_LLM | _ALL_FIELDS << _NEAR_EMBEDDING
_OUTPUT = 1 << USAGE_FIELDS.index("output_tokens")


class Usage(Protocol):
    """A span or a view that may record usage."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def cached_tokens(self) -> int | None: ...
    @property
    def cache_write_tokens(self) -> int | None: ...
    @property
    def reasoning_tokens(self) -> int | None: ...
    @property
    def cost_usd(self) -> float | None: ...


class UsageFacts(ParentFacts, Usage, Protocol):
    """The fields of a span that the rules use."""

    @property
    def genai_kind(self) -> str | None: ...
    @property
    def response_id(self) -> str | None: ...
    @property
    def request_model(self) -> str | None: ...
    @property
    def response_model(self) -> str | None: ...


def fields_of(span: Usage) -> int:
    """The usage fields that a span has, as bits."""
    return (
        (1 if span.input_tokens else 0)
        | (2 if span.output_tokens else 0)
        | (4 if span.cached_tokens else 0)
        | (8 if span.cache_write_tokens else 0)
        | (16 if span.reasoning_tokens else 0)
        | (32 if span.cost_usd else 0)
    )


def field_bit(field: str) -> int:
    """The bit of a usage field in what :func:`counted_fields` returns."""
    return 1 << USAGE_FIELDS.index(field)


def counted_fields(spans: Sequence[UsageFacts]) -> dict[int, int]:
    """Of each span that has usage, by its index, the bits of the fields that count.

    ``spans`` are all spans of one trace, in any order. The time is linear in their number: on the
    way up from each span with usage, a span is passed only if it learns something new, and there
    are a fixed number of things to learn.
    """
    left = {index: fields for index, span in enumerate(spans) if (fields := fields_of(span))}
    if len(left) <= 1:
        return left
    parents = parents_of(spans)
    cycles = cycles_of(parents)
    below = _fields_below(spans, left, parents, cycles)
    for index in left:
        left[index] &= ~_repeated(spans[index], left[index], below.get(index, 0))
    for cycle in cycles:
        seen = 0
        for index in sorted(cycle, key=lambda index: _position(spans[index])):
            own = left.get(index, 0)
            if own:
                left[index] = own & ~seen
                seen |= own
    _count_responses_once(spans, left, parents)
    return left


def _position(span: ParentFacts) -> tuple[int, bytes]:
    return span.start_time_ns, span.span_id


def _fields_below(
    spans: Sequence[UsageFacts],
    fields: dict[int, int],
    parents: Sequence[int | None],
    cycles: Iterable[Sequence[int]],
) -> dict[int, int]:
    """What the descendants of each span have.

    Members of a cycle are not started from, as they would only mark each other; a span below a
    cycle marks all of it.
    """
    on_cycle = {index for cycle in cycles for index in cycle}
    below: dict[int, int] = {}
    for index, own in fields.items():
        if index in on_cycle:
            continue
        kind = spans[index].genai_kind
        if kind == "llm":
            found = own << _SUMMED | own << _NEAR_LLM
        elif kind == "embedding":
            found = own << _ASIDE | own << _NEAR_EMBEDDING
        else:
            found = own << (_ASIDE if kind == "reranker" else _SUMMED)
        current = parents[index]
        while current is not None:
            known = below.get(current, 0)
            found &= ~known
            if not found:
                break
            below[current] = known | found
            if spans[current].genai_kind in BARRIER_KINDS:
                found &= ~_NEAR
            current = parents[current]
    return below


def _repeated(span: UsageFacts, own: int, below: int) -> int:
    """The fields of a span that its descendants have already."""
    kind = span.genai_kind
    if kind == "llm":
        return below >> _NEAR_LLM & _ALL_FIELDS
    if kind == "embedding":
        return below >> _NEAR_EMBEDDING & _ALL_FIELDS
    summed = below >> _SUMMED & _ALL_FIELDS
    if kind == "agent" or own & _OUTPUT:
        return summed
    return summed | below >> _ASIDE & _ALL_FIELDS


def _count_responses_once(
    spans: Sequence[UsageFacts], left: dict[int, int], parents: Sequence[int | None]
) -> None:
    """Take the fields out of ``left`` that another record of the same response has."""
    by_response: dict[str, list[int]] = {}
    for index, own in left.items():
        response = spans[index].response_id
        if own and response is not None:
            by_response.setdefault(response, []).append(index)
    groups = [group for group in by_response.values() if len(group) > 1]
    if not groups:
        return
    with_children = {parent for parent in parents if parent is not None}
    for group in groups:
        same = _records_of_one_call(spans, group)
        counted: dict[int, int] = {}
        for index in sorted(
            group, key=lambda index: (index in with_children, *_position(spans[index]))
        ):
            for other in same.get(index, ()):
                left[index] &= ~counted.get(other, 0)
            counted[index] = left[index]


def _records_of_one_call(spans: Sequence[UsageFacts], group: Sequence[int]) -> dict[int, list[int]]:
    """For spans with one response id, those of them that record the same call as each.

    The spans are taken by start, the longer first, so that a span can only be held by one that
    came before it and is still open.
    """
    same: dict[int, list[int]] = {}
    running: list[int] = []
    for index in sorted(group, key=lambda index: (spans[index].start_time_ns, -_end(spans[index]))):
        span, end = spans[index], _end(spans[index])
        running = [other for other in running if _end(spans[other]) >= span.start_time_ns]
        del running[:-COMPARED_SPANS]
        for other in running:
            if _end(spans[other]) >= end and _agree(spans[other], span):
                same.setdefault(index, []).append(other)
                same.setdefault(other, []).append(index)
        running.append(index)
    return same


def _end(span: ParentFacts) -> int:
    """The end of a span; one that ends before it starts has no length."""
    return max(span.end_time_ns, span.start_time_ns)


def _agree(one: UsageFacts, other: UsageFacts) -> bool:
    """Whether models and token counts of two spans can be those of one call."""
    for field in TOKEN_FIELDS:
        count, other_count = getattr(one, field), getattr(other, field)
        if count and other_count and count != other_count:
            return False
    models = [name for name in (one.request_model, one.response_model) if name]
    others = [name for name in (other.request_model, other.response_model) if name]
    return (
        not models
        or not others
        or any(same_model(name, other_name) for name in models for other_name in others)
    )
