"""OTLP/HTTP as a client sees it: one request, and its answer parsed in the request's encoding."""

from __future__ import annotations

import json
from typing import Any

import httpx
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.bodies import JSON, PROTOBUF
from platform_process import Platform


def post(
    platform: Platform,
    body: bytes | dict[str, Any],
    *,
    path: str = "/v1/traces",
    content_type: str | None = None,
    base: str | None = None,
    **headers: str,
) -> httpx.Response:
    """POST a body; a dict is sent as JSON. Underscores in header names stand for hyphens."""
    if isinstance(body, dict):
        body, content_type = json.dumps(body).encode(), content_type or JSON
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["content-type"] = content_type or PROTOBUF
    return platform.client.post((base or platform.otlp) + path, content=body, headers=sent)


def assert_stored(answer: httpx.Response) -> None:
    """Full success: nothing refused, nothing to say."""
    assert 200 == answer.status_code, answer.content
    empty = b"{}" if answer.headers["content-type"] == JSON else b""
    assert empty == answer.content


def partial(answer: httpx.Response) -> tuple[int, str]:
    """Rejected count and message of a partial success."""
    assert 200 == answer.status_code, answer.content
    if answer.headers["content-type"] == JSON:
        success = answer.json()["partialSuccess"]
        counts = [success.get(key, "0") for key in ("rejectedSpans", "rejectedLogRecords")]
        return max(int(count) for count in counts), success["errorMessage"]
    assert PROTOBUF == answer.headers["content-type"]
    path = answer.request.url.path
    if path.endswith("/logs"):
        logs = ExportLogsServiceResponse.FromString(answer.content).partial_success
        return logs.rejected_log_records, logs.error_message
    spans = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return spans.rejected_spans, spans.error_message


def error(answer: httpx.Response) -> tuple[int, int, str]:
    """HTTP status, ``google.rpc.Code`` and message of an error, in the request's encoding."""
    sent = answer.request.headers["content-type"].partition(";")[0].strip().lower()
    assert sent == answer.headers["content-type"]
    if sent == JSON:
        status = answer.json()
        assert {"code", "message"} <= set(status)
        return answer.status_code, status["code"], status["message"]
    parsed = Status.FromString(answer.content)
    return answer.status_code, parsed.code, parsed.message
