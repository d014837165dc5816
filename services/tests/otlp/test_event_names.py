"""Which log records are GenAI events, in both encodings."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracefoundry.otlp import json as otlp_json
from tracefoundry.otlp import protobuf as otlp_protobuf
from tracefoundry.otlp.decoded import Decoded

TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))

EVENTS = [
    ("gen_ai.choice", "", "hi", "gen_ai.choice"),
    ("", "codex.sse_event", "", "codex.sse_event"),
    ("", "gemini_cli.api_response", "API response", "gemini_cli.api_response"),
    ("", "api_request", "claude_code.api_request", "claude_code.api_request"),
    ("api_request", "", "claude_code.api_request", "claude_code.api_request"),
    ("", "api_request", "claude_code.api_request failed", None),
    ("", "api_request", "codex.sse_event", None),
    ("", "", "gen_ai.choice", None),
    ("app.started", "gen_ai.choice", "", None),
    ("", "claude_codex", "", None),
]


def decoded_protobuf(field: str, attribute: str, body: str) -> Decoded:
    """One log record in protobuf."""
    export = ExportLogsServiceRequest()
    record = (
        export.resource_logs.add()
        .scope_logs.add()
        .log_records.add(trace_id=TRACE_ID, span_id=SPAN_ID, time_unix_nano=1, event_name=field)
    )
    if attribute:
        record.attributes.add(key="event.name").value.string_value = attribute
    record.body.string_value = body
    return otlp_protobuf.decode_logs(export.SerializeToString())


def decoded_json(field: str, attribute: str, body: str) -> Decoded:
    """The same in JSON."""
    record = {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "timeUnixNano": "1",
        "eventName": field,
        "body": {"stringValue": body},
        "attributes": [{"key": "event.name", "value": {"stringValue": attribute}}],
    }
    return otlp_json.decode_logs(
        json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    )


@pytest.mark.parametrize("decode", [decoded_protobuf, decoded_json])
@pytest.mark.parametrize(("field", "attribute", "body", "expected"), EVENTS)
def test_a_genai_event_is_known_by_its_name(
    decode: object, field: str, attribute: str, body: str, expected: str | None
) -> None:
    """In the field, else in the attribute, else (Claude Code) in the body."""
    assert callable(decode)
    found = decode(field, attribute, body)
    assert [log.name for log in found.logs] == ([] if expected is None else [expected])
    assert found.other_logs == (expected is None)
