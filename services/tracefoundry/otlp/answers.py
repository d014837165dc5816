"""Answers in the encoding of the request: success, partial success, and errors.

OTLP specification, "OTLP/HTTP Response". Success without anything to say is an empty message
(``{}`` or no bytes at all): a client may treat anything else as a partial success. All errors are
a ``google.rpc.Status``; clients parse it even on 4xx and 5xx.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracefoundry.otlp.media import Encoding

Signal = Literal["traces", "logs"]

MAX_MESSAGE_CHARACTERS: Final = 4096
"""Longest message of an answer; the specification bounds whole answers at 4 MiB."""


def success(signal: Signal, encoding: Encoding, rejected: int, message: str) -> bytes:
    """The body of a 200 answer.

    Args:
        signal: what was sent.
        encoding: the request's encoding.
        rejected: spans or log records that were refused for ever; the client must not resend.
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
