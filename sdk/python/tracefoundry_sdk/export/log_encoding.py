"""Log records to one OTLP request.

The records are built from OTLP's own messages and not by OpenTelemetry's log SDK, whose interfaces
differ between the releases that this SDK supports.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, SeverityNumber

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.export.items import LogItem


def encode_logs(items: Sequence[LogItem]) -> bytes:
    """The body of a request; items of one resource stand together."""
    request = ExportLogsServiceRequest()
    groups: dict[int, ResourceLogs] = {}
    for item in items:
        group = groups.get(id(item.resource))
        if group is None:
            group = groups[id(item.resource)] = request.resource_logs.add()
            for key, value in item.resource.attributes.items():
                group.resource.attributes.append(_text(key, str(value)))
            group.scope_logs.add().scope.name = c.SCOPE_NAME
        group.scope_logs[0].log_records.append(_record(item))
    return request.SerializeToString()


def _record(item: LogItem) -> LogRecord:
    record = LogRecord(
        time_unix_nano=item.time_ns,
        observed_time_unix_nano=item.time_ns,
        severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        trace_id=item.trace_id.to_bytes(16, "big"),
        span_id=item.span_id.to_bytes(8, "big"),
        flags=item.trace_flags,
    )
    if "event_name" in record.DESCRIPTOR.fields_by_name:  # since OTLP 1.5
        record.event_name = item.event_name
    record.attributes.append(_text(c.EVENT_NAME, item.event_name))
    record.attributes.extend(_text(key, value) for key, value in item.attributes.items())
    return record


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
