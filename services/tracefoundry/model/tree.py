"""The spans of a trace as a forest: pure functions over any graph a sender can produce.

Parents are ids, and ids can be absent, wrong, doubled or circular. Every span has one
place:

* a *root* has no parent, or its parent is not there (an *orphan*, listed as such too);
* a member of a *cycle* of parents stands in that cycle only, and its other children are roots
  marked ``below_cycle``: their chain of parents never ends, and they must still be shown;
* every other span hangs below one parent: of parents that share the id the one whose interval
  holds the child, else the earliest.

The forest is cut at a depth and at a number of nodes, level by level, so that the top is always
whole; a cut node says how many direct children it does not show, and ``more_roots`` says how many
roots. Nothing here recurses: a chain of 100,000 spans is an ordinary input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracefoundry.model.parents import ParentFacts, cycles_of, parents_of

DEPTH_LIMIT = 100
"""Most levels of nodes: two levels of JSON each, and encoders stop at 254."""
NODE_LIMIT = 10_000


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
    spans: Sequence[ParentFacts], *, depth_limit: int = DEPTH_LIMIT, node_limit: int = NODE_LIMIT
) -> Tree:
    """The forest of these spans, given in any order. Children and roots are ordered by (start,
    span id)."""
    order = sorted(range(len(spans)), key=lambda at: (spans[at].start_time_ns, spans[at].span_id))
    parents = parents_of(spans)
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


def _from_earliest(cycle: list[int], spans: Sequence[ParentFacts]) -> list[int]:
    """The cycle turned so that its earliest member is first, and reversed: it was walked from
    child to parent."""
    downwards = cycle[::-1]
    first = min(
        range(len(downwards)),
        key=lambda at: (spans[downwards[at]].start_time_ns, spans[downwards[at]].span_id),
    )
    return downwards[first:] + downwards[:first]
