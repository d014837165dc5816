"""The two encodings of OTLP/HTTP, and answers in the encoding of the request.

OTLP specification, "OTLP/HTTP Request" and "OTLP/HTTP Response". Full success is an empty message
(``{}`` in JSON, no bytes in protobuf), because a client may take anything else for a partial
success. All errors are a ``google.rpc.Status``, which clients parse even on 4xx and 5xx.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

Signal = Literal["traces", "logs"]

Encoding = Literal["protobuf", "json"]
"""How a request is encoded, and so its answer."""

CONTENT_TYPES: Final[dict[Encoding, str]] = {
    "protobuf": "application/x-protobuf",
    "json": "application/json",
}
"""The Content-Type of answers. The collector compares it exactly, so it has no parameters."""

_ENCODINGS: Final[dict[str, Encoding]] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}

MAX_MESSAGE_CHARACTERS: Final = 4096
"""Longest message of an answer; the specification bounds whole answers at 4 MiB."""


def parse_content_type(value: str | None) -> Encoding | None:
    """The encoding that a Content-Type header names; None when it is absent or unknown (415).

    Case and parameters (``; charset=utf-8``) are ignored.
    """
    if value is None:
        return None
    return _ENCODINGS.get(value.partition(";")[0].strip().lower())


def success(signal: Signal, encoding: Encoding, rejected: int, message: str) -> bytes:
    """The body of a 200 answer.

    Args:
        signal: what was sent.
        encoding: the request's encoding.
        rejected: spans or log records that were refused; the client must not send them again.
        message: why, or a warning when ``rejected`` is 0; empty for none.
    """
    message = _trim(message)
    if encoding == "json":
        partial: dict[str, Any] = {}
        if rejected:
            # 64-bit integers are strings in proto3 JSON.
            name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
            partial[name] = str(rejected)
        if message:
            partial["errorMessage"] = message
        return orjson.dumps({"partialSuccess": partial} if partial else {})
    response: Any
    if signal == "traces":
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected
    else:
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    if not rejected and not message:
        # An empty sub-message would count as set.
        response.Clear()
    body: bytes = response.SerializeToString()
    return body


def status(encoding: Encoding, code: int, message: str) -> bytes:
    """A ``google.rpc.Status`` with a ``google.rpc.Code`` and a message for people."""
    message = _trim(message)
    if encoding == "json":
        return orjson.dumps({"code": code, "message": message})
    body: bytes = Status(code=code, message=message).SerializeToString()
    return body


def _trim(message: str) -> str:
    # Lone surrogates cannot be sent in either encoding.
    message = message.encode("utf-8", "replace").decode("utf-8")
    if len(message) > MAX_MESSAGE_CHARACTERS:
        return message[: MAX_MESSAGE_CHARACTERS - 3] + "..."
    return message
