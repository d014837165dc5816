"""Protobuf bodies: every field, every acceptance rule, and strings that are broken."""

from __future__ import annotations

import math
from base64 import b64encode
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otlp.wire import END, SPAN_ID, START, TRACE_ID, exact, field, log_request, put, span_request
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.otlp.decoded import MAX_REJECTED_KEPT, Undecodable
from tracefoundry.otlp.protobuf import decode_logs, decode_traces


def only_span(request: ExportTraceServiceRequest) -> Span:
    """The one span of a request, decoded."""
    decoded = decode_traces(request.SerializeToString())
    assert [] == decoded.rejected
    (span,) = decoded.spans
    return span


def test_every_field_of_a_span_is_read() -> None:
    """Field by field, with resource, scope, events and links."""
    request, message = span_request()
    envelope = request.resource_spans[0]
    envelope.schema_url = "https://example.org/resource"
    envelope.resource.dropped_attributes_count = 1
    put(envelope.resource.attributes, "service.name", string_value="agent")
    scope_spans = envelope.scope_spans[0]
    scope_spans.schema_url = "https://example.org/scope"
    scope_spans.scope.name = "library"
    scope_spans.scope.version = "1.2"
    scope_spans.scope.dropped_attributes_count = 2
    put(scope_spans.scope.attributes, "s", bool_value=True)
    message.parent_span_id = b"\x09" * 8
    message.trace_state = "a=b"
    message.flags = 0x101
    message.kind = message.SPAN_KIND_CLIENT
    message.status.code = message.status.STATUS_CODE_ERROR
    message.status.message = "timed out"
    message.dropped_attributes_count = 3
    message.dropped_events_count = 4
    message.dropped_links_count = 5
    put(message.attributes, "gen_ai.request.model", string_value="m")
    event = message.events.add(name="exception", time_unix_nano=START + 1)
    event.dropped_attributes_count = 6
    put(event.attributes, "exception.type", string_value="E")
    link = message.links.add(trace_id=b"short", span_id=b"", trace_state="c=d", flags=7)
    link.dropped_attributes_count = 8
    put(link.attributes, "n", int_value=-1)
    expected = Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"\x09" * 8,
        name="chat",
        kind=3,
        start_time_ns=START,
        end_time_ns=END,
        status_code=2,
        status_message="timed out",
        attributes={"gen_ai.request.model": "m"},
        resource=Resource({"service.name": "agent"}, "https://example.org/resource", 1),
        scope=Scope("library", "1.2", {"s": True}, "https://example.org/scope", 2),
        events=[Event("exception", START + 1, {"exception.type": "E"}, 6)],
        links=[Link(b"short", b"", {"n": -1}, "c=d", 7, 8)],
        flags=0x101,
        trace_state="a=b",
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )
    assert expected == only_span(request)


def test_spans_of_one_envelope_share_their_resource_and_scope() -> None:
    """One object each, so that work on them is done once."""
    request, message = span_request()
    request.resource_spans[0].scope_spans[0].spans.add().CopyFrom(message)
    first, second = decode_traces(request.SerializeToString()).spans
    assert first.resource is second.resource
    assert first.scope is second.scope


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (AnyValue(string_value="text"), "text"),
        (AnyValue(string_value=""), ""),
        (AnyValue(string_value="a\x00b"), {"$text": b64encode(b"a\x00b").decode()}),
        (AnyValue(bool_value=True), True),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=0), 0),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(int_value=2**63 - 1), 2**63 - 1),
        (AnyValue(double_value=0.0), 0.0),
        (AnyValue(double_value=3.0), 3.0),
        (AnyValue(double_value=-0.5), -0.5),
        (AnyValue(double_value=-0.0), {"$double": "-0.0"}),
        (AnyValue(double_value=math.nan), {"$double": "NaN"}),
        (AnyValue(double_value=-math.inf), {"$double": "-Infinity"}),
        (AnyValue(double_value=1e15), {"$double": "1000000000000000.0"}),
        (AnyValue(bytes_value=b""), {"$bytes": ""}),
        (AnyValue(bytes_value=b"\xff"), {"$bytes": "/w=="}),
        (AnyValue(), None),
        (AnyValue(array_value=ArrayValue()), []),
        (
            AnyValue(
                array_value=ArrayValue(
                    values=[AnyValue(), AnyValue(int_value=1), AnyValue(string_value="a")]
                )
            ),
            [None, 1, "a"],
        ),
        (AnyValue(kvlist_value=KeyValueList()), {}),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="$bytes")])),
            {"$object": {"$bytes": None}},
        ),
        (AnyValue(string_value_strindex=3), None),
    ],
)
def test_every_kind_of_attribute_value_has_its_tagged_form(value: AnyValue, form: Any) -> None:
    """The forms of model/attributes.py, types distinguished, as attribute and nested."""
    request, message = span_request()
    message.attributes.append(KeyValue(key="k", value=value))
    message.attributes.append(
        KeyValue(key="nested", value=AnyValue(array_value=ArrayValue(values=[value])))
    )
    assert exact({"k": form, "nested": [form]}) == exact(only_span(request).attributes)


