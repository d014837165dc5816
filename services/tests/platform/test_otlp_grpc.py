"""OTLP/gRPC of a running platform by raw stubs: answers, limits, compression, metadata."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from ingest.bodies import log_body, new_span_id, new_trace_id, recent_ns, request, span
from platform_process import Platform
from tracefoundry.ingest.grpc import MAX_MESSAGE_BYTES

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def channel(platform: Platform) -> Iterator[grpc.Channel]:
    """A channel to the platform."""
    with grpc.insecure_channel(platform.grpc) as opened:
        yield opened


def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """Code and message of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    return error.code(), error.details()


def export_bytes(channel: grpc.Channel, content: bytes, path: str = EXPORT, **options: Any) -> Any:
    """A call with a body that no message class has made."""
    call: Any = channel.unary_unary(path)
    return call(content, **options)


def traces(channel: grpc.Channel) -> Any:
    """A stub of TraceService."""
    return TraceServiceStub(channel)  # type: ignore[no-untyped-call]


def logs(channel: grpc.Channel) -> Any:
    """A stub of LogsService."""
    return LogsServiceStub(channel)  # type: ignore[no-untyped-call]


def names(platform: Platform, trace_id: bytes) -> list[str]:
    """Names of a trace's spans."""
    return [found["name"] for found in platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"]]


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_spans_are_stored_and_answered_without_partial_success(
    platform: Platform, channel: grpc.Channel, compression: grpc.Compression | None
) -> None:
    """TraceService, with and without compression."""
    trace_id = new_trace_id()
    export = request([span(trace_id, attributes={"filler": "x" * 10_000})])
    answer = traces(channel).Export(export, compression=compression)
    assert ExportTraceServiceResponse() == answer
    assert ["work"] == names(platform, trace_id)


def test_logs_join_their_span(platform: Platform, channel: grpc.Channel) -> None:
    """LogsService; other logs are counted as refused."""
    trace_id, span_id = new_trace_id(), new_span_id()
    traces(channel).Export(request([span(trace_id, span_id=span_id)]))
    export = ExportLogsServiceRequest.FromString(
        log_body(trace_id, span_id, names=["gen_ai.choice", "other"])
    )
    answer: ExportLogsServiceResponse = logs(channel).Export(export)
    assert 1 == answer.partial_success.rejected_log_records
    [found] = platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"]
    assert ["gen_ai.choice"] == [log["name"] for log in found["logs"]]


def test_bad_spans_are_a_partial_success(platform: Platform, channel: grpc.Channel) -> None:
    """The good neighbour is stored."""
    trace_id = new_trace_id()
    answer = traces(channel).Export(request([span(b"short"), span(trace_id)]))
    assert 1 == answer.partial_success.rejected_spans
    assert "invalid_trace_id" in answer.partial_success.error_message
    assert ["work"] == names(platform, trace_id)


def test_a_resend_is_a_full_success(platform: Platform, channel: grpc.Channel) -> None:
    """Duplicates need no words."""
    trace_id = new_trace_id()
    export = request([span(trace_id)])
    for _ in range(2):
        assert ExportTraceServiceResponse() == traces(channel).Export(export)
    assert ["work"] == names(platform, trace_id)


def test_other_content_under_the_same_key_is_a_warning(
    platform: Platform, channel: grpc.Channel
) -> None:
    """A partial success with nothing rejected; the first content stays."""
    trace_id, span_id, start = new_trace_id(), new_span_id(), recent_ns()
    for name in ("first", "second"):
        sent = span(trace_id, span_id=span_id, start_ns=start, name=name)
        answer = traces(channel).Export(request([sent]))
    assert 0 == answer.partial_success.rejected_spans
    assert "other content" in answer.partial_success.error_message
    assert ["first"] == names(platform, trace_id)


def test_an_empty_message_succeeds(channel: grpc.Channel) -> None:
    """Nothing to store is no error."""
    assert b"" == export_bytes(channel, b"")


def test_a_malformed_body_is_invalid_argument(channel: grpc.Channel) -> None:
    """It can never be decoded, so it must not be sent again."""
    code, message = refused(lambda: export_bytes(channel, b"\xff\xff\xff not protobuf"))
    assert grpc.StatusCode.INVALID_ARGUMENT == code
    assert message


def test_invalid_utf8_is_stored(platform: Platform, channel: grpc.Channel) -> None:
    """The body goes unparsed to the worker, which mends it."""
    trace_id = new_trace_id()
    content = request([span(trace_id, name="QQ")]).SerializeToString()
    assert b"" == export_bytes(channel, content.replace(b"QQ", b"a\xff"))
    assert ["a\ufffd"] == names(platform, trace_id)


def test_a_message_above_the_limit_is_refused(channel: grpc.Channel) -> None:
    """gRPC itself refuses it, counted after decompression."""
    content = bytes(MAX_MESSAGE_BYTES + 1)
    for compression in (None, grpc.Compression.Gzip):
        code, message = refused(partial(export_bytes, channel, content, compression=compression))
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == code
        assert "larger than max" in message


def test_metadata_names_the_project(platform: Platform, channel: grpc.Channel) -> None:
    """An unknown one is refused by partial success, as over HTTP."""
    trace_id = new_trace_id()
    export = request([span(trace_id)])
    stub = traces(channel)
    answer = stub.Export(export, metadata=(("x-tracefoundry-project", "nowhere"),))
    assert 1 == answer.partial_success.rejected_spans
    assert "'nowhere'" in answer.partial_success.error_message
    answer = stub.Export(export, metadata=(("x-tracefoundry-project", "default"),))
    assert ExportTraceServiceResponse() == answer
    assert ["work"] == names(platform, trace_id)


def test_other_services_are_unimplemented(channel: grpc.Channel) -> None:
    """Metrics go elsewhere."""
    path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
    code, _ = refused(lambda: export_bytes(channel, b"", path))
    assert grpc.StatusCode.UNIMPLEMENTED == code
