"""The spans of a trace as a forest: pure functions over any graph a sender can produce.

Parents are ids, and ids can be absent, wrong, doubled or circular. Whatever comes, every span has
one place:

* a *root* has no parent, or its parent is not there (an *orphan*, listed as such too);
* a member of a *cycle* of parents stands in that cycle only, and its other children are roots
  marked ``below_cycle``: they have no way up that ends, and must not vanish with the cycle;
* every other span hangs below one parent: of parents that share the id the one whose interval
  holds the child, else the earliest.

The forest is cut at a depth and at a number of nodes, level by level, so that the top is always
whole; a cut node says how many direct children it does not show, and ``more_roots`` says how many
roots. Nothing here recurses: a chain of 100,000 spans is an ordinary input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracefoundry.model.usage import cycles_of

DEPTH_LIMIT = 100
"""Most levels of nodes: two levels of JSON each, and encoders stop at 254."""
NODE_LIMIT = 10_000


class TreeSpan(Protocol):
    """What placing a span takes. ``parent_span_id`` is None or empty for a root."""

    @property
    def span_id(self) -> bytes: ...
    @property
    def parent_span_id(self) -> bytes | None: ...
    @property
    def start_time_ns(self) -> int: ...
    @property
    def end_time_ns(self) -> int: ...


@dataclass(slots=True, eq=False)
class Node:
    """A span that is shown, by its index in the sequence that the tree was built from."""

    index: int
    children: list[Node] = field(default_factory=list)
    more_children: int = 0
    """Direct children left out by a limit."""
    below_cycle: bool = False
    """A root only because its parent is a member of a cycle."""


@dataclass(slots=True)
class Tree:
    """A forest with what does not fit into one. Numbers are indices of spans."""

    roots: list[Node]
    orphans: list[int]
    """Spans whose parent is not there; all of them, shown as roots or not."""
    cycles: list[list[int]]
    """Each cycle of parents, from its earliest member on, child after parent."""
    more_roots: int
    """Roots left out by the node limit."""
    nodes: int
    """Nodes shown."""


def build_tree(
    spans: Sequence[TreeSpan], *, depth_limit: int = DEPTH_LIMIT, node_limit: int = NODE_LIMIT
) -> Tree:
    """The forest of these spans, given in any order. Children and roots are ordered by (start,
    span id)."""
    order = sorted(range(len(spans)), key=lambda at: (spans[at].start_time_ns, spans[at].span_id))
    parents = _parents(spans, order)
    cycles = [_from_earliest(cycle, spans) for cycle in cycles_of(parents)]
    cycles.sort(key=lambda cycle: (spans[cycle[0]].start_time_ns, spans[cycle[0]].span_id))
    on_cycle = {index for cycle in cycles for index in cycle}

    children: dict[int, list[int]] = {}
    roots: list[int] = []
    orphans: list[int] = []
    for index in order:
        if index in on_cycle:
            continue
        parent = parents[index]
        if parent is None:
            roots.append(index)
            if spans[index].parent_span_id:
                orphans.append(index)
        elif parent in on_cycle:
            roots.append(index)
        else:
            children.setdefault(parent, []).append(index)

    shown = [Node(index, below_cycle=parents[index] is not None) for index in roots[:node_limit]]
    nodes = len(shown)
    level = shown
    for depth in range(1, depth_limit + 1):
        following: list[Node] = []
        for node in level:
            below = children.get(node.index, ())
            room = node_limit - nodes if depth < depth_limit else 0
            node.children = [Node(index) for index in below[:room]]
            node.more_children = len(below) - len(node.children)
            nodes += len(node.children)
            following += node.children
        level = following
    return Tree(shown, orphans, cycles, len(roots) - len(shown), nodes)


def _parents(spans: Sequence[TreeSpan], order: Sequence[int]) -> list[int | None]:
    """The index of each span's parent; None for none and for one that is not there."""
    by_id: dict[bytes, int] = {}
    doubled: dict[bytes, list[int]] = {}
    for index in order:
        span_id = spans[index].span_id
        first = by_id.setdefault(span_id, index)
        if first != index:
            doubled.setdefault(span_id, [first]).append(index)
    parents: list[int | None] = []
    for span in spans:
        parent_id = span.parent_span_id
        parent = by_id.get(parent_id) if parent_id else None
        if parent is not None and parent_id in doubled:
            parent = _holder(spans, doubled[parent_id], span)
        parents.append(parent)
    return parents


def _holder(spans: Sequence[TreeSpan], candidates: Sequence[int], child: TreeSpan) -> int:
    """Of parents that share an id, the earliest whose interval holds the child, else the
    earliest. Many doubles of one id are searched only as far as one can still hold the child."""
    for index in candidates[:_DOUBLES_SEARCHED]:
        if spans[index].start_time_ns > child.start_time_ns:
            break
        if spans[index].end_time_ns >= child.end_time_ns:
            return index
    return candidates[0]


_DOUBLES_SEARCHED = 64
"""A sender that gives every span the same id must not cost the square of their number."""


def _from_earliest(cycle: list[int], spans: Sequence[TreeSpan]) -> list[int]:
    """The cycle turned so that its earliest member is first, and reversed: it was walked from
    child to parent."""
    downwards = cycle[::-1]
    first = min(
        range(len(downwards)),
        key=lambda at: (spans[downwards[at]].start_time_ns, spans[downwards[at]].span_id),
    )
    return downwards[first:] + downwards[:first]
