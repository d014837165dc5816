"""Which span is the parent of which: one rule for the trace tree and for the counting of usage.

A span names its parent by span id, and senders use ids twice. If several spans of a trace have the
parent's id, the parent is the one whose interval contains the child, else the earliest. The tree
and the counting of usage must agree on it: else a call could be shown below one span while its
tokens count as repeated by another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol


class ParentFacts(Protocol):
    """The fields needed to find a span's parent. ``parent_span_id`` is None or empty for a root."""

    @property
    def span_id(self) -> bytes: ...
    @property
    def parent_span_id(self) -> bytes | None: ...
    @property
    def start_time_ns(self) -> int: ...
    @property
    def end_time_ns(self) -> int: ...


def parents_of(spans: Sequence[ParentFacts]) -> list[int | None]:
    """The index of each span's parent; None if it names none, or one that is not in ``spans``.

    ``spans`` are all spans of one trace, in any order. Of several spans with the parent's id it
    is the earliest of those that start no later and end no earlier than the child, else the
    earliest of all. Of two with one start time, the one that ends first is the earlier.
    """
    by_id: dict[bytes, int] = {}
    by_shared_id: dict[bytes, list[int]] = {}
    for index, span in enumerate(spans):
        first = by_id.setdefault(span.span_id, index)
        if first != index:
            by_shared_id.setdefault(span.span_id, [first]).append(index)
    if not by_shared_id:
        return [by_id.get(span.parent_span_id) if span.parent_span_id else None for span in spans]
    shared_ids = {
        span_id: _SpansSharingId(spans, indices) for span_id, indices in by_shared_id.items()
    }
    parents: list[int | None] = []
    for span in spans:
        parent_id = span.parent_span_id
        if not parent_id:
            parents.append(None)
        elif parent_id in shared_ids:
            parents.append(shared_ids[parent_id].parent_of(span))
        else:
            parents.append(by_id.get(parent_id))
    return parents


def cycles_of(parents: Sequence[int | None]) -> list[list[int]]:
    """The cycles of a parent table, each as the indices on it; a self-parent is a cycle of one."""
    cycles: list[list[int]] = []
    seen_in_walk = [-1] * len(parents)
    for start in range(len(parents)):
        current: int | None = start
        while current is not None and seen_in_walk[current] == -1:
            seen_in_walk[current] = start
            current = parents[current]
        if current is not None and seen_in_walk[current] == start:
            cycle = [current]
            following = parents[current]
            while following is not None and following != current:
                cycle.append(following)
                following = parents[following]
            cycles.append(cycle)
    return cycles


class _SpansSharingId:
    """The spans that share one id, in a form that finds the parent of a child by binary search.

    A sender may give every span the same id, so comparing a child with each of them would be
    quadratic. The spans are sorted by start, with the latest end among the first n kept for each n.
    These ends only grow, so a binary search finds the earliest span that ends late enough. If that
    span starts too late, so do all after it, and all before it end too early: no span contains the
    child.
    """

    def __init__(self, spans: Sequence[ParentFacts], indices: list[int]) -> None:
        self._spans = spans
        self._indices = sorted(
            indices, key=lambda index: (spans[index].start_time_ns, spans[index].end_time_ns)
        )
        self._latest_ends = list(
            accumulate((spans[index].end_time_ns for index in self._indices), max)
        )

    def parent_of(self, child: ParentFacts) -> int:
        position = bisect_left(self._latest_ends, child.end_time_ns)
        if position < len(self._indices):
            index = self._indices[position]
            if self._spans[index].start_time_ns <= child.start_time_ns:
                return index
        return self._indices[0]
