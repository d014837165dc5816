"""The tree of a trace with aligned time bars, as lines of text.

Pure: a tree in, lines out. The walk is a loop with a stack, because a trace may be deeper than
Python's recursion limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tracefoundry.cli.answers import as_ns, shown_kind, usage
from tracefoundry.cli.display import STATUS_STYLES, human_count, human_duration, safe
from tracefoundry.schemas.spans import Node, Tree

KIND_STYLES = {
    "agent": "magenta",
    "llm": "blue",
    "tool": "yellow",
    "chain": "magenta",
    "retriever": "cyan",
    "embedding": "cyan",
    "reranker": "cyan",
    "guardrail": "green",
    "evaluator": "green",
}

LEAST_NAME = 24
LEAST_BAR = 10
UNCUT_BAR = 40
"""Width of the bars where no terminal gives one."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of trees and bars."""

    tee: str
    corner: str
    pipe: str
    blank: str
    full: str
    left_half: str
    right_half: str
    error: str
    arrow: str
    cut: str


UNICODE = Glyphs("├─ ", "└─ ", "│  ", "   ", "━", "╸", "╺", "✗ ", "→", "…")
ASCII = Glyphs("|- ", "`- ", "|  ", "   ", "=", "=", "=", "x ", "->", "...")


@dataclass(slots=True)
class Row:
    """One line of the tree before it is fitted."""

    branch: str
    name: str
    kind: str
    failed: bool
    start_ns: int
    duration_ns: int
    tokens: str
    note: str = ""
    """Shown after the name: an orphan's missing parent, another service."""
    odd: bool = False
    """The note is about something wrong with the tree."""
    placeholder: bool = False
    """Stands for children that were cut off."""


