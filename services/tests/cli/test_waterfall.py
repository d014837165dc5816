"""The tree with time bars: what a person sees of any trace."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracefoundry.cli.trace_view import trace_view
from tracefoundry.cli.waterfall import Row, bar, rows, waterfall
from tracefoundry.schemas.spans import Tree
from tracefoundry.schemas.traces import Trace

SECOND_NS = 1_000_000_000
START_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z


def node(
    span_id: str, name: str, start_s: float, duration_s: float, *children: Any, **fields: Any
) -> dict[str, Any]:
    """A node as the API sends it."""
    return {
        "span_id": span_id,
        "parent_span_id": None,
        "name": name,
        "kind": "internal",
        "status": {"code": "unset"},
        "start_time_ns": str(START_NS + int(start_s * SECOND_NS)),
        "duration_ns": str(int(duration_s * SECOND_NS)),
        "genai": None,
        "children": list(children),
        **fields,
    }


def tree(*roots: dict[str, Any], **fields: Any) -> Tree:
    """A tree as the API sends it."""
    return msgspec.convert({"roots": list(roots), **fields}, Tree)


def lines(shown: Tree, width: int | None = None, seconds: float = 10) -> list[str]:
    """The lines of the tree alone."""
    end_ns = START_NS + int(seconds * SECOND_NS)
    return [
        line.plain
        for line in waterfall(list(rows(shown)), start_ns=START_NS, end_ns=end_ns, width=width)
    ]


LLM = {"kind": "llm", "input_tokens": 12_345, "output_tokens": 67}
AGENT = {"kind": "agent"}
TOOL = {"kind": "tool"}

RUN = tree(
    node(
        "a" * 16,
        "invoke_agent research",
        0,
        10,
        node("b" * 16, "chat gpt-5", 0, 2.5, genai=LLM),
        node(
            "c" * 16,
            "execute_tool search",
            2.5,
            5,
            node("d" * 16, "POST", 2.6, 4.8, kind="client", status={"code": "error"}),
            genai=TOOL,
        ),
        node("e" * 16, "chat gpt-5", 7.5, 2.5, genai=LLM),
        genai=AGENT,
    )
)


def test_a_run_is_a_tree_with_aligned_bars() -> None:
    """Branches, kinds, bars on one axis, durations, tokens, and a mark where it failed."""
    expected = """\
