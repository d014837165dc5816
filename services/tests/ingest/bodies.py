"""OTLP requests for tests of a running platform, with ids that no other test uses."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
SECOND_NS = 1_000_000_000

_span_numbers = itertools.count(1)


def new_trace_id() -> bytes:
    """A trace id that was never used."""
    return os.urandom(16)


def new_span_id() -> bytes:
    """A span id that was never used in this run."""
    return next(_span_numbers).to_bytes(8, "big")


def recent_ns() -> int:
    """A minute ago: inside the window, and inside the default range of lists."""
    return time.time_ns() - 60 * SECOND_NS


def any_value(value: Any) -> AnyValue:
    """OTLP's value for a Python one."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    return AnyValue(string_value=str(value))


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """OTLP's attribute list."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(
    trace_id: bytes,
    *,
    span_id: bytes | None = None,
    parent: bytes = b"",
    name: str = "work",
    start_ns: int | None = None,
    duration_ns: int = 1_000_000,
    attributes: Mapping[str, Any] | None = None,
) -> trace_pb2.Span:
    """A span in protobuf."""
    start = recent_ns() if start_ns is None else start_ns
    return trace_pb2.Span(
        trace_id=trace_id,
        span_id=new_span_id() if span_id is None else span_id,
        parent_span_id=parent,
        name=name,
        kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=max(0, start + duration_ns),
        attributes=key_values(attributes or {}),
    )


def request(
    spans: Sequence[trace_pb2.Span], resource: Mapping[str, Any] | None = None
) -> ExportTraceServiceRequest:
    """An export of spans that share a resource."""
    export = ExportTraceServiceRequest()
    envelope = export.resource_spans.add()
    envelope.resource.attributes.extend(
        key_values({"service.name": "agent"} if resource is None else resource)
    )
    envelope.scope_spans.add().spans.extend(spans)
    return export


def body(spans: Sequence[trace_pb2.Span], resource: Mapping[str, Any] | None = None) -> bytes:
    """An export of spans, serialised."""
    return request(spans, resource).SerializeToString()


def log_body(
    trace_id: bytes,
    span_id: bytes,
    *,
    names: Sequence[str] = ("gen_ai.choice",),
    time_ns: int | None = None,
    resource: Mapping[str, Any] | None = None,
) -> bytes:
    """An export of one log record for each event name."""
    export = ExportLogsServiceRequest()
    envelope = export.resource_logs.add()
    envelope.resource.attributes.extend(
        key_values({"service.name": "agent"} if resource is None else resource)
    )
    records = envelope.scope_logs.add().log_records
    for index, name in enumerate(names):
        record = records.add(
            trace_id=trace_id,
            span_id=span_id,
            time_unix_nano=(recent_ns() if time_ns is None else time_ns) + index,
            event_name=name,
            severity_text="INFO",
        )
        record.body.string_value = f"content of {name}"
    return export.SerializeToString()


def json_span(trace_id: bytes, **fields: Any) -> dict[str, Any]:
    """A span in OTLP/JSON; fields replace the defaults."""
    start = recent_ns()
    return {
        "traceId": trace_id.hex(),
        "spanId": new_span_id().hex(),
        "name": "work",
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_000_000),
        **fields,
    }


def json_request(
    spans: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An export in OTLP/JSON; ``resource`` maps keys to OTLP/JSON values."""
    service = {"service.name": {"stringValue": "agent"}}
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": key, "value": value}
                        for key, value in (service if resource is None else resource).items()
                    ]
                },
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}],
            }
        ]
    }
