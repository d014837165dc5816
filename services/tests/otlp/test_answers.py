"""Answers as clients read them: with the classes of the protocol, and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracefoundry.otlp.answers import (
    CONTENT_TYPES,
    MAX_MESSAGE_CHARACTERS,
    Encoding,
    Signal,
    parse_content_type,
    status,
    success,
)


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_plain_success_is_an_empty_message(signal: Signal) -> None:
    """No bytes in protobuf and {} in JSON: partial_success must be unset."""
    assert [b"", b"{}"] == [success(signal, "protobuf", 0, ""), success(signal, "json", 0, "")]


def test_rejected_spans_are_reported_in_protobuf() -> None:
    """The generated class reads the number and the message."""
    answer = ExportTraceServiceResponse.FromString(success("traces", "protobuf", 3, "3 bad ids"))
    partial = answer.partial_success
    assert (3, "3 bad ids") == (partial.rejected_spans, partial.error_message)


def test_rejected_log_records_are_reported_in_protobuf() -> None:
    """The generated class reads the number and the message."""
    answer = ExportLogsServiceResponse.FromString(success("logs", "protobuf", 2, "no GenAI"))
    partial = answer.partial_success
    assert (2, "no GenAI") == (partial.rejected_log_records, partial.error_message)


@pytest.mark.parametrize(
    ("signal", "rejected", "message", "partial"),
    [
        ("traces", 3, "bad", {"rejectedSpans": "3", "errorMessage": "bad"}),
        ("logs", 3, "bad", {"rejectedLogRecords": "3", "errorMessage": "bad"}),
        ("traces", 2, "", {"rejectedSpans": "2"}),
        ("logs", 0, "a warning", {"errorMessage": "a warning"}),
    ],
)
def test_partial_success_in_json_has_its_int64_as_a_string(
    signal: Signal, rejected: int, message: str, partial: dict[str, Any]
) -> None:
    """proto3 JSON writes 64-bit integers as strings and leaves out defaults."""
    answer = json.loads(success(signal, "json", rejected, message))
    assert {"partialSuccess": partial} == answer


def test_a_warning_rejects_nothing_in_protobuf() -> None:
    """Zero rejected with a message is a warning (OTLP specification)."""
    answer = ExportTraceServiceResponse.FromString(success("traces", "protobuf", 0, "look"))
    partial = answer.partial_success
    assert (0, "look") == (partial.rejected_spans, partial.error_message)


def test_an_error_is_a_status_in_both_encodings() -> None:
    """All 4xx and 5xx bodies are google.rpc.Status."""
    answer = Status.FromString(status("protobuf", 3, "not JSON"))
    assert (3, "not JSON") == (answer.code, answer.message)
    assert {"code": 3, "message": "not JSON"} == json.loads(status("json", 3, "not JSON"))


def test_long_messages_are_trimmed_and_say_so() -> None:
    """Answers stay far below the 4 MiB that the specification allows."""
    message = json.loads(status("json", 3, "x" * 10_000_000))["message"]
    assert (MAX_MESSAGE_CHARACTERS, "x...") == (len(message), message[-4:])
    answer = ExportTraceServiceResponse.FromString(success("traces", "protobuf", 1, "é" * 10**6))
    assert len(answer.partial_success.error_message) == MAX_MESSAGE_CHARACTERS


def test_messages_with_lone_surrogates_can_be_sent() -> None:
    """Such text can come from a broken body; neither encoding can hold it."""
    assert "a?b" == json.loads(status("json", 3, "a\ud800b"))["message"]
    assert "a?b" == Status.FromString(status("protobuf", 3, "a\ud800b")).message


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        ("application/x-protobuf", "protobuf"),
        ("application/protobuf", "protobuf"),
        ("application/json", "json"),
        ("APPLICATION/JSON", "json"),
        ("application/json; charset=utf-8", "json"),
        (" Application/X-Protobuf ;v=1", "protobuf"),
        ("text/plain", None),
        ("application/jsonl", None),
        ("", None),
        (None, None),
    ],
)
def test_a_content_type_names_an_encoding_in_any_case_and_with_parameters(
    value: str | None, encoding: Encoding | None
) -> None:
    """Case and parameters are ignored; anything else is unknown."""
    assert encoding == parse_content_type(value)


def test_answers_carry_types_that_are_read_as_their_own_encoding() -> None:
    """The collector compares the answer's Content-Type exactly."""
    assert {"protobuf": "application/x-protobuf", "json": "application/json"} == CONTENT_TYPES
    assert list(CONTENT_TYPES) == [parse_content_type(value) for value in CONTENT_TYPES.values()]
