"""Spans: skeletons, whole spans, and the tree."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tracefoundry.model.genai.view import GenAIKind
from tracefoundry.model.payload import PayloadState, Slot
from tracefoundry.schemas.fields import (
    Cursor,
    DurationNs,
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

SpanWarning = Literal[
    "end_before_start", "content_withheld", "text_cut", "fields_left_out", "envelope_cut"
]
"""``text_cut``: the name, status message or another text is longer than 64 Ki characters (in a
skeleton: the name is longer than 2,048). ``fields_left_out``: a single field or attribute is larger
than an answer shows. ``envelope_cut``: not all of the resource or scope is here."""

SpanPart = Literal["attributes", "events", "links", "payloads"]


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
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cost_usd: Usd | None = None


class Skeleton(msgspec.Struct, gc=False):
    """What a tree with bars needs of a span."""

    span_id: SpanId
    parent_span_id: SpanId | None = None
    name: str = ""
    kind: SpanKind = "unspecified"
    status: StatusCode = msgspec.field(default_factory=lambda: StatusCode("unset"))
    start_time_ns: TimeNs = "0"
    duration_ns: DurationNs = "0"
    genai: SkeletonGenAI | None = None
    warnings: list[SpanWarning] | UnsetType = UNSET


class SkeletonPage(msgspec.Struct):
    """A page of skeletons by start, then span id."""

    spans: list[Skeleton]
    next_cursor: Cursor = None


class Node(Skeleton, gc=False):
    """A span in the tree."""

    children: list[Node] = []
    more_children: Annotated[
        int | UnsetType, Meta(description="Direct children that a limit leaves out.")
    ] = UNSET
    below_cycle: Annotated[
        bool | UnsetType, Meta(description="A root only because its parent is in a cycle.")
    ] = UNSET


class TreeLink(msgspec.Struct, kw_only=True):
    """A link from a span of the trace to any span."""

    from_span_id: SpanId
    trace_id: str
    span_id: str
    attributes: JsonObject = {}
    in_trace: bool = False
    trace_state: str | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    cut: bool | UnsetType = UNSET


class RunningSpan(msgspec.Struct, kw_only=True):
    """An agent run that has started and whose span has not come."""

    span_id: SpanId
    name: Annotated[str, Meta(description="The name that the span will have.")]
    started_ns: TimeNs
    service: str | None = None
    agent: str | None = None
    conversation_id: str | None = None


class Tree(msgspec.Struct, kw_only=True):
    """The spans of a trace as a forest, to depth 100 and 10,000 nodes, with what does not fit."""

    roots: list[Node]
    orphans: Annotated[list[SpanId], Meta(description="Spans whose parent is not there.")] = []
    cycles: Annotated[list[list[SpanId]], Meta(description="Cycles of parents.")] = []
    links: list[TreeLink] = []
    running: Annotated[
        list[RunningSpan],
        Meta(description="Runs that go on, by start; the spans below them are orphans until then."),
    ] = []
    more_roots: Annotated[int, Meta(description="Roots that the limit leaves out.")] = 0
    more_links: Annotated[bool, Meta(description="There are more than 10,000 links.")] = False
    truncated: Annotated[
        bool, Meta(description="The trace has more than 200,000 spans; the earliest are used.")
    ] = False


class GenAI(msgspec.Struct, gc=False, kw_only=True):
    """The GenAI view of a span, derived from its attributes (docs/genai.md)."""

    kind: GenAIKind
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] | None = None
    agent: str | None = None
    tool: str | None = None
    tool_call_id: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    cost_usd: Usd | None = None
    cost_source: SpanCostSource | None = None
    price_version: str | None = None
    dialect: str = ""
    counts: Annotated[
        bool | None,
        Meta(
            description="Whether its usage counts in the trace's totals; null where it has none,"
            " or where that is not known."
        ),
    ] = None


Cut = Annotated[
    bool | UnsetType, Meta(description="Too large for an answer: only its first parts are here.")
]


class Event(msgspec.Struct, kw_only=True):
    """A moment inside a span."""

    name: str
    time_ns: TimeNs
    attributes: JsonObject = {}
    dropped_attributes_count: int | UnsetType = UNSET
    cut: Cut = UNSET


class Link(msgspec.Struct, kw_only=True):
    """A pointer to another span, as it was sent."""

    trace_id: str
    span_id: str
    attributes: JsonObject = {}
    trace_state: str | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    cut: Cut = UNSET


class RedactionCount(msgspec.Struct):
    """How often a rule took something out."""

    rule: str
    count: int


class Log(msgspec.Struct, gc=False, kw_only=True):
    """A GenAI event that came as a log record of the span."""

    name: str
    time_ns: TimeNs
    severity: str | None = None
    severity_number: int | None = None
    attributes: JsonObject = {}
    body: Any = None
    redactions: list[RedactionCount] = []
    observed_time_ns: TimeNs | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET
    cut: Cut = UNSET


class Scope(msgspec.Struct, gc=False):
    """An instrumentation scope."""

    name: str = ""
    version: str = ""
    attributes: JsonObject = {}
    schema_url: str | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET


class PayloadEntry(msgspec.Struct, gc=False, kw_only=True):
    """A value that left its place for the payload store, or was taken out of it."""

    slot: Slot
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
    ] = None
    bytes: int | None = None
    media_type: str | None = None
    state: PayloadState
    preview: Annotated[
        str | None,
        Meta(
            description="The first 256 characters. Null for those who may not read content, and"
            " where nothing is stored."
        ),
    ] = None
    expired_at: str | None = None


class Span(msgspec.Struct, gc=False, kw_only=True):
    """A whole span."""

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None = None
    name: str
    kind: SpanKind = "unspecified"
    status: Status = msgspec.field(default_factory=lambda: Status("unset"))
    start_time_ns: TimeNs = "0"
    end_time_ns: TimeNs = "0"
    duration_ns: DurationNs = "0"
    flags: int = 0
    service: str | None = None
    attributes: JsonObject = {}
    resource: JsonObject | None = None
    scope: Scope | None = None
    events: list[Event] = []
    links: list[Link] = []
    logs: list[Log] = []
    genai: GenAI | None = None
    payloads: list[PayloadEntry] = []
    redactions: list[RedactionCount] = []
    trace_state: str | UnsetType = UNSET
    dropped_attributes_count: int | UnsetType = UNSET
    dropped_events_count: int | UnsetType = UNSET
    dropped_links_count: int | UnsetType = UNSET
    mended_strings: int | UnsetType = UNSET
    resource_schema_url: str | UnsetType = UNSET
    warnings: list[SpanWarning] | UnsetType = UNSET
    more: Annotated[
        dict[SpanPart, str] | UnsetType,
        Meta(
            description="Parts of which only the first 4,194,304 characters are here, each with the"
            " `cursor` with which `/api/spans/{span_id}/parts` goes on."
        ),
    ] = UNSET


class SpanPage(msgspec.Struct):
    """A page of whole spans by start, then span id."""

    spans: list[Span]
    next_cursor: Cursor = None
    logs_truncated: Annotated[
        bool | UnsetType,
        Meta(description="One span alone has more logs than fit; its latest ones are left out."),
    ] = UNSET


class SpansOfId(msgspec.Struct):
    """The spans with one id in a trace; usually one."""

    spans: list[Span]
    truncated: Annotated[bool | UnsetType, Meta(description="More spans have this id.")] = UNSET
    logs_truncated: bool | UnsetType = UNSET


class PartPage(msgspec.Struct, kw_only=True):
    """Some members of one part of a span; the fields of the other parts are empty."""

    part: SpanPart
    attributes: JsonObject = {}
    events: list[Event] = []
    links: list[Link] = []
    payloads: list[PayloadEntry] = []
    next_cursor: Cursor = None
    left_out: Annotated[
        bool | UnsetType,
        Meta(description="A member is larger than an answer may be; it is skipped."),
    ] = UNSET
