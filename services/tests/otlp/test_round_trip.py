"""Anything in the model goes to the wire and comes back equal, and any bytes are survived."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from copy import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import strategies
from otlp.wire import exact
from tracefoundry.model.attributes import double, obj, raw_bytes, text
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.otlp import encode, json, protobuf
from tracefoundry.otlp.decoded import Decoded, Undecodable, log_fault, span_fault

JSON_SPECIAL = {*range(0x20), ord('"'), ord("\\")}
"""Bytes that a JSON string holds only escaped."""

Decoder = Callable[[bytes], Decoded]
DECODERS: list[Decoder] = [
    protobuf.decode_traces,
    protobuf.decode_logs,
    json.decode_traces,
    json.decode_logs,
]


@given(span=strategies.spans())
def test_any_span_comes_back_equal_from_protobuf(span: Span) -> None:
    """Types included: the comparison is on exact JSON."""
    decoded = protobuf.decode_traces(encode.encode_traces([span]))
    assert (exact([span]), 0) == (exact(decoded.spans), decoded.rejected_total)


@given(span=strategies.spans())
def test_any_span_comes_back_equal_from_json(span: Span) -> None:
    """Also where attribute values hold invalid UTF-8."""
    decoded = json.decode_traces(encode.encode_traces_json([span]))
    assert (exact([span]), 0) == (exact(decoded.spans), decoded.rejected_total)


@given(log=strategies.logs())
def test_any_genai_event_comes_back_equal_from_both_encodings(log: LogRecord) -> None:
    """Body, severity, resource and scope included."""
    from_protobuf = protobuf.decode_logs(encode.encode_logs([log]))
    from_json = json.decode_logs(encode.encode_logs_json([log]))
    assert exact([log]) == exact(from_protobuf.logs)
    assert exact(from_protobuf) == exact(from_json)


@given(data=st.data())
def test_spans_of_shared_resources_and_scopes_are_grouped(data: st.DataObject) -> None:
    """Equal ones become one envelope, whether or not they are one object; nothing is lost."""
    resources = data.draw(st.lists(strategies.resources(broken=False), min_size=1, max_size=2))
    scopes = data.draw(st.lists(strategies.scopes(broken=False), min_size=1, max_size=2))
    few = strategies.spans(
        broken=False,
        resource=st.sampled_from(resources).map(copy),
        scope=st.sampled_from(scopes),
    )
    spans = data.draw(st.lists(few, max_size=4))
    body = encode.encode_traces(iter(spans))
    decoded = protobuf.decode_traces(body)
    assert sorted(map(exact, spans)) == sorted(map(exact, decoded.spans))
    assert exact(decoded) == exact(json.decode_traces(encode.encode_traces_json(spans)))
    envelopes = ExportTraceServiceRequest.FromString(body).resource_spans
    assert len({exact(span.resource) for span in spans}) == len(envelopes)


@given(spans=st.lists(strategies.spans(), max_size=3))
def test_the_same_spans_give_the_same_bytes(spans: list[Span]) -> None:
    """Bundles rely on it."""
    assert encode.encode_traces(spans) == encode.encode_traces(spans)


@given(
    span=strategies.spans(broken=False),
    raw=st.binary(min_size=5, max_size=5).filter(lambda raw: not set(raw) & JSON_SPECIAL),
)
def test_the_same_broken_strings_give_equal_spans_in_both_encodings(span: Span, raw: bytes) -> None:
    """Names, keys and values, whatever their bytes: the same text, tags and count."""
    span.name = span.trace_state = "PLACE"
    span.attributes = {"PLACE": "PLACE", "list": ["PLACE"], "object": {"PLACE": None}}
    from_protobuf = protobuf.decode_traces(encode.encode_traces([span]).replace(b"PLACE", raw))
    from_json = json.decode_traces(encode.encode_traces_json([span]).replace(b"PLACE", raw))
    assert 1 == len(from_protobuf.spans)
    assert exact(from_protobuf) == exact(from_json)


def plain_value(value: Any) -> Any:
    """A generated AnyValue in tagged form, read the slow and obvious way."""
    case = value.WhichOneof("value")
    if case is None:
        return None
    content = getattr(value, case)
    match case:
        case "string_value":
            return text(content)
        case "double_value":
            return double(content)
        case "bytes_value":
            return raw_bytes(content)
        case "array_value":
            return [plain_value(item) for item in content.values]
        case "kvlist_value":
            return obj({pair.key: plain_value(pair.value) for pair in content.values})
    return content


def plain_attributes(pairs: Any) -> dict[str, Any]:
    """Generated key-value pairs, read the slow and obvious way."""
    return {pair.key: plain_value(pair.value) for pair in pairs}


@given(span=strategies.spans(broken=False))
def test_googles_own_classes_read_what_is_encoded(span: Span) -> None:
    """An oracle that shares no code with our decoder."""
    request = ExportTraceServiceRequest.FromString(encode.encode_traces([span]))
    (envelope,) = request.resource_spans
    (scope_spans,) = envelope.scope_spans
    (message,) = scope_spans.spans
    assert (span.resource.schema_url, span.scope.schema_url, span.scope.name) == (
        envelope.schema_url,
        scope_spans.schema_url,
        scope_spans.scope.name,
    )
    assert (span.trace_id, span.span_id, span.parent_span_id, span.name, span.trace_state) == (
        message.trace_id,
        message.span_id,
        message.parent_span_id,
        message.name,
        message.trace_state,
    )
    assert (span.kind, span.status_code, span.status_message, span.flags) == (
        message.kind,
        message.status.code,
        message.status.message,
        message.flags,
    )
    assert (span.start_time_ns, span.end_time_ns) == (
        message.start_time_unix_nano,
        message.end_time_unix_nano,
    )
    ours = [
        span.attributes,
        span.resource.attributes,
        span.scope.attributes,
        *(event.attributes for event in span.events),
        *(link.attributes for link in span.links),
    ]
    theirs = [
        message.attributes,
        envelope.resource.attributes,
        scope_spans.scope.attributes,
        *(event.attributes for event in message.events),
        *(link.attributes for link in message.links),
    ]
    assert exact(ours) == exact([plain_attributes(pairs) for pairs in theirs])


@given(log=strategies.logs(broken=False))
def test_googles_own_classes_read_an_encoded_log(log: LogRecord) -> None:
    """An oracle that shares no code with our decoder."""
    request = ExportLogsServiceRequest.FromString(encode.encode_logs([log]))
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    assert (log.name, log.time_ns, log.observed_time_ns, log.severity_number) == (
        record.event_name,
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.severity_number,
    )
    assert exact([log.body, log.attributes]) == exact(
        [plain_value(record.body), plain_attributes(record.attributes)]
    )


@pytest.mark.parametrize("decode", DECODERS)
@given(body=st.binary(max_size=300))
def test_any_bytes_are_decoded_or_undecodable(decode: Decoder, body: bytes) -> None:
    """Nothing else is ever raised."""
    decoded_or_refused(decode, body)


@given(span=strategies.spans(), data=st.data())
def test_a_damaged_body_is_decoded_or_undecodable(span: Span, data: st.DataObject) -> None:
    """A few bytes changed, put in or cut out of a good body, in both encodings."""
    for encoded, decode in (
        (encode.encode_traces([span]), protobuf.decode_traces),
        (encode.encode_traces_json([span]), json.decode_traces),
    ):
        place = data.draw(st.integers(0, len(encoded)))
        cut = data.draw(st.integers(0, 3))
        damaged = encoded[:place] + data.draw(st.binary(max_size=3)) + encoded[place + cut :]
        decoded_or_refused(decode, damaged)


FIELD_NAMES = [
    "resourceSpans",
    "resourceLogs",
    "resource",
    "scopeSpans",
    "scopeLogs",
    "scope",
    "spans",
    "logRecords",
    "traceId",
    "spanId",
    "name",
    "attributes",
    "key",
    "value",
    "values",
    "status",
    "body",
    "events",
    "links",
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "bytesValue",
    "arrayValue",
    "kvlistValue",
]

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "01" * 16, "01" * 8, "NaN", "5", "a\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELD_NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("decode", DECODERS[2:])
@given(inner=JSON_VALUES)
def test_any_json_is_decoded_or_undecodable(decode: Decoder, inner: Any) -> None:
    """Known names with content of any type, in the place of a span or log and anywhere."""
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [inner]}]}]}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [inner]}]}]}
    for document in (inner, spans, logs):
        try:
            body = orjson.dumps(document)
        except TypeError:
            continue  # an integer beyond 64 bits
        decoded_or_refused(decode, body)


def decoded_or_refused(decode: Decoder, body: bytes) -> None:
    """Decode to acceptable spans and logs, or be refused in the one way that is allowed."""
    with contextlib.suppress(Undecodable):
        decoded = decode(body)
        assert [None] * len(decoded.spans) == [
            span_fault(
                each.trace_id,
                each.span_id,
                each.parent_span_id,
                each.start_time_ns,
                each.end_time_ns,
            )
            for each in decoded.spans
        ]
        assert [None] * len(decoded.logs) == [
            log_fault(each.trace_id, each.span_id, each.time_ns, each.observed_time_ns)
            for each in decoded.logs
        ]
