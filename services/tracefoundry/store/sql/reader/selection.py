"""What is asked of a list of traces, and where its pages end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sort = Literal["newest", "slowest", "expensive"]

ANY_TIME_NS = 2**63 - 1
"""The largest time the databases can hold: an open end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSelection:
    """Filters of a trace list. None means no filter; bounds are inclusive unless said otherwise.

    A bound on duration, tokens or cost leaves out traces where the value is unknown.
    """

    start_ns: int
    """Earliest start of a trace."""
    end_ns: int
    """Exclusive latest start of a trace."""
    service: str | None = None
    """Any of the trace's services is exactly this."""
    environment: str | None = None
    status: int | None = None
    """OTLP status code of the trace."""
    model: str | None = None
    """Any of the trace's request or response models is exactly this."""
    tool: str | None = None
    """The name of any of the trace's tools holds this text, in this case."""
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    min_tokens: int | None = None
    """Input plus output tokens; one of the two being unknown counts as 0."""
    max_tokens: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class SpanPosition:
    """Place of a span in its trace: spans are ordered by start, then id."""

    start_time_ns: int
    span_id: bytes


@dataclass(frozen=True, slots=True)
class TracePosition:
    """Place of a trace in a sorted list: the page after it begins behind this trace.

    ``value`` is what the list is sorted by first: start (ns), duration (ns) or cost (US dollars,
    -1 for unknown). A text search that ran out of time inside this trace sets ``inside``: it goes
    on in this trace behind that span.
    """

    value: int | float
    start_time_ns: int
    trace_id: bytes
    project_id: int
    inside: SpanPosition | None = None