def test_an_attribute_without_a_value_is_null() -> None:
    """The value field may be missing altogether."""
    request, message = span_request()
    message.attributes.append(KeyValue(key="k"))
    assert {"k": None} == only_span(request).attributes


def test_of_duplicate_keys_the_last_wins_and_they_are_counted() -> None:
    """In spans, events and nested objects; each one dropped counts."""
    request, message = span_request()
    for number in (1, 2, 3):
        put(message.attributes, "a", int_value=number)
    put(message.attributes, "b", int_value=4)
    event = message.events.add()
    put(event.attributes, "e", int_value=1)
    put(event.attributes, "e", string_value="last")
    nested = message.attributes.add(key="o").value.kvlist_value.values
    put(nested, "x", int_value=1)
    put(nested, "x", int_value=2)
    span = only_span(request)
    assert ({"a": 3, "b": 4, "o": {"x": 2}}, 4) == (span.attributes, span.mended_strings)
    assert {"e": "last"} == span.events[0].attributes


def test_nul_in_labels_becomes_a_replacement_character_and_is_counted() -> None:
    """Names, keys, messages, trace states, schema URLs: counted where they stand."""
    request, message = span_request()
    envelope = request.resource_spans[0]
    envelope.schema_url = "u\x00"
    put(envelope.resource.attributes, "r\x00", int_value=1)
    envelope.scope_spans[0].scope.name = "\x00"
    envelope.scope_spans[0].scope.version = "v\x00v"
    message.name = "a\x00\x00b"
    message.trace_state = "t\x00"
    message.status.message = "m\x00"
    put(message.attributes, "k\x00", string_value="v")
    message.events.add(name="e\x00")
    message.links.add(trace_state="l\x00")
    span = only_span(request)
    assert Resource({"r\ufffd": 1}, "u\ufffd", 0, 2) == span.resource
    assert Scope("\ufffd", "v\ufffdv", {}, "", 0, 2) == span.scope
    assert ["a\ufffd\ufffdb", "t\ufffd", "m\ufffd", "e\ufffd", "l\ufffd"] == [
        span.name,
        span.trace_state,
        span.status_message,
        span.events[0].name,
        span.links[0].trace_state,
    ]
    assert ({"k\ufffd": "v"}, 6) == (span.attributes, span.mended_strings)


