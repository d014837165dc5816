"""Traces, lists of them, and statistics."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tracefoundry.schemas.fields import (
    CostSource,
    Cursor,
    DurationNs,
    TimeNs,
    Tokens,
    TraceId,
    TraceStatus,
    Usd,
)


class Missing(msgspec.Struct):
    """What a trace lacks."""

    roots: Annotated[bool, Meta(description="No span without a parent has come.")]
    parents: Annotated[int, Meta(description="Parent ids that no span of the trace has.")]
    expired: Annotated[bool, Meta(description="Spans of it are past retention.")]


class Trace(msgspec.Struct):
    """A trace. Its root is the earliest span without a parent, else the earliest orphan."""

    trace_id: TraceId
    project: str
    source: Literal["otlp", "bundle_import", "file_import"]
    root_name: str
    service: Annotated[str | None, Meta(description="The root's service.")]
    services: list[str]
    environment: str | None
    status: TraceStatus
    start_time_ns: TimeNs
    end_time_ns: TimeNs
    duration_ns: DurationNs
    span_count: int
    error_count: int
    models: list[str]
    tools: list[str]
    agent: str | None
    conversation_id: str | None
    user_id: str | None
    input_tokens: Tokens | None
    output_tokens: Tokens | None
    cached_tokens: Tokens | None
    reasoning_tokens: Tokens | None
    cost_usd: Usd | None
    cost_source: CostSource | None
    totals_pending: Annotated[
        bool, Meta(description="Tokens, cost, models and status are being computed anew.")
    ]
    missing: Missing


class TraceList(msgspec.Struct):
    """A page of traces, and the window of time that all pages are about."""

    traces: list[Trace]
    start_ns: TimeNs
    end_ns: TimeNs
    next_cursor: Cursor
    search_complete: Annotated[
        bool,
        Meta(description="False where a text search stopped after 2 s; next_cursor goes on."),
    ]


class StatisticsGroup(msgspec.Struct):
    """Figures over the spans of one group. Percentiles are the nearest rank."""

    key: Annotated[str | None, Meta(description="The group; null for spans without a service.")]
    traces: int
    spans: int
    errors: int
    p50_ns: DurationNs
    p95_ns: DurationNs
    input_tokens: Tokens | None
    output_tokens: Tokens | None
    cost_usd: Usd | None


class Statistics(msgspec.Struct):
    """Groups by falling number of spans."""

    groups: list[StatisticsGroup]
    truncated: Annotated[bool, Meta(description="There are more than 1,000 groups.")]
    start_ns: TimeNs
    end_ns: TimeNs


class RemovedObject(msgspec.Struct):
    """An object that was removed from the object store."""

    name: Annotated[str, Meta(examples=["default/2026-11-27/" + 64 * "0"])]
    sha256: Annotated[str, Meta(description="Of its stored bytes, as hex.")]


class DeletionReceipt(msgspec.Struct):
    """What a deletion removed, and what stayed because other traces need it."""

    traces: int
    spans: int
    logs: int
    payload_refs: Annotated[int, Meta(description="References from deleted traces to payloads.")]
    objects: Annotated[list[RemovedObject], Meta(description="The first 1,000.")]
    objects_total: int
    kept_shared: Annotated[int, Meta(description="Payloads that stay for other traces.")]
    completed_at: str
