"""A list of traces as a table: what a person compares, one line a trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from tracefoundry.cli.answers import as_ns, shown_status, total_tokens
from tracefoundry.cli.columns import Column
from tracefoundry.cli.display import (
    exact_time,
    human_cost,
    human_count,
    human_duration,
    human_time,
    safe,
    status_mark,
    unicode_output,
    window,
)
from tracefoundry.schemas.traces import Trace, TraceList


def trace_columns(
    traces: Sequence[Trace], *, now_ns: int, terminal: bool, zone: tzinfo | None = None
) -> list[Column]:
    """The columns: local times and marks on a terminal, exact times and words elsewhere."""
    time = Column("time" if terminal else "start")
    trace_id = Column("trace")
    mark = Column("" if terminal else "status")
    name = Column("name", least=20)
    service = Column("service", least=14, rank=3)
    duration = Column("duration", justify="right")
    spans = Column("spans", justify="right", rank=4)
    errors = Column("errors", justify="right", rank=2)
    tokens = Column("tokens", justify="right", rank=1)
    cost = Column("cost", justify="right", rank=1)
    for trace in traces:
        start_ns = as_ns(trace.start_time_ns)
        shown = human_time(start_ns, now_ns=now_ns, zone=zone) if terminal else exact_time(start_ns)
        time.cells.append(Text(shown, style="dim"))
        trace_id.cells.append(Text(safe(trace.trace_id), style="cyan"))
        mark.cells.append(status_mark(shown_status(trace), glyphs=terminal and unicode_output()))
        name.cells.append(Text(safe(trace.root_name or "?")))
        service.cells.append(Text(safe(trace.service or ""), style="dim"))
        duration.cells.append(Text(human_duration(as_ns(trace.duration_ns))))
        spans.cells.append(Text(f"{trace.span_count:,}", style="dim"))
        errors.cells.append(Text(f"{trace.error_count:,}" if trace.error_count else "", "red"))
        pending = "+" if trace.totals_pending else ""
        tokens.cells.append(Text(human_count(total_tokens(trace)) + pending))
        cost.cells.append(Text(human_cost(trace.cost_usd)))
    return [time, trace_id, mark, name, service, duration, spans, errors, tokens, cost]


def window_line(page: TraceList, count: int, *, now_ns: int) -> str:
    """How many traces are shown, and of which time: every list is bounded by time and says so."""
    shown = f"{count:,} {'trace' if count == 1 else 'traces'}"
    start_ns = as_ns(page.start_ns)
    shown += window(start_ns, as_ns(page.end_ns), now_ns=now_ns)
    return shown if count or not start_ns else f"{shown}. For older ones: --since all"
