"""Items to OTLP requests of bounded size.

Spans are encoded by OpenTelemetry's own encoder; the content that was kept as a snapshot is added
as text here, on the exporter's thread. A request that comes out above the limit is halved; one span
that alone is above it gets its longest values cut, and the attribute ``tracefoundry.truncated``
names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.export.cutting import cut_span
from tracefoundry_sdk.export.items import SpanItem
from tracefoundry_sdk.safety import warn_rarely


@dataclass(frozen=True, slots=True)
class Request:
    """A serialised body, with how many items are in it."""

    body: bytes
    count: int


def encode(
    items: Sequence[SpanItem], *, max_bytes: int = c.MAX_REQUEST_BYTES
) -> tuple[list[Request], int]:
    """The requests of these spans, and how many spans could not be encoded."""
    if not items:
        return [], 0
    try:
        message = _message(items)
    except Exception:  # noqa: BLE001 - one span that cannot be encoded must not take others along
        if len(items) == 1:
            warn_rarely("TraceFoundry: a span could not be encoded and is dropped", exc_info=True)
            return [], 1
        return _halves(items, max_bytes)
    if message.ByteSize() <= max_bytes:
        return [Request(message.SerializeToString(), len(items))], 0
    if len(items) > 1:
        return _halves(items, max_bytes)
    span = message.resource_spans[0].scope_spans[0].spans[0]
    cut_span(span, max_bytes - (message.ByteSize() - span.ByteSize()))
    if message.ByteSize() > max_bytes:
        warn_rarely("TraceFoundry: a span is over %d bytes and is dropped", max_bytes)
        return [], 1
    return [Request(message.SerializeToString(), 1)], 0


def _halves(items: Sequence[SpanItem], max_bytes: int) -> tuple[list[Request], int]:
    middle = len(items) // 2
    first, first_lost = encode(items[:middle], max_bytes=max_bytes)
    second, second_lost = encode(items[middle:], max_bytes=max_bytes)
    return first + second, first_lost + second_lost


def _message(items: Sequence[SpanItem]) -> ExportTraceServiceRequest:
    message = encode_spans([item.span for item in items])
    pending = {
        item.span.context.span_id.to_bytes(8, "big"): item
        for item in items
        if item.contents and item.span.context is not None
    }
    if pending:
        for resource_spans in message.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    if item := pending.get(span.span_id):
                        _add_contents(span, item)
    return message


def _add_contents(span: Span, item: SpanItem) -> None:
    for content in item.contents:
        for key, value in item.capture.attributes_of(content).items():
            span.attributes.append(_key_value(key, value))


def _key_value(key: str, value: str | int | list[str]) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    pair = KeyValue(key=key)
    pair.value.array_value.values.extend(AnyValue(string_value=text) for text in value)
    return pair
