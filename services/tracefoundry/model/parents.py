"""Who is whose parent in a trace: the one rule that the tree and the counting of usage share.

A parent is named by its span id, and senders use ids twice. Where several spans of a trace have
the parent's id, the parent is the one whose interval holds the child, else the earliest (contract,
section 4). Were each of the two to decide that for itself, the tree would show a call below
one span while its tokens were taken to be told by another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol


class ParentFacts(Protocol):
    """What finding a span's parent takes. ``parent_span_id`` is None or empty for a root."""

    @property
    def span_id(self) -> bytes: ...
    @property
    def parent_span_id(self) -> bytes | None: ...
    @property
    def start_time_ns(self) -> int: ...
    @property
    def end_time_ns(self) -> int: ...


def parents_of(spans: Sequence[ParentFacts]) -> list[int | None]:
    """The index of each span's parent; None where it names none, or one that is not there.

    ``spans`` are all spans of one trace, in any order. Of several spans with the parent's id it
    is the earliest of those that start no later and end no earlier than the child, else the
    earliest of all; of two that start together the one that ends first is the earlier.
    """
    by_id: dict[bytes, int] = {}
    doubled: dict[bytes, list[int]] = {}
    for index, span in enumerate(spans):
        first = by_id.setdefault(span.span_id, index)
        if first != index:
            doubled.setdefault(span.span_id, [first]).append(index)
    if not doubled:
        return [by_id.get(span.parent_span_id) if span.parent_span_id else None for span in spans]
    sharing = {span_id: _Doubles(spans, indices) for span_id, indices in doubled.items()}
    parents: list[int | None] = []
    for span in spans:
        parent_id = span.parent_span_id
        if not parent_id:
            parents.append(None)
        elif parent_id in sharing:
            parents.append(sharing[parent_id].parent_of(span))
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


class _Doubles:
    """The spans that share one id, ready to be asked for the parent of a child.

    A sender may give every span the same id, so a child must not be compared with each of them.
    The latest end among the first n spans only grows with n: the place where it first reaches the
    child's end is the earliest span that ends late enough. If that one starts too late, so do all
    behind it, and those before it end too early: nobody holds the child.
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
        place = bisect_left(self._latest_ends, child.end_time_ns)
        if place < len(self._indices):
            index = self._indices[place]
            if self._spans[index].start_time_ns <= child.start_time_ns:
                return index
        return self._indices[0]
