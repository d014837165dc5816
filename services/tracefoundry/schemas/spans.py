"""Spans: skeletons, whole spans, and the tree."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tracefoundry.schemas.fields import (
    Cursor,
    DurationNs,
    GenAIKind,
    JsonObject,
    SpanCostSource,
    SpanId,
    SpanKind,
    TimeNs,
    Tokens,
    TraceId,
    TraceStatus,
    Usd,
)

Warning = Literal["end_before_start", "content_withheld"]


class StatusCode(msgspec.Struct, gc=False):
    """The code of a span's status."""

    code: TraceStatus


class Status(msgspec.Struct, gc=False):
    """A span's status."""

    code: TraceStatus
    message: str | None = None


class SkeletonGenAI(msgspec.Struct, gc=False):
    """What a skeleton shows of the GenAI view."""

    kind: GenAIKind
    input_tokens: Tokens | None
    output_tokens: Tokens | None
    cost_usd: Usd | None


class Skeleton(msgspec.Struct, gc=False):
    """What a tree with bars needs of a span."""

    span_id: SpanId
    parent_span_id: SpanId | None
    name: str
    kind: SpanKind
    status: StatusCode
    start_time_ns: TimeNs
    duration_ns: DurationNs
    genai: SkeletonGenAI | None
    warnings: list[Warning] | UnsetType = UNSET


class SkeletonPage(msgspec.Struct):
    """A page of skeletons by start, then span id."""

    spans: list[Skeleton]
    next_cursor: Cursor


class Node(Skeleton, gc=False):
    """A span in the tree."""

    children: list[Node] = []
    more_children: Annotated[
        int | UnsetType, Meta(description="Direct children that a limit leaves out.")
    ] = UNSET
    below_cycle: Annotated[
        bool | UnsetType, Meta(description="A root only because its parent is in a cycle.")
    ] = UNSET


class TreeLink(msgspec.Struct):
    """A link from a span of the trace to any span."""

    from_span_id: SpanId
    trace_id: str
    span_id: str
    attributes: JsonObject
    in_trace: bool
    trace_state: str | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET


class Tree(msgspec.Struct):
    """The spans of a trace as a forest, to depth 100 and 10,000 nodes, with what does not fit."""

    roots: list[Node]
    orphans: Annotated[list[SpanId], Meta(description="Spans whose parent is not there.")]
    cycles: Annotated[list[list[SpanId]], Meta(description="Cycles of parents.")]
    links: list[TreeLink]
    more_roots: Annotated[int, Meta(description="Roots that the limit leaves out.")]
    more_links: Annotated[bool, Meta(description="There are more than 10,000 links.")]
    truncated: Annotated[
        bool, Meta(description="The trace has more than 200,000 spans; the earliest are used.")
    ]


class GenAI(msgspec.Struct, gc=False):
    """The GenAI view of a span, derived from its attributes (docs/genai.md)."""

    kind: GenAIKind
    operation: str | None
    provider: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    finish_reasons: list[str] | None
    agent: str | None
    tool: str | None
    tool_call_id: str | None
    conversation_id: str | None
    user_id: str | None
    input_tokens: Tokens | None
    output_tokens: Tokens | None
    cached_tokens: Tokens | None
    cache_write_tokens: Tokens | None
    reasoning_tokens: Tokens | None
    cost_usd: Usd | None
    cost_source: SpanCostSource | None
    price_version: str | None
    dialect: str
    counts: Annotated[
        bool | None,
        Meta(
            description="Whether its usage counts in the trace's totals; null where it has none,"
            " or where that is not known."
        ),
    ]


class Event(msgspec.Struct):
    """A moment inside a span."""

    name: str
    time_ns: TimeNs
    attributes: JsonObject
    dropped_attributes_count: int | UnsetType = UNSET


class Link(msgspec.Struct):
    """A pointer to another span, as it was sent."""

    trace_id: str
    span_id: str
    attributes: JsonObject
    trace_state: str | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET


class RedactionCount(msgspec.Struct):
    """How often a rule took something out."""

    rule: str
    count: int


class Log(msgspec.Struct, gc=False):
    """A GenAI event that came as a log record of the span."""

    name: str
    time_ns: TimeNs
    severity: str | None
    severity_number: int | None
    attributes: JsonObject
    body: Any
    redactions: list[RedactionCount]
    observed_time_ns: TimeNs | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET


class Scope(msgspec.Struct, gc=False):
    """An instrumentation scope."""

    name: str
    version: str
    attributes: JsonObject
    schema_url: str | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET


class PayloadEntry(msgspec.Struct, gc=False):
    """A value that left its place for the payload store, or was taken out of it."""

    slot: Literal[
        "input_messages",
        "output_messages",
        "system_instructions",
        "tool_definitions",
        "tool_arguments",
        "tool_result",
        "documents",
        "attribute",
    ]
    place: Annotated[
        str,
        Meta(
            description="Where it stood: `span`, `resource`, `scope`, `events/<i>`, `links/<i>` or"
            " `logs/<i>`."
        ),
    ]
    key: str
    type: Annotated[str, Meta(description="The OTLP type that it had there.")]
    ref: Annotated[
        str | None,
        Meta(
            description="`sha256:` and 64 hex digits; null for those who may not read content, and"
            " where nothing was stored."
        ),
    ]
    bytes: int | None
    media_type: str | None
    state: Literal["present", "redacted", "withheld", "expired", "deleted", "missing", "dangling"]
    preview: str | None
    expired_at: str | None


class Span(msgspec.Struct, gc=False):
    """A whole span."""

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None
    name: str
    kind: SpanKind
    status: Status
    start_time_ns: TimeNs
    end_time_ns: TimeNs
    duration_ns: DurationNs
    flags: int
    service: str | None
    attributes: JsonObject
    resource: JsonObject | None
    scope: Scope | None
    events: list[Event]
    links: list[Link]
    logs: list[Log]
    genai: GenAI | None
    payloads: list[PayloadEntry]
    redactions: list[RedactionCount]
    trace_state: str | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    dropped_events_count: int | UnsetType = UNSET
    dropped_links_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET
    resource_schema_url: str | UnsetType = UNSET
    warnings: list[Warning] | UnsetType = UNSET


class SpanPage(msgspec.Struct):
    """A page of whole spans by start, then span id."""

    spans: list[Span]
    next_cursor: Cursor
    logs_truncated: Annotated[
        bool | UnsetType,
        Meta(description="One span alone has more logs than fit; its latest ones are left out."),
    ] = UNSET


class SpansOfId(msgspec.Struct):
    """The spans with one id in a trace; usually one."""

    spans: list[Span]
    truncated: Annotated[bool | UnsetType, Meta(description="More spans have this id.")] = UNSET
    logs_truncated: bool | UnsetType = UNSET
