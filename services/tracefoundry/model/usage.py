"""Which spans' token counts and costs count in their trace, so that nothing is added up twice.

Instrumentations repeat usage: an agent span rolls up the calls below it, two libraries record one
call as parent and child or as siblings (reference: dialects observed on the wire). The rule
(contract, section 6), with ancestry taken over all spans of the trace:

* a span's usage counts unless a descendant has usage;
* for a span of kind llm or embedding only descendants that are reached without passing a tool or
  agent span matter: a model call that really ran another agent below a tool made two calls;
* of spans with one response id the leaf counts, then the earliest;
* in a cycle of parents the smallest (start, span id) with usage counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tracefoundry.model.genai.view import BARRIER_KINDS, CALL_KINDS
from tracefoundry.model.parents import ParentFacts, cycles_of, parents_of


class UsageFacts(ParentFacts, Protocol):
    """What the rule needs to know of a span."""

    @property
    def genai_kind(self) -> str | None: ...
    @property
    def response_id(self) -> str | None: ...
    @property
    def has_usage(self) -> bool: ...


def counting(spans: Sequence[UsageFacts]) -> list[int]:
    """Indices into ``spans`` of those whose usage counts, ascending.

    ``spans`` are all spans of one trace, in any order. Linear in their number: every span is
    climbed from at most once for each of the two kinds of ancestor that it can cover.
    """
    users = [index for index, span in enumerate(spans) if span.has_usage]
    if len(users) <= 1:
        return users
    parents = parents_of(spans)
    cycles = cycles_of(parents)
    covered = _covered(spans, users, parents, cycles)
    return _one_per_response(spans, [index for index in users if index not in covered], parents)


def _covered(
    spans: Sequence[UsageFacts],
    users: Sequence[int],
    parents: Sequence[int | None],
    cycles: Sequence[Sequence[int]],
) -> set[int]:
    """Spans with usage whose usage is told again by a descendant that matters to them.

    Climbing from a user marks its ancestors. Two marks exist because a barrier (a tool or agent
    span) on the way hides the descendant from llm and embedding ancestors but not from others. A
    climb stops where its mark is set already: whoever set it went on from there, so each span is
    marked at most twice. Members of a cycle do not climb (they would only meet each other); what
    hangs below a cycle climbs all round it.
    """
    on_cycle = {index for cycle in cycles for index in cycle}
    open_mark: set[int] = set()
    barred_mark: set[int] = set()
    for user in users:
        if user in on_cycle:
            continue
        barred = spans[user].genai_kind in BARRIER_KINDS
        current = parents[user]
        while current is not None:
            if current in open_mark or (barred and current in barred_mark):
                break
            (barred_mark if barred else open_mark).add(current)
            barred = barred or spans[current].genai_kind in BARRIER_KINDS
            current = parents[current]
    covered = {
        index
        for index in users
        if index in open_mark
        or (index in barred_mark and spans[index].genai_kind not in CALL_KINDS)
    }
    for cycle in cycles:
        left = [index for index in cycle if spans[index].has_usage and index not in covered]
        if len(left) > 1:
            left.sort(key=lambda index: (spans[index].start_time_ns, spans[index].span_id))
            covered.update(left[1:])
    return covered


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