invoke_agent research   agent   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  10.0s
├─ chat gpt-5           llm     ━━━━━━━━━━                                2.50s  12.3k → 67
├─ execute_tool search  tool              ━━━━━━━━━━━━━━━━━━━━            5.00s
│  └─ ✗ POST            client            ━━━━━━━━━━━━━━━━━━━╸            4.80s
└─ chat gpt-5           llm                                   ━━━━━━━━━━  2.50s  12.3k → 67"""
    assert expected.splitlines() == lines(RUN)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_terminal_is_never_overrun(width: int) -> None:
    """Every line fits, whatever the names."""
    long = tree(node("a" * 16, "注文" * 80, 0, 1, node("b" * 16, "x" * 300, 0, 1, genai=LLM)))
    assert all(cell_len(line) <= width for line in lines(long, width))


def test_names_are_whole_without_a_terminal() -> None:
    """Output that is piped into a file is not cut."""
    assert "x" * 300 in lines(tree(node("a" * 16, "x" * 300, 0, 1)))[0]


def test_orphans_cycles_and_cut_nodes_are_named() -> None:
    """What is wrong with a tree is part of the picture."""
    shown = tree(
        node("a" * 16, "late", 0, 1, parent_span_id="9" * 16),
        node("b" * 16, "looped", 1, 1, parent_span_id="8" * 16, below_cycle=True),
        node("c" * 16, "wide", 2, 1, more_children=1234),
        orphans=["a" * 16],
    )
    labels = [line.partition("━")[0].split("  ╺")[0].rstrip() for line in lines(shown)]
    assert [
        f"late  orphan: parent {'9' * 16} is missing",
        f"looped  its parent {'8' * 16} is in a cycle",
        "wide",
        f"└─ … 1,234 more children  --spans --parent {'c' * 16}",
    ] == labels


def test_cut_children_stand_after_those_shown() -> None:
    """The last branch is the one that says how many are missing."""
    shown = tree(node("a" * 16, "top", 0, 1, node("b" * 16, "one", 0, 1), more_children=1))
    labels = [row.branch + row.name for row in rows(shown)]
    assert ["top", "├─ one", "└─ … 1 more child"] == labels


def test_deep_trees_keep_their_names_on_a_terminal() -> None:
    """A hundred levels of branches give way to the names."""
    deepest = node("f" * 16, "the deepest", 0, 1)
    for _ in range(99):
        deepest = node("a" * 16, "level", 0, 1, deepest)
    last = lines(tree(deepest), 100)[-1]
    assert "the deepest" in last
    assert cell_len(last) <= 100


def test_hostile_names_stay_on_their_line() -> None:
    """Escapes and line ends of a name are shown, not obeyed; brackets are no markup."""
    (line,) = lines(tree(node("a" * 16, "\x1b[2J\n[red]x[/red]", 0, 1)))
    assert line.startswith("␛[2J␊[red]x[/red]")


def test_a_span_outside_the_trace_widens_the_axis() -> None:
    """Clocks differ: a bar is never drawn out of the picture."""
    shown = tree(node("a" * 16, "early", -10, 10), node("b" * 16, "now", 0, 10))
    expected = [f"early  {'━' * 20}{' ' * 20}  10.0s", f"now    {' ' * 20}{'━' * 20}  10.0s"]
    assert expected == lines(shown)


@given(
    start=st.integers(0, 10**20),
    duration=st.integers(0, 10**20),
    total=st.integers(0, 10**20),
    cells=st.integers(1, 200),
)
def test_every_bar_is_visible_and_as_wide_as_its_column(
    start: int, duration: int, total: int, cells: int
) -> None:
    """Bars of no duration too, and bars that begin at the very end."""
    end = start + max(duration, total)
    drawn = bar(Row("", "", "", False, start, duration, ""), 0, end, cells)
    assert (cells, True) == (len(drawn), bool(drawn.strip()))


TRACE = msgspec.convert(
    {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "project": "default",
        "source": "otlp",
        "root_name": "invoke_agent research",
        "service": "research-agent",
        "services": ["research-agent", "tool-service"],
        "environment": "production",
        "status": "error",
        "start_time_ns": str(START_NS),
        "end_time_ns": str(START_NS + 10 * SECOND_NS),
        "duration_ns": str(10 * SECOND_NS),
        "span_count": 5,
        "error_count": 1,
        "models": ["gpt-5"],
        "tools": ["search"],
        "agent": "research",
        "conversation_id": "conv_1",
        "user_id": "user-1",
        "input_tokens": 24_690,
        "output_tokens": 134,
        "cached_tokens": 0,
        "reasoning_tokens": 100,
        "cost_usd": 0.0123,
        "missing": {"roots": False, "parents": 2, "expired": False},
    },
    Trace,
)


def test_the_summary_says_what_the_trace_was() -> None:
    """One screenful: what, where, when, how much, by whom, and what is missing."""
    expected = [
        "invoke_agent research  ✗ error",
        "trace    0af7651916cd43dd8448eb211c80319c · default",
        "service  research-agent, tool-service · production",
        "time     2026-11-21T12:00:00.000Z · 10.0s · 5 spans · 1 error",
        "model    gpt-5 · 24.7k → 134 tokens · 100 reasoning · $0.0123",
        "agent    research · conversation conv_1 · user user-1",
        "note     2 parents are missing",
        "",
    ]
    shown = [line.plain for line in trace_view(TRACE, RUN, width=100, unicode=True)]
    assert expected == shown[: len(expected)]


def test_links_and_cycles_follow_the_tree() -> None:
    """Spans that are shown are named, others are given by their ids."""
    shown = tree(
        node("a" * 16, "second try", 0, 1),
        node("b" * 16, "first try", 0, 1),
        links=[
            {
                "from_span_id": "a" * 16,
                "trace_id": "1" * 32,
                "span_id": "b" * 16,
                "attributes": {"why": "retry"},
                "in_trace": True,
            },
            {"from_span_id": "c" * 16, "trace_id": "2" * 32, "span_id": "d" * 16},
        ],
        cycles=[["e" * 16, "f" * 16]],
        more_roots=7,
    )
    plain = [line.plain for line in trace_view(TRACE, shown, width=None, unicode=True)]
    expected = [
        "and 7 more roots: --spans lists all spans",
        "",
        "1 cycle: spans that are each other's ancestors",
        f"  {'e' * 16} {'f' * 16}",
        "",
        "Links (2)",
        f"  second try {'a' * 16} → first try {'b' * 16}  why=retry",
        f"  {'c' * 16} → trace {'2' * 32} span {'d' * 16}",
    ]
    assert expected == plain[-len(expected) :]


def test_a_small_character_set_gets_plain_characters() -> None:
    """Output in ASCII uses no glyph outside it."""
    view = trace_view(TRACE, RUN, width=100, unicode=False)
    assert all(line.plain.replace(" · ", "").isascii() for line in view)
