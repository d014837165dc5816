"""Traces, lists of them, and statistics."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

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


class Missing(msgspec.Struct, kw_only=True):
    """What a trace lacks."""

    roots: Annotated[bool, Meta(description="No span without a parent has come.")] = False
    parents: Annotated[int, Meta(description="Parent ids that no span of the trace has.")] = 0
    expired: Annotated[bool, Meta(description="Spans of it are past retention.")] = False


class Trace(msgspec.Struct, kw_only=True):
    """A trace. Its root is the earliest span without a parent, else the earliest orphan."""

    trace_id: TraceId
    project: str = ""
    source: Literal["otlp", "bundle_import", "file_import"] = "otlp"
    root_name: str | None = None
    service: Annotated[str | None, Meta(description="The root's service.")] = None
    services: list[str] = []
    environment: str | None = None
    original_environment: str | None = None
    status: TraceStatus = "unset"
    start_time_ns: TimeNs
    end_time_ns: TimeNs
    duration_ns: DurationNs
    span_count: int
    error_count: int
    models: list[str] = []
    tools: list[str] = []
    agent: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    cost_usd: Usd | None = None
    cost_source: CostSource | None = None
    totals_pending: Annotated[
        bool, Meta(description="Tokens, cost, models and status are being computed anew.")
    ] = False
    running: Annotated[
        bool,
        Meta(
            description="An agent run of it has started in the last 24 hours, and the run's span"
            " has not come."
        ),
    ] = False
    started_ns: Annotated[
        TimeNs | None,
        Meta(description="When the earliest of its unfinished runs started; null if not running."),
    ] = None
    missing: Missing = msgspec.field(default_factory=Missing)
    warnings: Annotated[
        list[Literal["text_cut"]] | UnsetType,
        Meta(description="Only the first 2,048 characters of a name are here."),
    ] = UNSET


class TraceList(msgspec.Struct, kw_only=True):
    """A page of traces, and the window of time that all pages are about."""

    traces: list[Trace]
    start_ns: TimeNs = "0"
    end_ns: TimeNs = "0"
    next_cursor: Cursor = None
    search_complete: Annotated[
        bool,
        Meta(description="False where a text search stopped after 2 s; next_cursor goes on."),
    ] = True


class StatisticsGroup(msgspec.Struct, kw_only=True):
    """Figures over the spans of one group. Percentiles are the nearest rank."""

    key: Annotated[str | None, Meta(description="The group; null for spans without a service.")] = (
        None
    )
    traces: int = 0
    spans: int = 0
    errors: int = 0
    p50_ns: DurationNs = ""
    p95_ns: DurationNs = ""
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cost_usd: Usd | None = None


class Statistics(msgspec.Struct, kw_only=True):
    """Groups by falling number of spans."""

    groups: list[StatisticsGroup]
    truncated: Annotated[bool, Meta(description="There are more than 1,000 groups.")] = False
    start_ns: TimeNs = "0"
    end_ns: TimeNs = "0"


class RemovedObject(msgspec.Struct):
    """An object that was removed from the object store."""

    name: Annotated[str, Meta(examples=["default/2026-11-27/" + 64 * "0"])]
    sha256: Annotated[str, Meta(description="Of its stored bytes, as hex.")]


class DeletionReceipt(msgspec.Struct, kw_only=True):
    """What a deletion removed, and what stayed because other traces need it."""

    traces: int = 0
    spans: int = 0
    logs: int = 0
    payload_refs: Annotated[
        int, Meta(description="References from deleted traces to payloads.")
    ] = 0
    objects: Annotated[list[RemovedObject], Meta(description="The first 1,000.")] = []
    objects_total: int = 0
    kept_shared: Annotated[int, Meta(description="Payloads that stay for other traces.")] = 0
    completed_at: str = ""