def test_keys_that_become_equal_by_mending_are_duplicates() -> None:
    """The last pair wins, in the order of the wire."""
    request, message = span_request()
    for key, number in (("k\x00", 1), ("k\ufffd", 2), ("k\x00", 3)):
        put(message.attributes, key, int_value=number)
    span = only_span(request)
    assert ({"k\ufffd": 3}, 2 + 2) == (span.attributes, span.mended_strings)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"trace_id": b""}, "invalid_trace_id", "trace id has 0 bytes, expected 16"),
        ({"trace_id": b"\x01" * 15}, "invalid_trace_id", "trace id has 15 bytes, expected 16"),
        ({"trace_id": bytes(16)}, "invalid_trace_id", "trace id is all zero"),
        ({"span_id": b"\x01" * 9}, "invalid_span_id", "span id has 9 bytes, expected 8"),
        ({"span_id": bytes(8)}, "invalid_span_id", "span id is all zero"),
        (
            {"parent_span_id": b"\x01" * 7},
            "invalid_parent_span_id",
            "parent span id has 7 bytes, expected 8 or none",
        ),
        (
            {"start_time_unix_nano": 2**63},
            "invalid_timestamp",
            "start time is later than 2^63-1 ns",
        ),
        ({"end_time_unix_nano": 2**63}, "invalid_timestamp", "end time is later than 2^63-1 ns"),
    ],
)
def test_a_span_with_a_wrong_id_or_time_is_refused_alone(
    changes: dict[str, Any], reason: str, detail: str
) -> None:
    """Its neighbour stays; the refusal says where and what."""
    request, message = span_request()
    bad = request.resource_spans[0].scope_spans[0].spans.add()
    bad.CopyFrom(message)
    for name, value in changes.items():
        setattr(bad, name, value)
    decoded = decode_traces(request.SerializeToString())
    assert (1, {reason: 1}, 1) == (
        len(decoded.spans),
        decoded.rejected_count,
        decoded.rejected_total,
    )
    place = "resource_spans[0].scope_spans[0].spans[1]"
    assert [(reason, f"{place}: {detail}")] == [
        (rejected.reason, rejected.detail) for rejected in decoded.rejected
    ]


def test_details_of_refusals_are_bounded_and_all_are_counted() -> None:
    """A body of bad spans cannot fill the memory with messages."""
    request, message = span_request()
    message.span_id = b""
    scope_spans = request.resource_spans[0].scope_spans[0]
    scope_spans.spans.extend([message] * MAX_REJECTED_KEPT)
    decoded = decode_traces(request.SerializeToString())
    assert MAX_REJECTED_KEPT == len(decoded.rejected)
    assert {"invalid_span_id": MAX_REJECTED_KEPT + 1} == decoded.rejected_count


def test_a_parent_of_all_zeros_is_no_parent() -> None:
    """Some SDKs send the invalid id for a root."""
    request, message = span_request()
    message.parent_span_id = bytes(8)
    assert b"" == only_span(request).parent_span_id


@pytest.mark.parametrize("number", [-1, 6, 2**31 - 1])
def test_unknown_kinds_and_status_codes_become_unspecified(number: int) -> None:
    """A newer enum value does not cost the span."""
    request, message = span_request()
    message.kind = number  # type: ignore[assignment]
    message.status.code = number  # type: ignore[assignment]
    span = only_span(request)
    assert (0, 0) == (span.kind, span.status_code)


def test_a_span_that_ends_before_it_starts_is_kept_as_sent() -> None:
    """It is kept, and flagged later."""
    request, message = span_request()
    message.end_time_unix_nano = 1
    assert 1 == only_span(request).end_time_ns


def test_the_latest_times_that_fit_are_kept() -> None:
    """2^63-1 is in; an event's time may be any fixed64."""
    request, message = span_request()
    message.start_time_unix_nano = message.end_time_unix_nano = 2**63 - 1
    message.events.add(time_unix_nano=2**64 - 1)
    span = only_span(request)
    assert (2**63 - 1, 2**64 - 1) == (span.end_time_ns, span.events[0].time_ns)


