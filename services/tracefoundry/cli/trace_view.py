"""A trace on one screen: summary, tree with bars, and what does not fit into a tree.

Pure: the API's answers in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from tracefoundry.cli.answers import as_ns, shown_status, total_tokens
from tracefoundry.cli.display import (
    exact_time,
    human_cost,
    human_count,
    human_duration,
    joined,
    safe,
    status_mark,
    unicode_output,
)
from tracefoundry.cli.waterfall import ASCII, UNICODE, Glyphs, rows, waterfall
from tracefoundry.schemas.spans import Node, Tree, TreeLink
from tracefoundry.schemas.traces import Trace

TERMINAL_LINKS = 20
"""Links listed on a terminal; the rest is counted. All of them elsewhere."""


def trace_view(
    trace: Trace, tree: Tree, *, width: int | None, unicode: bool | None = None
) -> Iterator[Text]:
    """The lines of the view. ``width`` is the terminal's, None for no terminal (nothing is cut)."""
    glyphs = UNICODE if (unicode_output() if unicode is None else unicode) else ASCII
    yield from _header(trace, glyphs)
    yield Text("")
    yield from waterfall(
        list(rows(tree, glyphs)),
        start_ns=as_ns(trace.start_time_ns),
        end_ns=as_ns(trace.end_time_ns),
        width=width,
        glyphs=glyphs,
    )
    yield from _running(tree)
    yield from _outside_the_tree(tree)
    yield from _links(tree, glyphs, TERMINAL_LINKS if width is not None else None)


def _header(trace: Trace, glyphs: Glyphs) -> Iterator[Text]:
    title = Text(safe(trace.root_name or "(no root)"), style="bold")
    title.append("  ")
    status = shown_status(trace)
    title.append(status_mark(status, glyphs=glyphs is UNICODE))
    if glyphs is UNICODE:
        title.append(f" {safe(status)}", "dim")
    yield title
    yield _fact("trace", joined([safe(trace.trace_id), safe(trace.project)]))
    services = ", ".join(safe(name) for name in trace.services) or safe(trace.service or "")
    environment = safe(trace.environment or "")
    if trace.original_environment:
        environment += f" (was {safe(trace.original_environment)})"
    yield _fact("service", joined([services, environment]))
    spans = "span" if trace.span_count == 1 else "spans"
    errors = "error" if trace.error_count == 1 else "errors"
    yield _fact(
        "time",
        joined(
            [
                exact_time(as_ns(trace.start_time_ns)),
                human_duration(as_ns(trace.duration_ns)),
                f"{trace.span_count:,} {spans}",
                f"{trace.error_count:,} {errors}" if trace.error_count else "",
            ]
        ),
    )
    yield from _usage(trace, glyphs)
    people = [
        safe(trace.agent or ""),
        f"conversation {safe(trace.conversation_id)}" if trace.conversation_id else "",
        f"user {safe(trace.user_id)}" if trace.user_id else "",
    ]
    if any(people):
        yield _fact("agent", joined(people))
    warning = joined(_warnings(trace))
    if warning:
        yield _fact("note", warning, style="yellow")


def _usage(trace: Trace, glyphs: Glyphs) -> Iterator[Text]:
    parts = [", ".join(safe(model) for model in trace.models)]
    if total_tokens(trace) is not None:
        known = [human_count(n) or "?" for n in (trace.input_tokens, trace.output_tokens)]
        parts.append(f" {glyphs.arrow} ".join(known) + " tokens")
    if trace.cached_tokens:
        parts.append(f"{human_count(trace.cached_tokens)} cached")
    if trace.reasoning_tokens:
        parts.append(f"{human_count(trace.reasoning_tokens)} reasoning")
    parts.append(human_cost(trace.cost_usd))
    if any(parts):
        yield _fact("model", joined(parts))


def _warnings(trace: Trace) -> list[str]:
    notes = []
    if trace.source != "otlp":
        notes.append(f"source {safe(trace.source)}")
    if trace.missing.roots:
        notes.append("the root has not come")
    if trace.missing.parents:
        noun = "parent is" if trace.missing.parents == 1 else "parents are"
        notes.append(f"{trace.missing.parents:,} {noun} missing")
    if trace.missing.expired:
        notes.append("some spans have expired")
    if trace.totals_pending:
        notes.append("totals are being computed")
    return notes


def _fact(label: str, value: str, *, style: str = "") -> Text:
    return Text().append(f"{label:<9}", "dim").append(value, style)


def _running(tree: Tree) -> Iterator[Text]:
    """Runs whose spans come when they end; they have no place in the tree before that."""
    for run in tree.running:
        facts = [
            safe(run.agent or ""),
            f"since {exact_time(as_ns(run.started_ns))}",
            f"span {safe(run.span_id)}",
        ]
        yield (
            Text()
            .append(f"{'running':<9}", "cyan")
            .append(safe(run.name))
            .append(f"  {joined(facts)}", "dim")
        )


def _outside_the_tree(tree: Tree) -> Iterator[Text]:
    if tree.more_roots:
        yield Text(f"and {tree.more_roots:,} more roots: --spans lists all spans", "yellow")
    if tree.truncated:
        yield Text("The tree holds only the earliest spans: --spans lists all", "yellow")
    if tree.cycles:
        yield Text("")
        noun = "cycle" if len(tree.cycles) == 1 else "cycles"
        yield Text(f"{len(tree.cycles):,} {noun}: spans that are each other's ancestors", "yellow")
        for cycle in tree.cycles:
            yield Text("  " + " ".join(safe(span_id) for span_id in cycle))


def _links(tree: Tree, glyphs: Glyphs, most: int | None) -> Iterator[Text]:
    if not tree.links:
        return
    names = _names(tree)
    yield Text("")
    yield Text(f"Links ({len(tree.links):,}{'+' if tree.more_links else ''})", "dim")
    for link in tree.links[:most]:
        yield _link_line(link, names, glyphs)
    if most is not None and len(tree.links) > most:
        yield Text(f"  and {len(tree.links) - most:,} more: --json shows them", "dim")


def _link_line(link: TreeLink, names: dict[str, str], glyphs: Glyphs) -> Text:
    line = Text("  ")
    _append_span(line, names.get(link.from_span_id), link.from_span_id)
    line.append(f" {glyphs.arrow} ")
    if link.in_trace:
        _append_span(line, names.get(link.span_id), link.span_id)
    else:
        line.append("trace ").append(safe(link.trace_id), "cyan")
        line.append(" span ").append(safe(link.span_id), "cyan")
    facts = [f"{safe(key)}={safe(str(value))}" for key, value in link.attributes.items()]
    if facts:
        line.append("  " + " ".join(facts), "dim")
    return line


def _append_span(line: Text, name: str | None, span_id: str) -> None:
    if name is not None:
        line.append(safe(name) + " ")
    line.append(safe(span_id), "cyan")


def _names(tree: Tree) -> dict[str, str]:
    names: dict[str, str] = {}
    waiting: list[Node] = list(tree.roots)
    while waiting:
        node = waiting.pop()
        names[node.span_id] = node.name
        waiting.extend(node.children)
    return names
