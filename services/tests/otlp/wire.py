"""Requests written by hand, in both encodings, for the tests of the decoders."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))
START = 1_790_000_000_000_000_000
END = START + 5_000_000


def field(number: int, content: bytes) -> bytes:
    """One length-delimited protobuf field, as bytes, whatever the content."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def span_request() -> tuple[ExportTraceServiceRequest, Span]:
    """A request with one good span, and that span, to be changed by a test."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id = TRACE_ID
    span.span_id = SPAN_ID
    span.name = "chat"
    span.start_time_unix_nano = START
    span.end_time_unix_nano = END
    return request, span


def log_request() -> tuple[ExportLogsServiceRequest, LogRecord]:
    """A request with one good GenAI event, and that record, to be changed by a test."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id = TRACE_ID
    record.span_id = SPAN_ID
    record.event_name = "gen_ai.client.inference.operation.details"
    record.time_unix_nano = START
    return request, record


def json_span(**fields: Any) -> dict[str, Any]:
    """A good span in OTLP/JSON, changed by ``fields``."""
    return {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "name": "chat",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(END),
    } | fields


def json_log(**fields: Any) -> dict[str, Any]:
    """A good GenAI event in OTLP/JSON, changed by ``fields``."""
    return {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": str(START),
    } | fields


def json_traces(*spans: Any, resource: Any = None, scope: Any = None) -> bytes:
    """A trace request of spans in one envelope."""
    scope_spans = [{"scope": scope, "spans": list(spans)}]
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]})


def json_logs(*records: Any, resource: Any = None, scope: Any = None) -> bytes:
    """A logs request of records in one envelope."""
    scope_logs = [{"scope": scope, "logRecords": list(records)}]
    return orjson.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scope_logs}]})


def put(pairs: Any, key: str, **value: Any) -> KeyValue:
    """Append an attribute, e.g. ``put(span.attributes, "n", int_value=3)``."""
    pair: KeyValue = pairs.add()
    pair.key = key
    pair.value.CopyFrom(AnyValue(**value))
    return pair


def exact(value: Any) -> bytes:
    """A model object as JSON: tells 1 from 1.0 and True, which ``==`` does not."""
    return msgspec.json.encode(value)
