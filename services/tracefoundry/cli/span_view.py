"""Spans as a flat list, and one span with everything that it holds.

Pure: the API's answers in, columns or lines out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.text import Text

from tracefoundry.cli.answers import as_ns, shown_kind, usage
from tracefoundry.cli.columns import Column
from tracefoundry.cli.display import (
    exact_time,
    human_count,
    human_duration,
    joined,
    safe,
    status_mark,
)
from tracefoundry.schemas.spans import PayloadEntry, RedactionCount, Skeleton, Span

TERMINAL_VALUE = 2_000
"""Characters of one value shown on a terminal; the cut is said. Elsewhere all are shown."""

INDENT = "  "


def span_columns(spans: Sequence[Skeleton]) -> list[Column]:
    """The columns of a flat list of spans, in the order of the API (start, span id)."""
    start = Column("start", rank=3)
    span_id = Column("span")
    parent_id = Column("parent", rank=2)
    name = Column("name", least=16)
    kind = Column("kind", rank=1)
    status = Column("status")
    duration = Column("duration", justify="right")
    tokens_in = Column("in", justify="right", rank=1)
    tokens_out = Column("out", justify="right", rank=1)
    for span in spans:
        start.cells.append(Text(exact_time(as_ns(span.start_time_ns)), "dim"))
        span_id.cells.append(Text(safe(span.span_id), "cyan"))
        parent_id.cells.append(Text(safe(span.parent_span_id or ""), "dim"))
        name.cells.append(Text(safe(span.name)))
        kind.cells.append(Text(safe(shown_kind(span)), "dim"))
        status.cells.append(status_mark(span.status.code, glyphs=False))
        duration.cells.append(Text(human_duration(as_ns(span.duration_ns))))
        counts = usage(span)
        tokens_in.cells.append(Text(human_count(counts[0])))
        tokens_out.cells.append(Text(human_count(counts[1])))
    return [start, span_id, parent_id, name, kind, status, duration, tokens_in, tokens_out]


def span_view(span: Span, *, width: int | None) -> Iterator[Text]:
    """The lines of one span: what it is, then its attributes, events, links, logs and payloads.

    ``width`` is that of the terminal; None where there is none and nothing is cut.
    """
    most = None if width is None else TERMINAL_VALUE
    yield (
        Text()
        .append(safe(span.name) or "(no name)", "bold")
        .append(f"  {safe(shown_kind(span))}", "dim")
    )
    status = Text().append_text(status_mark(span.status.code, glyphs=False))
    if span.status.message:
        status.append(" " + safe(span.status.message))
    yield _fact("status", status)
    yield _fact("span", _plain(joined([safe(span.span_id), f"trace {safe(span.trace_id)}"])))
    if span.parent_span_id:
        yield _fact("parent", _plain(safe(span.parent_span_id)))
    if span.service:
        yield _fact("service", _plain(safe(span.service)))
    scope = joined([safe(span.scope.name), safe(span.scope.version)]) if span.scope else ""
    if scope:
        yield _fact("scope", _plain(scope))
    times = joined([exact_time(as_ns(span.start_time_ns)), human_duration(as_ns(span.duration_ns))])
    yield _fact("time", _plain(times))
    for warning in span.warnings or ():
        yield _fact("note", Text(safe(warning.replace("_", " ")), "yellow"))
    if span.more:
        parts = ", ".join(safe(part) for part in sorted(span.more))
        more = f"not all {parts} are here: --json has the cursors of /api/spans/{{id}}/parts"
        yield _fact("note", Text(more, "yellow"))
    yield from _section("Attributes", span.attributes, most)
    yield from _section("Resource", span.resource or {}, most)
    start_ns = as_ns(span.start_time_ns)
    for event in span.events:
        title = f"Event {event.name} {_offset(as_ns(event.time_ns) - start_ns)}"
        yield from _section(title, event.attributes, most, even_empty=True)
    for link in span.links:
        title = f"Link to span {link.span_id} of trace {link.trace_id}"
        yield from _section(title, link.attributes, most, even_empty=True)
    for log in span.logs:
        title = f"Log {log.name} {_offset(as_ns(log.time_ns) - start_ns)}"
        body = {} if log.body is None else {"body": log.body}
        yield from _section(title, {**log.attributes, **body}, most, even_empty=True)
    if span.payloads:
        yield Text("")
        yield Text("Payloads", "bold")
        for payload in span.payloads:
            yield from _payload(payload, width)
    redactions = [one for log in span.logs for one in log.redactions]
    redactions = [*span.redactions, *redactions]
    if redactions:
        yield Text("")
        yield Text("Redactions", "bold")
        for rule, count in _counts(redactions).items():
            yield Text(INDENT).append(safe(rule), "cyan").append(f" = {count:,}")


def _payload(payload: PayloadEntry, width: int | None) -> Iterator[Text]:
    """One payload: where it stood and its state, the ref to ask for it by, how it begins."""
    state = payload.state
    facts = [
        safe(payload.slot),
        safe(payload.place),
        "" if payload.bytes is None else f"{payload.bytes:,} bytes",
        safe(f"{state} {payload.expired_at}" if payload.expired_at else state),
    ]
    yield (
        Text(INDENT)
        .append(safe(payload.key), "cyan")
        .append("  " + joined(facts), "" if state == "present" else "yellow")
    )
    if payload.ref:
        yield Text(2 * INDENT + safe(payload.ref), "dim")
    if payload.preview:
        line = Text(2 * INDENT + safe(payload.preview))
        if width is not None:
            line.truncate(width, overflow="ellipsis")
        yield line


def _counts(redactions: Sequence[RedactionCount]) -> dict[str, int]:
    """How often each rule took something out."""
    counts: dict[str, int] = {}
    for one in redactions:
        counts[one.rule] = counts.get(one.rule, 0) + one.count
    return counts


def _fact(label: str, value: Text) -> Text:
    return Text().append(f"{label:<9}", "dim").append_text(value)


def _plain(text: str) -> Text:
    return Text(text)


def _offset(ns: int) -> str:
    return f"{'-' if ns < 0 else '+'}{human_duration(abs(ns))}"


def _section(
    title: str, values: Mapping[str, Any], most: int | None, *, even_empty: bool = False
) -> Iterator[Text]:
    if not values and not even_empty:
        return
    yield Text("")
    yield Text(safe(title), "bold")
    for key, value in values.items():
        yield from _value_lines(safe(key), value, most)


def _value_lines(key: str, value: Any, most: int | None) -> Iterator[Text]:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    left = 0
    if most is not None and len(text) > most:
        left = len(text) - most
        text = text[:most]
    lines = [safe(line.rstrip("\r")) for line in text.split("\n")]
    head = Text(INDENT).append(key, "cyan").append(" =")
    if len(lines) == 1:
        yield head.append(" " + lines[0])
    else:
        # Lines of a value are indented, so that none looks like output of this command.
        yield head
        for line in lines:
            yield Text(2 * INDENT + line)
    if left:
        noun = "character" if left == 1 else "characters"
        yield Text(f"{2 * INDENT}({left:,} more {noun}: --json shows them)", "dim")
