"""The API's answers, as far as the commands read them.

Unknown fields are ignored and most are optional, so that a newer server does not break an older
command line. Times are decimal strings in JSON; :func:`as_ns` makes integers of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

Nanoseconds = str | int
"""Decimal digits, as JSON carries them; a plain number is taken too."""


def as_ns(text: Nanoseconds | None) -> int:
    """The integer; 0 where there is none."""
    try:
        return int(text or 0)
    except ValueError:
        return 0


class Missing(msgspec.Struct):
    """What a trace lacks."""

    roots: bool | int = False
    parents: int = 0
    expired: bool | int = False


class Trace(msgspec.Struct):
    """A trace's summary."""

    trace_id: str
    start_time_ns: Nanoseconds
    end_time_ns: Nanoseconds
    duration_ns: Nanoseconds
    span_count: int
    error_count: int
    project: str = ""
    source: str = "otlp"
    root_name: str | None = None
    service: str | None = None
    services: list[str] = []
    environment: str | None = None
    status: str = "unset"
    models: list[str] = []
    tools: list[str] = []
    agent: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    totals_pending: bool = False
    missing: Missing = msgspec.field(default_factory=Missing)

    @property
    def tokens(self) -> int | None:
        """Input and output together; None when neither is known."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)


class TraceList(msgspec.Struct):
    """A page of traces."""

    traces: list[Trace]
    start_ns: Nanoseconds | None = None
    end_ns: Nanoseconds | None = None
    next_cursor: str | None = None
    search_complete: bool = True


class Status(msgspec.Struct):
    """A span's status."""

    code: str = "unset"
    message: str | None = None


class GenAI(msgspec.Struct):
    """The part of the GenAI view that is shown."""

    kind: str | None = None
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    agent: str | None = None
    tool: str | None = None
    conversation_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class Skeleton(msgspec.Struct):
    """A span without its attributes."""

    span_id: str
    name: str
    parent_span_id: str | None = None
    kind: str = "unspecified"
    genai: GenAI | None = None
    status: Status = msgspec.field(default_factory=Status)
    start_time_ns: Nanoseconds = "0"
    duration_ns: Nanoseconds = "0"
    service: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None

    @property
    def shown_kind(self) -> str:
        """The GenAI kind where there is one, else the span kind where it says anything."""
        if self.genai is not None and self.genai.kind not in (None, "other"):
            return str(self.genai.kind)
        return "" if self.kind in ("internal", "unspecified") else self.kind

    @property
    def usage(self) -> tuple[int | None, int | None]:
        """Input and output tokens."""
        if self.genai is not None and self.input_tokens is None and self.output_tokens is None:
            return self.genai.input_tokens, self.genai.output_tokens
        return self.input_tokens, self.output_tokens


class Node(Skeleton):
    """A span in the tree."""

    children: list[Node] = []
    more_children: int = 0
    below_cycle: bool = False


class TreeLink(msgspec.Struct):
    """A link from a span of the trace to any span."""

    from_span_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, Any] = {}
    in_trace: bool = False


class Tree(msgspec.Struct):
    """A trace as a tree with what does not fit into one."""

    roots: list[Node]
    orphans: list[str] = []
    cycles: list[list[str]] = []
    links: list[TreeLink] = []
    more_roots: int = 0
    more_links: bool = False
    truncated: bool = False


class SkeletonPage(msgspec.Struct):
    """A page of spans."""

    spans: list[Skeleton]
    next_cursor: str | None = None


class Event(msgspec.Struct):
    """A moment inside a span."""

    name: str = ""
    time_ns: Nanoseconds = "0"
    attributes: dict[str, Any] = {}


class Link(msgspec.Struct):
    """A pointer to another span."""

    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, Any] = {}


class Log(msgspec.Struct):
    """A log record of a span."""

    name: str = ""
    time_ns: Nanoseconds = "0"
    severity: Any = None
    attributes: dict[str, Any] = {}
    body: Any = None
    redactions: list[dict[str, Any]] = []


class Scope(msgspec.Struct):
    """An instrumentation scope."""

    name: str = ""
    version: str = ""


class Span(Skeleton):
    """A whole span."""

    trace_id: str = ""
    end_time_ns: Nanoseconds = "0"
    attributes: dict[str, Any] = {}
    resource: dict[str, Any] | None = None
    scope: Scope | None = None
    events: list[Event] = []
    links: list[Link] = []
    logs: list[Log] = []
    payloads: list[dict[str, Any]] = []
    redactions: list[dict[str, Any]] = []
    warnings: list[str] = []


class SpanAnswer(msgspec.Struct):
    """All spans with one id."""

    spans: list[Span]


class Group(msgspec.Struct):
    """One line of the statistics."""

    key: str | None = None
    traces: int = 0
    spans: int = 0
    errors: int = 0
    p50_ns: Nanoseconds | None = None
    p95_ns: Nanoseconds | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class Stats(msgspec.Struct):
    """Statistics by one thing."""

    groups: list[Group]
    start_ns: Nanoseconds | None = None
    end_ns: Nanoseconds | None = None
    truncated: bool = False


class Receipt(msgspec.Struct):
    """What a delete removed."""

    spans: int = 0
    logs: int = 0
    payload_refs: int = 0
    objects_total: int = 0
    kept_shared: int = 0
    traces: int = 0
    completed_at: Any = None