def rows(tree: Tree, glyphs: Glyphs = UNICODE) -> Iterator[Row]:
    """The lines of the tree in depth-first order, cut children as lines of their own."""
    orphans = set(tree.orphans)
    waiting: list[_Waiting | Row] = [_Waiting(root, "", "") for root in reversed(tree.roots)]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, Row):
            yield entry
            continue
        node = entry.node
        yield _row(entry, glyphs, orphan=node.span_id in orphans)
        if node.more_children:
            waiting.append(_cut_row(node, entry.below, glyphs))
        last = not node.more_children
        for child in reversed(node.children):
            waiting.append(
                _Waiting(
                    child,
                    entry.below + (glyphs.corner if last else glyphs.tee),
                    entry.below + (glyphs.blank if last else glyphs.pipe),
                )
            )
            last = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A node whose line is still to come, with the branches in front of it and its children."""

    node: Node
    branch: str
    below: str


def _row(entry: _Waiting, glyphs: Glyphs, *, orphan: bool) -> Row:
    node = entry.node
    note = ""
    if orphan:
        note = f"orphan: parent {safe(node.parent_span_id or '?')} is missing"
    elif node.below_cycle:
        note = f"its parent {safe(node.parent_span_id or '?')} is in a cycle"
    tokens_in, tokens_out = usage(node)
    tokens = ""
    if tokens_in is not None or tokens_out is not None:
        known = [human_count(count) or "?" for count in (tokens_in, tokens_out)]
        tokens = f" {glyphs.arrow} ".join(known)
    return Row(
        entry.branch,
        safe(node.name) or "(no name)",
        safe(shown_kind(node)),
        node.status.code == "error",
        as_ns(node.start_time_ns),
        as_ns(node.duration_ns),
        tokens,
        note,
        odd=orphan or node.below_cycle is True,
    )


def _cut_row(node: Node, below: str, glyphs: Glyphs) -> Row:
    noun = "child" if node.more_children == 1 else "children"
    name = f"{glyphs.cut} {node.more_children:,} more {noun}"
    note = f"--spans --parent {safe(node.span_id)}"
    return Row(below + glyphs.corner, name, "", False, 0, 0, "", note, placeholder=True)


def waterfall(
    lines: list[Row],
    *,
    start_ns: int,
    end_ns: int,
    width: int | None,
    glyphs: Glyphs = UNICODE,
) -> Iterator[Text]:
    """The lines with bars on one time axis that covers the trace and all the spans shown.

    ``width`` is the terminal's; None stands for no terminal: nothing is cut then.
    """
    real = [row for row in lines if not row.placeholder]
    start_ns = min([start_ns, *(row.start_ns for row in real)])
    end_ns = max([end_ns, *(row.start_ns + row.duration_ns for row in real)])
    durations = {row.duration_ns: human_duration(row.duration_ns) for row in real}
    kind_cells = max([0, *(cell_len(row.kind) for row in real)])
    duration_cells = max([0, *(len(text) for text in durations.values())])
    tokens_cells = max([0, *(cell_len(row.tokens) for row in real)])
    label_cells = max([0, *(_label_cells(row, glyphs) for row in lines)])
    bar_cells = UNCUT_BAR
    if width is not None:
        fixed = kind_cells + duration_cells + tokens_cells
        fixed += 2 * (2 + (kind_cells > 0) + (tokens_cells > 0))
        free = max(width - fixed, LEAST_NAME + LEAST_BAR)
        label_cells = min(label_cells, max(LEAST_NAME, free * 3 // 5))
        bar_cells = max(free - label_cells, LEAST_BAR)
    for row in lines:
        line = _label(row, label_cells, glyphs)
        if not row.placeholder:
            style = "red" if row.failed else KIND_STYLES.get(row.kind, "bright_black")
            if kind_cells:
                line.append("  ").append(row.kind.ljust(kind_cells), style)
            line.append("  ")
            line.append(bar(row, start_ns, end_ns, bar_cells, glyphs), style)
            line.append("  ").append(durations[row.duration_ns].rjust(duration_cells))
            if tokens_cells:
                line.append("  ").append(row.tokens.rjust(tokens_cells), "dim")
        line.rstrip()
        yield line


def bar(row: Row, start_ns: int, end_ns: int, cells: int, glyphs: Glyphs = UNICODE) -> str:
    """A span's bar: half-cell steps, never thinner than one, blank around."""
    halves = 2 * cells
    total_ns = max(end_ns - start_ns, 1)
    first = min(halves * (row.start_ns - start_ns) // total_ns, halves - 1)
    end = halves * (row.start_ns + row.duration_ns - start_ns) // total_ns
    end = min(max(end, first + 1), halves)
    begin_cell, end_cell = first // 2, (end + 1) // 2
    drawn = [glyphs.full] * (end_cell - begin_cell)
    if end % 2:
        drawn[-1] = glyphs.left_half
    if first % 2:
        drawn[0] = glyphs.right_half
    return " " * begin_cell + "".join(drawn) + " " * (cells - end_cell)


def _label_cells(row: Row, glyphs: Glyphs) -> int:
    cells = len(row.branch) + cell_len(row.name) + (len(glyphs.error) if row.failed else 0)
    return cells + (2 + cell_len(row.note) if row.note else 0)


def _label(row: Row, cells: int, glyphs: Glyphs) -> Text:
    branch = row.branch
    # Deep branches give way to names: at most half of the column is for them.
    if len(branch) > cells // 2:
        branch = glyphs.cut + branch[len(branch) - cells // 2 + len(glyphs.cut) :]
    line = Text().append(branch, "bright_black")
    left = cells - len(branch)
    if row.failed:
        line.append(glyphs.error, STATUS_STYLES["error"])
        left -= len(glyphs.error)
    name = _cut(row.name, left, glyphs)
    line.append(name, "dim" if row.placeholder else ("red" if row.failed else ""))
    left -= cell_len(name)
    if row.note and left >= 2 + min(cell_len(row.note), 8):
        note = _cut(row.note, left - 2, glyphs)
        line.append("  ").append(note, "yellow" if row.odd else "dim")
        left -= 2 + cell_len(note)
    line.append(" " * left)
    return line


def _cut(text: str, cells: int, glyphs: Glyphs) -> str:
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - len(glyphs.cut), 0)) + glyphs.cut
