"""The span DAG: every graph a sender can produce has one right picture."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.tree import Node, Tree, build_tree


class S(NamedTuple):
    """A span with small ids."""

    span_id: bytes
    parent_span_id: bytes | None
    start_time_ns: int
    end_time_ns: int


def s(number: int, parent: int | None = None, start: int = 0, end: int = 10) -> S:
    """A span by numbers."""
    return S(bytes([number]), None if parent is None else bytes([parent]), start, end)


def shape(nodes: list[Node]) -> list[object]:
    """Nested lists of indices: ``[index, [children...]]``."""
    return [[node.index, shape(node.children)] for node in nodes]


def walk(tree: Tree) -> list[Node]:
    """All nodes that are shown."""
    pending, found = list(tree.roots), []
    while pending:
        node = pending.pop()
        found.append(node)
        pending += node.children
    return found


def test_children_hang_below_their_parent_in_the_order_of_their_start() -> None:
    """An ordinary trace."""
    tree = build_tree([s(3, 1, start=5), s(2, 1, start=2), s(1)])
    assert shape(tree.roots) == [[2, [[1, []], [0, []]]]]


def test_an_orphan_is_a_root_and_is_listed() -> None:
    """Its parent has not come, or never will."""
    tree = build_tree([s(1), s(2, 9, start=1)])
    assert (shape(tree.roots), tree.orphans) == ([[0, []], [1, []]], [1])


def test_several_roots_stand_side_by_side() -> None:
    """Two spans without parents."""
    assert shape(build_tree([s(1), s(2)]).roots) == [[0, []], [1, []]]


def test_a_cycle_stands_only_in_cycles_from_its_earliest_member_down() -> None:
    """1 is the parent of 2, 2 of 3, 3 of 1."""
    tree = build_tree([s(1, 3, start=2), s(2, 1, start=1), s(3, 2, start=3)])
    assert (tree.roots, tree.cycles) == ([], [[1, 2, 0]])


def test_a_span_that_is_its_own_parent_is_a_cycle_of_one() -> None:
    """The smallest cycle."""
    assert build_tree([s(1, 1)]).cycles == [[0]]


def test_what_hangs_below_a_cycle_becomes_a_marked_root_with_its_subtree() -> None:
    """It must not vanish with the cycle."""
    tree = build_tree([s(1, 2), s(2, 1), s(3, 1), s(4, 3)])
    assert (shape(tree.roots), tree.roots[0].below_cycle) == ([[2, [[3, []]]]], True)


def test_of_parents_with_one_id_the_one_whose_interval_holds_the_child_is_taken() -> None:
    """Two spans share an id; the child lies inside the later one."""
    tree = build_tree([s(1, start=0, end=10), s(1, start=20, end=30), s(2, 1, start=22, end=23)])
    assert shape(tree.roots) == [[0, []], [1, [[2, []]]]]


def test_of_parents_with_one_id_the_earliest_is_taken_when_none_holds_the_child() -> None:
    """The child lies outside both."""
    tree = build_tree([s(1, start=20, end=30), s(1, start=0, end=10), s(2, 1, start=50, end=60)])
    assert shape(tree.roots) == [[1, [[2, []]]], [0, []]]


def test_a_deep_chain_is_cut_at_the_depth_limit_with_the_children_left_out() -> None:
    """100,000 levels, without recursion."""
    chain = [
        S(n.to_bytes(4, "big"), (n - 1).to_bytes(4, "big") if n else None, n, n + 1)
        for n in range(100_000)
    ]
    nodes = walk(build_tree(chain))
    assert (len(nodes), nodes[-1].more_children) == (100, 1)


def test_the_node_limit_keeps_the_upper_levels_whole() -> None:
    """Two children fit in, their four children do not all."""
    spans = [s(1), s(2, 1), s(3, 1), s(4, 2), s(5, 2), s(6, 3), s(7, 3)]
    tree = build_tree(spans, node_limit=4)
    assert (shape(tree.roots), [node.more_children for node in tree.roots[0].children]) == (
        [[0, [[1, [[3, []]]], [2, []]]]],
        [1, 2],
    )


def test_roots_beyond_the_node_limit_are_counted() -> None:
    """Nothing is cut silently."""
    tree = build_tree([s(n) for n in range(1, 6)], node_limit=3)
    assert (len(tree.roots), tree.more_roots) == (3, 2)


any_span = st.builds(
    s,
    st.integers(0, 7),
    st.one_of(st.none(), st.integers(0, 9)),
    st.integers(0, 5),
    st.integers(0, 9),
)


@given(st.lists(any_span, max_size=25))
def test_every_span_of_any_graph_stands_exactly_once(spans: list[S]) -> None:
    """As a node or in a cycle; doubled ids, orphans and self-parents included."""
    tree = build_tree(spans)
    places = Counter(node.index for node in walk(tree))
    places.update(index for cycle in tree.cycles for index in cycle)
    assert places == Counter(range(len(spans)))


@given(st.lists(any_span, max_size=25), st.integers(1, 4), st.integers(1, 8))
def test_limits_hold_and_every_cut_is_counted(spans: list[S], depth: int, limit: int) -> None:
    """What is shown plus what hangs below cuts is everything."""
    whole = {node.index: node for node in walk(build_tree(spans))}
    cut = build_tree(spans, depth_limit=depth, node_limit=limit)
    shown = walk(cut)
    assert len(shown) == cut.nodes <= limit
    assert [len(node.children) + node.more_children for node in shown] == [
        len(whole[node.index].children) for node in shown
    ]


@given(st.lists(any_span, max_size=25))
def test_orphans_are_the_roots_whose_parent_id_nobody_has(spans: list[S]) -> None:
    """Neither more nor fewer."""
    tree = build_tree(spans)
    ids = {span.span_id for span in spans}
    absent = {at for at, x in enumerate(spans) if x.parent_span_id and x.parent_span_id not in ids}
    assert set(tree.orphans) == absent
    assert absent <= {node.index for node in tree.roots}


@given(st.lists(any_span, max_size=25))
def test_a_child_hangs_below_a_span_with_its_parent_id(spans: list[S]) -> None:
    """Whatever the choice among doubles."""
    for node in walk(build_tree(spans)):
        for child in node.children:
            assert spans[child.index].parent_span_id == spans[node.index].span_id


@given(st.permutations([s(1), s(2, 1), s(3, 1, start=1), s(4, 9), s(5, 6), s(6, 5)]))
def test_the_order_of_arrival_does_not_matter(spans: list[S]) -> None:
    """The picture is the same by span id."""
    tree = build_tree(spans)
    by_id = [
        (spans[node.index].span_id, [spans[child.index].span_id for child in node.children])
        for node in tree.roots
    ]
    assert by_id == [(b"\1", [b"\2", b"\3"]), (b"\4", [])]
