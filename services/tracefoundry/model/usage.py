"""Which spans' token counts and costs count in their trace, so that nothing is added up twice.

Instrumentations repeat usage: an agent span sums up the calls below it, and two libraries record
one call as parent and child or as siblings. The rule, with ancestry over all spans of the trace:

* a span's usage counts unless a descendant has usage;
* for a span of kind llm or embedding, descendants below a tool or agent span do not matter: a model
  call with another agent's call below it is two calls;
* of spans with the same response id the leaf counts, else the earliest;
* in a cycle of parents, the span with usage and the smallest (start, span id) counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tracefoundry.model.genai.view import BARRIER_KINDS, CALL_KINDS
from tracefoundry.model.parents import ParentFacts, cycles_of, parents_of


class UsageFacts(ParentFacts, Protocol):
    """The fields of a span that the rule uses."""

    @property
    def genai_kind(self) -> str | None: ...
    @property
    def response_id(self) -> str | None: ...
    @property
    def has_usage(self) -> bool: ...


def counted_indices(spans: Sequence[UsageFacts]) -> list[int]:
    """Indices into ``spans`` of those whose usage counts, ascending.

    ``spans`` are all spans of one trace, in any order. The time is linear in their number, because
    each span is marked at most twice on the way up to the root.
    """
    with_usage = [index for index, span in enumerate(spans) if span.has_usage]
    if len(with_usage) <= 1:
        return with_usage
    parents = parents_of(spans)
    cycles = cycles_of(parents)
    repeated = _repeated_by_descendants(spans, with_usage, parents, cycles)
    return _one_per_response(
        spans, [index for index in with_usage if index not in repeated], parents
    )


def _repeated_by_descendants(
    spans: Sequence[UsageFacts],
    with_usage: Sequence[int],
    parents: Sequence[int | None],
    cycles: Sequence[Sequence[int]],
) -> set[int]:
    """Spans with usage that do not count, because a descendant has the same usage.

    From each span with usage we go up and mark its ancestors. There are two marks, because a
    barrier (a tool or agent span) on the way hides the descendant from llm and embedding ancestors
    but not from others. We stop at a span that has the mark already: its ancestors have it too.
    Members of a cycle are not started from, as they would only mark each other; a span below a
    cycle marks all of it.
    """
    on_cycle = {index for cycle in cycles for index in cycle}
    direct: set[int] = set()
    behind_barrier: set[int] = set()
    for index in with_usage:
        if index in on_cycle:
            continue
        barred = spans[index].genai_kind in BARRIER_KINDS
        current = parents[index]
        while current is not None:
            if current in direct or (barred and current in behind_barrier):
                break
            (behind_barrier if barred else direct).add(current)
            barred = barred or spans[current].genai_kind in BARRIER_KINDS
            current = parents[current]
    repeated = {
        index
        for index in with_usage
        if index in direct
        or (index in behind_barrier and spans[index].genai_kind not in CALL_KINDS)
    }
    for cycle in cycles:
        left = [index for index in cycle if spans[index].has_usage and index not in repeated]
        if len(left) > 1:
            left.sort(key=lambda index: (spans[index].start_time_ns, spans[index].span_id))
            repeated.update(left[1:])
    return repeated


def _one_per_response(
    spans: Sequence[UsageFacts], counted: list[int], parents: Sequence[int | None]
) -> list[int]:
    """Of spans that name one response, keep a leaf rather than a wrapper, then the earliest."""
    with_children = {parent for parent in parents if parent is not None}
    best: dict[str, int] = {}

    def rank(index: int) -> tuple[bool, int, bytes]:
        return (index in with_children, spans[index].start_time_ns, spans[index].span_id)

    for index in counted:
        response = spans[index].response_id
        if response is not None:
            other = best.get(response)
            if other is None or rank(index) < rank(other):
                best[response] = index
    return [
        index
        for index in counted
        if (response := spans[index].response_id) is None or best[response] == index
    ]