def test_an_empty_body_is_an_empty_request() -> None:
    """Empty requests should succeed (OTLP specification); empty envelopes too."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add()
    bodies = [b"", request.SerializeToString()]
    assert [([], 0), ([], 0)] == [
        (decoded.spans, decoded.rejected_total) for decoded in map(decode_traces, bodies)
    ]
    assert ([], 0) == (decode_logs(b"").logs, decode_logs(b"").other_logs)


def test_unknown_fields_are_ignored() -> None:
    """Newer senders are understood."""
    request, _ = span_request()
    body = request.SerializeToString() + field(99, b"new")
    assert 1 == len(decode_traces(body).spans)


@pytest.mark.parametrize(
    "body", [b"\xff", b"\x0a\x05ab", b"plain text", b'{"resourceSpans": []}', bytes(10)]
)
def test_what_is_no_protobuf_is_undecodable(body: bytes) -> None:
    """The message says so, for both signals."""
    for decode in (decode_traces, decode_logs):
        with pytest.raises(Undecodable, match="not a valid OTLP protobuf message"):
            decode(body)


def test_a_broken_string_value_is_kept_as_its_bytes() -> None:
    """Values at any depth keep the original bytes; the rest of the body is untouched."""
    request, message = span_request()
    put(message.attributes, "good", string_value="é\x00")
    put(message.attributes, "flat", string_value="BROKEN")
    put(message.attributes.add(key="deep").value.kvlist_value.values, "in", string_value="BROKEN")
    body = request.SerializeToString().replace(b"BROKEN", b"a\xff\x00\xc3((")
    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(body)
    (span,) = decode_traces(body).spans
    broken = {"$text": b64encode(b"a\xff\x00\xc3((").decode()}
    good = {"$text": b64encode("é\x00".encode()).decode()}
    assert {"good": good, "flat": broken, "deep": {"in": broken}} == span.attributes
    assert 0 == span.mended_strings


def test_broken_labels_become_replacement_characters_and_are_counted() -> None:
    """One U+FFFD a byte, counted once a label, in spans, resources, scopes, events and links."""
    request, message = span_request()
    envelope = request.resource_spans[0]
    envelope.schema_url = "BROKEN"
    reference = envelope.resource.entity_refs.add(type="BROKEN")
    reference.id_keys.extend(["BROKEN", "fine"])
    envelope.scope_spans[0].scope.name = "BROKEN"
    message.name = "BROKEN"
    message.status.message = "BROKEN"
    message.trace_state = "BROKEN"
    put(message.attributes, "BROKEN", int_value=1)
    message.events.add(name="BROKEN")
    message.links.add(trace_state="BROKEN")
    body = request.SerializeToString().replace(b"BROKEN", b"\xffab\xed\xa0\x80")
    (span,) = decode_traces(body).spans
    label = "\ufffdab\ufffd\ufffd\ufffd"
    assert (label, 1) == (span.resource.schema_url, span.resource.mended_strings)
    assert (label, 1) == (span.scope.name, span.scope.mended_strings)
    assert [label] * 5 == [
        span.name,
        span.status_message,
        span.trace_state,
        span.events[0].name,
        span.links[0].trace_state,
    ]
    assert ({label: 1}, 6) == (span.attributes, span.mended_strings)


def test_a_body_with_broken_strings_and_a_broken_frame_is_undecodable() -> None:
    """Mending is for strings only."""
    request, message = span_request()
    message.name = "BROKEN"
    body = request.SerializeToString().replace(b"BROKEN", b"\xff\xff\xff\xff\xff\xff")
    with pytest.raises(Undecodable):
        decode_traces(body + b"\x0a\x7f")


def test_a_forged_sentinel_is_a_plain_string() -> None:
    """What mending writes cannot be imitated: its token is random for each body."""
    request, message = span_request()
    message.name = "BROKEN"
    forged = "\x00" + "0" * 32 + "AAAA"
    put(message.attributes, "k", string_value=forged)
    body = request.SerializeToString().replace(b"BROKEN", b"\xff\xff\xff\xff\xff\xff")
    (span,) = decode_traces(body).spans
    assert {"k": {"$text": b64encode(forged.encode()).decode()}} == span.attributes


def test_every_field_of_a_genai_event_is_read() -> None:
    """Field by field, with body, resource and scope."""
    request, record = log_request()
    put(request.resource_logs[0].resource.attributes, "service.name", string_value="agent")
    request.resource_logs[0].scope_logs[0].scope.name = "library"
    record.observed_time_unix_nano = START + 1
    record.severity_number = 9  # type: ignore[assignment]
    record.severity_text = "INFO"
    record.flags = 1
    record.dropped_attributes_count = 2
    put(record.attributes, "a", double_value=1.0)
    put(record.body.kvlist_value.values, "content", string_value="hi")
    expected = LogRecord(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        name="gen_ai.client.inference.operation.details",
        time_ns=START,
        observed_time_ns=START + 1,
        severity_number=9,
        severity_text="INFO",
        body={"content": "hi"},
        attributes={"a": 1.0},
        resource=Resource({"service.name": "agent"}),
        scope=Scope("library"),
        flags=1,
        dropped_attributes_count=2,
    )
    assert [expected] == decode_logs(request.SerializeToString()).logs


def test_the_event_name_may_stand_in_an_attribute() -> None:
    """Older SDKs send event.name; the attribute stays too."""
    request, record = log_request()
    record.event_name = ""
    put(record.attributes, "event.name", string_value="gen_ai.choice")
    (log,) = decode_logs(request.SerializeToString()).logs
    assert ("gen_ai.choice", {"event.name": "gen_ai.choice"}) == (log.name, log.attributes)


@pytest.mark.parametrize(
    ("event_name", "attribute"),
    [
        ("", None),
        ("http.request", AnyValue(string_value="gen_ai.choice")),
        ("", AnyValue(string_value="device.app.lifecycle")),
        ("", AnyValue(int_value=3)),
        ("", AnyValue(string_value="gen_ai.choice\x00")),
        ("gen_ai", None),
    ],
)
def test_other_logs_are_counted_whatever_their_ids(
    event_name: str, attribute: AnyValue | None
) -> None:
    """The field wins over the attribute; a name counts only as a whole string."""
    request, record = log_request()
    record.event_name = event_name
    record.trace_id = b""
    if attribute is not None:
        record.attributes.append(KeyValue(key="event.name", value=attribute))
    decoded = decode_logs(request.SerializeToString())
    assert ([], 0, 1) == (decoded.logs, decoded.rejected_total, decoded.other_logs)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b""}, "invalid_trace_id"),
        ({"span_id": bytes(8)}, "invalid_span_id"),
        ({"time_unix_nano": 2**63}, "invalid_timestamp"),
        ({"observed_time_unix_nano": 2**63}, "invalid_timestamp"),
    ],
)
def test_a_genai_event_that_cannot_be_joined_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    """It is counted by reason, not among the other logs."""
    request, record = log_request()
    for name, value in changes.items():
        setattr(record, name, value)
    decoded = decode_logs(request.SerializeToString())
    assert ({reason: 1}, 0, []) == (decoded.rejected_count, decoded.other_logs, decoded.logs)


def test_a_log_without_a_time_has_the_observed_one() -> None:
    """logs.proto: time may be 0, then the observed time is to be used."""
    request, record = log_request()
    record.time_unix_nano = 0
    record.observed_time_unix_nano = START + 9
    record.severity_number = 99  # type: ignore[assignment]
    (log,) = decode_logs(request.SerializeToString()).logs
    assert (START + 9, START + 9, 0) == (log.time_ns, log.observed_time_ns, log.severity_number)


def test_a_broken_log_body_is_kept_as_its_bytes() -> None:
    """The body is a value; the severity text is a label."""
    request, record = log_request()
    record.body.string_value = "BROKEN"
    record.severity_text = "BROKEN"
    body = request.SerializeToString().replace(b"BROKEN", b"ab\xfe\xfe\xfe\xfe")
    (log,) = decode_logs(body).logs
    assert ({"$text": b64encode(b"ab\xfe\xfe\xfe\xfe").decode()}, "ab\ufffd\ufffd\ufffd\ufffd") == (
        log.body,
        log.severity_text,
    )
