"""OTLP/JSON bodies: the protocol's rules, what real senders do, and errors that name a place."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest

from otlp.wire import (
    END,
    SPAN_ID,
    START,
    TRACE_ID,
    exact,
    json_log,
    json_logs,
    json_span,
    json_traces,
)
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.otlp.decoded import MAX_REJECTED_KEPT, Undecodable
from tracefoundry.otlp.json import decode_logs, decode_traces


def only_span(body: bytes) -> Span:
    """The one span of a body."""
    decoded = decode_traces(body)
    assert [] == decoded.rejected
    (span,) = decoded.spans
    return span


def attribute(value: Any, key: str = "k") -> dict[str, Any]:
    """A key-value pair."""
    return {"key": key, "value": value}


EXAMPLE = b"""{
  "resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
    "scopeSpans": [{
      "scope": {"name": "my.library", "version": "1.0.0",
                "attributes": [{"key": "a", "value": {"stringValue": "some scope attribute"}}]},
      "spans": [{
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "EEE19B7EC3C1B173",
        "name": "I'm a server span",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "kind": 2,
        "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}]
      }]
    }]
  }]
}"""


def test_the_protocols_example_with_upper_case_ids_is_read() -> None:
    """The shape of opentelemetry-proto's examples/trace.json."""
    expected = Span(
        trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
        span_id=bytes.fromhex("eee19b7ec3c1b174"),
        parent_span_id=bytes.fromhex("eee19b7ec3c1b173"),
        name="I'm a server span",
        kind=2,
        start_time_ns=1544712660000000000,
        end_time_ns=1544712661000000000,
        status_code=0,
        status_message="",
        attributes={"my.span.attr": "some value"},
        resource=Resource({"service.name": "my.service"}),
        scope=Scope("my.library", "1.0.0", {"a": "some scope attribute"}),
    )
    assert expected == only_span(EXAMPLE)


def test_every_field_of_a_span_is_read_in_either_spelling_of_keys() -> None:
    """lowerCamelCase is the rule; snake_case is accepted as other receivers do."""
    camel = {
        "resourceSpans": [
            {
                "schemaUrl": "r",
                "resource": {"attributes": [attribute({"boolValue": True})]}
                | {"droppedAttributesCount": 1},
                "scopeSpans": [
                    {
                        "schemaUrl": "s",
                        "scope": {"name": "n", "version": "v", "droppedAttributesCount": 2},
                        "spans": [
                            json_span(
                                parentSpanId="09" * 8,
                                traceState="a=b",
                                flags=257,
                                kind=3,
                                status={"code": 2, "message": "timed out"},
                                droppedAttributesCount=3,
                                droppedEventsCount=4,
                                droppedLinksCount=5,
                                attributes=[attribute({"arrayValue": {"values": []}})],
                                events=[
                                    {
                                        "name": "e",
                                        "timeUnixNano": str(START),
                                        "attributes": [attribute({"kvlistValue": {"values": []}})],
                                        "droppedAttributesCount": 6,
                                    }
                                ],
                                links=[
                                    {
                                        "traceId": "0A",
                                        "spanId": "",
                                        "traceState": "c=d",
                                        "flags": 7,
                                        "attributes": [attribute({"bytesValue": "/w=="})],
                                        "droppedAttributesCount": 8,
                                    }
                                ],
                            )
                        ],
                    }
                ],
            }
        ]
    }
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
        attributes={"k": []},
        resource=Resource({"k": True}, "r", 1),
        scope=Scope("n", "v", {}, "s", 2),
        events=[Event("e", START, {"k": {}}, 6)],
        links=[Link(b"\x0a", b"", {"k": {"$bytes": "/w=="}}, "c=d", 7, 8)],
        flags=257,
        trace_state="a=b",
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )
    assert expected == only_span(orjson.dumps(camel))
    assert expected == only_span(orjson.dumps(snake_keys(camel)))


def snake_keys(value: Any) -> Any:
    """The same document with snake_case keys."""
    if isinstance(value, list):
        return [snake_keys(item) for item in value]
    if isinstance(value, dict):
        return {
            "".join("_" + c.lower() if c.isupper() else c for c in key): snake_keys(item)
            for key, item in value.items()
        }
    return value


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"stringValue": "text"}, "text"),
        ({"stringValue": ""}, ""),
        ({"stringValue": "a\x00b"}, {"$text": b64encode(b"a\x00b").decode()}),
        ({"boolValue": False}, False),
        ({"intValue": 5}, 5),
        ({"intValue": "5"}, 5),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 9223372036854775807}, 2**63 - 1),
        ({"intValue": 3.0}, 3),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": "0.5"}, 0.5),
        ({"doubleValue": "-1e3"}, -1000.0),
        ({"doubleValue": "NaN"}, {"$double": "NaN"}),
        ({"doubleValue": "Infinity"}, {"$double": "Infinity"}),
        ({"doubleValue": "-Infinity"}, {"$double": "-Infinity"}),
        ({"doubleValue": -0.0}, {"$double": "-0.0"}),
        ({"doubleValue": 1e300}, {"$double": "1e+300"}),
        ({"bytesValue": "+/8="}, {"$bytes": "+/8="}),
        ({"bytesValue": "-_8"}, {"$bytes": "+/8="}),
        ({"bytesValue": ""}, {"$bytes": ""}),
        ({}, None),
        (None, None),
        ({"stringValue": None}, None),
        ({"unknownValue": 3}, None),
        ({"string_value": "a"}, "a"),
        ({"arrayValue": None}, None),
        ({"arrayValue": {}}, []),
        ({"arrayValue": {"values": [None, {}, {"intValue": "1"}]}}, [None, None, 1]),
        ({"kvlistValue": {"values": None}}, {}),
        (
            {"kvlistValue": {"values": [attribute({"intValue": 1}, "$double")]}},
            {"$object": {"$double": 1}},
        ),
    ],
)
def test_every_kind_of_attribute_value_has_its_tagged_form(value: Any, form: Any) -> None:
    """The forms of model/attributes.py, types distinguished, as attribute and nested."""
    nested = {"arrayValue": {"values": [value]}}
    body = json_traces(json_span(attributes=[attribute(value), attribute(nested, "nested")]))
    assert exact({"k": form, "nested": [form]}) == exact(only_span(body).attributes)


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"kind": 2, "status": {"code": 1}}, 2, 1),
        ({"kind": "SPAN_KIND_SERVER", "status": {"code": "STATUS_CODE_ERROR"}}, 2, 2),
        ({"kind": "5", "status": {"code": "1"}}, 5, 1),
        ({"kind": 17, "status": {"code": -1}}, 0, 0),
        ({"kind": "SPAN_KIND_NEW", "status": {"code": "NEW"}}, 0, 0),
        ({"kind": None, "status": None}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_enums_are_numbers_names_or_numbers_in_strings(
    fields: dict[str, Any], kind: int, code: int
) -> None:
    """Unknown ones are 0, as in protobuf."""
    span = only_span(json_traces(json_span(**fields)))
    assert (kind, code) == (span.kind, span.status_code)


@pytest.mark.parametrize("time", [START, str(START)])
def test_64_bit_integers_are_numbers_or_strings(time: Any) -> None:
    """Both are accepted on decoding (proto3 JSON)."""
    body = json_traces(json_span(startTimeUnixNano=time, flags="257"))
    span = only_span(body)
    assert (START, 257) == (span.start_time_ns, span.flags)


def test_null_is_an_absent_field_and_unknown_fields_are_ignored() -> None:
    """At every level; a null in a list is an empty message."""
    span = json_span(kind=None, attributes=None, events=None, links=[], new=[{"x": 1}])
    body = json_traces(span, resource=None, scope=None)
    assert only_span(json_traces(json_span())) == only_span(body)
    decoded = decode_traces(json_traces(None, json_span()))
    assert (1, {"invalid_trace_id": 1}) == (len(decoded.spans), decoded.rejected_count)


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans": []}', b'{"resourceSpans": [{}]}'])
def test_empty_requests_are_accepted(body: bytes) -> None:
    """Empty requests should succeed (OTLP specification)."""
    decoded = decode_traces(body)
    assert ([], 0) == (decoded.spans, decoded.rejected_total)
    assert 0 == decode_logs(b"{}").other_logs


@pytest.mark.parametrize(
    ("fields", "reason", "what"),
    [
        ({"traceId": "xyz"}, "invalid_trace_id", ".traceId is not hex, which ids are in OTLP/JSON"),
        (
            {"traceId": b64encode(TRACE_ID).decode()},
            "invalid_trace_id",
            ".traceId is not hex, which ids are in OTLP/JSON",
        ),
        ({"traceId": "0102"}, "invalid_trace_id", ": trace id has 2 bytes, expected 16"),
        ({"traceId": "0" * 32}, "invalid_trace_id", ": trace id is all zero"),
        ({"traceId": None}, "invalid_trace_id", ": trace id has 0 bytes, expected 16"),
        ({"spanId": "01 02 03 04 05 06 07 08"}, "invalid_span_id", None),
        ({"spanId": "é" * 16}, "invalid_span_id", None),
        ({"parentSpanId": "0g" * 8}, "invalid_parent_span_id", None),
        ({"parentSpanId": "0102"}, "invalid_parent_span_id", None),
        ({"links": [{"traceId": "zz"}]}, "invalid_link_id", None),
        ({"startTimeUnixNano": str(2**63)}, "invalid_timestamp", None),
        ({"endTimeUnixNano": 2**63}, "invalid_timestamp", None),
        ({"startTimeUnixNano": -1}, "invalid_timestamp", None),
        ({"startTimeUnixNano": "2026-11-21T00:00:00Z"}, "invalid_timestamp", None),
        ({"startTimeUnixNano": 1.5}, "invalid_timestamp", None),
        ({"events": [{"timeUnixNano": str(2**64)}]}, "invalid_timestamp", None),
        ({"flags": 2**32}, "invalid_number", None),
        ({"droppedEventsCount": -1}, "invalid_number", None),
        ({"attributes": [attribute({"intValue": str(2**63)})]}, "invalid_attribute", None),
        ({"attributes": [attribute({"intValue": 2**63})]}, "invalid_attribute", None),
        ({"attributes": [attribute({"intValue": "1.5"})]}, "invalid_attribute", None),
        ({"attributes": [attribute({"intValue": 1e30})]}, "invalid_attribute", None),
        ({"attributes": [attribute({"doubleValue": "nan"})]}, "invalid_attribute", None),
        ({"attributes": [attribute({"doubleValue": "1e999"})]}, "invalid_attribute", None),
        (
            {"attributes": [attribute({"bytesValue": "a"})]},
            "invalid_attribute",
            ".attributes[0].value.bytesValue is not base64",
        ),
    ],
)
def test_a_span_with_a_value_that_its_field_cannot_hold_is_refused_alone(
    fields: dict[str, Any], reason: str, what: str | None
) -> None:
    """Its neighbours on both sides stay, and the refusal says where."""
    decoded = decode_traces(json_traces(json_span(), json_span(**fields), json_span()))
    assert (2, {reason: 1}) == (len(decoded.spans), decoded.rejected_count)
    place = "resourceSpans[0].scopeSpans[0].spans[1]"
    (rejected,) = decoded.rejected
    assert rejected.detail.startswith(place)
    if what is not None:
        assert place + what == rejected.detail


@pytest.mark.parametrize("part", ["resource", "scope"])
def test_a_bad_value_in_a_resource_or_scope_refuses_the_spans_below(part: str) -> None:
    """Each one is counted; other envelopes are untouched."""
    bad = {"attributes": [attribute({"intValue": "x"})]}
    first = orjson.loads(json_traces(*[json_span()] * 2, **{part: bad}))
    second = orjson.loads(json_traces(json_span()))
    body = orjson.dumps({"resourceSpans": first["resourceSpans"] + second["resourceSpans"]})
    decoded = decode_traces(body)
    assert (1, {"invalid_attribute": 2}) == (len(decoded.spans), decoded.rejected_count)
    assert f".{part}.attributes[0].value.intValue is no 64-bit integer" in (
        decoded.rejected[0].detail
    )
    logs = decode_logs(json_logs(json_log(), json_log(eventName="other"), **{part: bad}))
    assert ({"invalid_attribute": 1}, 1) == (logs.rejected_count, logs.other_logs)


def test_details_of_refusals_are_bounded_and_all_are_counted() -> None:
    """A body of bad spans cannot fill the memory with messages."""
    spans = [json_span(spanId="")] * (MAX_REJECTED_KEPT + 1)
    decoded = decode_traces(json_traces(*spans))
    assert MAX_REJECTED_KEPT == len(decoded.rejected)
    assert {"invalid_span_id": MAX_REJECTED_KEPT + 1} == decoded.rejected_count


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ["x"]}, ".name: expected a string, found an array"),
        ({"name": 3}, ".name: expected a string, found a number"),
        ({"traceId": 3}, ".traceId: expected a string, found a number"),
        ({"kind": True}, ".kind: expected a number or a decimal string, found a boolean"),
        (
            {"startTimeUnixNano": {}},
            ".startTimeUnixNano: expected a number or a decimal string, found an object",
        ),
        ({"status": "OK"}, ".status: expected an object, found a string"),
        ({"status": {"message": 1}}, ".status.message: expected a string, found a number"),
        ({"attributes": 5}, ".attributes: expected an array, found a number"),
        ({"attributes": {}}, ".attributes: expected an array, found an object"),
        ({"attributes": [3]}, ".attributes[0]: expected an object, found a number"),
        ({"attributes": [{}, {"key": 1}]}, ".attributes[1].key: expected a string, found a number"),
        (
            {"attributes": [attribute("v")]},
            ".attributes[0].value: expected an object, found a string",
        ),
        (
            {"attributes": [attribute({"stringValue": 1})]},
            ".attributes[0].value.stringValue: expected a string, found a number",
        ),
        (
            {"attributes": [attribute({"boolValue": "true"})]},
            ".attributes[0].value.boolValue: expected a boolean, found a string",
        ),
        (
            {"attributes": [attribute({"intValue": True})]},
            ".attributes[0].value.intValue: expected a number or a decimal string, found a boolean",
        ),
        (
            {"attributes": [attribute({"doubleValue": []})]},
            ".attributes[0].value.doubleValue: expected a number or a string, found an array",
        ),
        (
            {"attributes": [attribute({"bytesValue": [1]})]},
            ".attributes[0].value.bytesValue: expected a string, found an array",
        ),
        (
            {"attributes": [attribute({"arrayValue": {"values": [{}, 7]}})]},
            ".attributes[0].value.arrayValue.values[1]: expected an object, found a number",
        ),
        (
            {"attributes": [attribute({"kvlistValue": {"values": [{"key": []}]}})]},
            ".attributes[0].value.kvlistValue.values[0].key: expected a string, found an array",
        ),
        ({"events": [{"name": {}}]}, ".events[0].name: expected a string, found an object"),
        ({"links": [{}, {"flags": []}]}, ".links[1].flags: expected a number or a decimal string"),
    ],
)
def test_a_value_of_the_wrong_json_type_fails_the_body_and_names_the_path(
    fields: dict[str, Any], message: str
) -> None:
    """Whole path from the request, even after a refused neighbour."""
    body = json_traces(json_span(traceId="bad"), json_span(events=[{}]), json_span(**fields))
    with pytest.raises(Undecodable) as caught:
        decode_traces(body)
    assert str(caught.value).startswith(f"resourceSpans[0].scopeSpans[0].spans[2]{message}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\x0a\x00", "not valid JSON"),
        (b"[]", "the body: expected an object, found an array"),
        (b"null", "the body: expected an object, found null"),
        (b'"x"', "the body: expected an object, found a string"),
        (b'{"resourceSpans": {}}', "resourceSpans: expected an array, found an object"),
        (b'{"resourceSpans": [3]}', r"resourceSpans\[0\]: expected an object, found a number"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": "\xff", "b": NaN}', "not valid JSON"),
        (b'{"a": "\xff", "b": 1e999}', "not valid JSON"),
        (b'{"a": "\xff"', "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b'["\xff",' + b"[" * 200_000, "not valid JSON"),
    ],
)
def test_what_is_no_request_is_undecodable(body: bytes, message: str) -> None:
    """The message says what was wrong, strict and lenient parser alike."""
    with pytest.raises(Undecodable, match=message):
        decode_traces(body)


@pytest.mark.parametrize(
    ("written", "raw"),
    [
        (b"a\xffb", b"a\xffb"),
        (b"\\ud800", b"\xed\xa0\x80"),
        (b"x\\uDC80y", b"x\xed\xb2\x80y"),
        (b"\\udc80\x80", b"\xed\xb2\x80\x80"),
        (b"\\\\ud800\\ud800", b"\\ud800\xed\xa0\x80"),
        (b"\\ud83d\\ude00\xff", b"\xf0\x9f\x98\x80\xff"),
        (b"\xc3\\n\xa9", b"\xc3\n\xa9"),
        (b'\\u0000\xfe\\"', b'\x00\xfe"'),
    ],
)
def test_broken_strings_keep_their_bytes_as_values_and_are_mended_as_labels(
    written: bytes, raw: bytes
) -> None:
    """Invalid UTF-8 and lone surrogates never fail a body."""
    span = json_span(name="BROKEN", attributes=[attribute({"stringValue": "BROKEN"})])
    body = json_traces(span, json_span(name="é\U0001f600")).replace(b"BROKEN", written)
    broken, good = decode_traces(body).spans
    assert {"k": {"$text": b64encode(raw).decode()}} == broken.attributes
    assert ("\ufffd" in broken.name, 1) == (True, broken.mended_strings)
    assert ("é\U0001f600", 0) == (good.name, good.mended_strings)
    broken.name.encode("utf-8")


def test_nul_and_duplicate_keys_are_mended_and_counted() -> None:
    """As in protobuf; keys that become equal by mending are duplicates too."""
    pairs = [
        attribute({"intValue": n}, key) for n, key in enumerate(["a\x00", "a\ufffd", "b", "b"])
    ]
    span = json_span(name="n\x00", attributes=pairs, events=[{"name": "\x00"}])
    decoded = only_span(json_traces(span))
    assert ({"a\ufffd": 1, "b": 3}, "n\ufffd", "\ufffd", 5) == (
        decoded.attributes,
        decoded.name,
        decoded.events[0].name,
        decoded.mended_strings,
    )


def test_spans_of_one_envelope_share_their_resource_and_scope() -> None:
    """One object each, so that work on them is done once."""
    first, second = decode_traces(json_traces(json_span(), json_span())).spans
    assert first.resource is second.resource
    assert first.scope is second.scope


def test_every_field_of_a_genai_event_is_read() -> None:
    """Severity by name too, body of any kind."""
    record = json_log(
        observedTimeUnixNano=START + 1,
        severityNumber="SEVERITY_NUMBER_WARN2",
        severityText="WARN2",
        body={"kvlistValue": {"values": [attribute({"stringValue": "hi"}, "content")]}},
        attributes=[attribute({"doubleValue": 1})],
        flags=1,
        droppedAttributesCount="2",
    )
    expected = LogRecord(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        name="gen_ai.client.inference.operation.details",
        time_ns=START,
        observed_time_ns=START + 1,
        severity_number=14,
        severity_text="WARN2",
        body={"content": "hi"},
        attributes={"k": 1.0},
        resource=Resource({"k": True}),
        scope=Scope("n"),
        flags=1,
        dropped_attributes_count=2,
    )
    resource = {"attributes": [attribute({"boolValue": True})]}
    body = json_logs(record, resource=resource, scope={"name": "n"})
    assert [expected] == decode_logs(body).logs
    assert [expected] == decode_logs(orjson.dumps(snake_keys(orjson.loads(body)))).logs


def test_only_genai_events_are_taken_from_logs() -> None:
    """By field, else attribute; the others are counted whatever their ids."""
    named = [attribute({"stringValue": "gen_ai.choice"}, "event.name")]
    decoded = decode_logs(
        json_logs(
            json_log(eventName=None, attributes=named),
            json_log(eventName="http.request", attributes=named),
            json_log(eventName="", traceId="not hex"),
            json_log(eventName="", attributes=[attribute({"intValue": 1}, "event.name")]),
            json_log(traceId="not hex"),
            json_log(spanId=None),
            json_log(timeUnixNano=2**63),
        )
    )
    assert ["gen_ai.choice"] == [log.name for log in decoded.logs]
    assert 3 == decoded.other_logs
    assert {"invalid_trace_id": 1, "invalid_span_id": 1, "invalid_timestamp": 1} == (
        decoded.rejected_count
    )


def test_a_log_without_a_time_has_the_observed_one() -> None:
    """logs.proto: time may be 0, then the observed time is to be used."""
    record = json_log(timeUnixNano=None, observedTimeUnixNano=str(START + 9))
    (log,) = decode_logs(json_logs(record)).logs
    assert (START + 9, START + 9) == (log.time_ns, log.observed_time_ns)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ('"1e2"', 100),
        ("1e2", 100),
        ('"1E+2"', 100),
        ("1.5e3", 1500),
        ('"1.5e3"', 1500),
        ('"1500e-1"', 150),
        ("7.0", 7),
        ('"7.000"', 7),
        ("-2e0", -2),
        ('"-9.223372036854775808e18"', -(2**63)),
        ('"9.223372036854775807E18"', 2**63 - 1),
        ('"9007199254740993.0"', 9_007_199_254_740_993),
        ("1.8e18", 1_800_000_000_000_000_000),
    ],
)
def test_integers_may_have_exponents_quoted_or_not(written: str, number: int) -> None:
    """ProtoJSON allows both, and fractions of zeros; strings are exact."""
    body = json_traces(json_span(attributes=[attribute({"intValue": "Q"})]))
    span = only_span(body.replace(b'"Q"', written.encode()))
    assert [number] == list(span.attributes.values())


@pytest.mark.parametrize("quote", ["", '"'])
def test_times_counts_and_enums_may_have_exponents(quote: str) -> None:
    """Every integer field is read alike."""
    fields = {
        "startTimeUnixNano": "1.7960000000e18",
        "endTimeUnixNano": "1796000000000000000.0",
        "kind": "3e0",
        "flags": "2.57e2",
        "droppedAttributesCount": "1E1",
    }
    body = json_traces(json_span(**{name: f"<{name}>" for name in fields}))
    for name, text in fields.items():
        body = body.replace(f'"<{name}>"'.encode(), f"{quote}{text}{quote}".encode())
    span = only_span(body)
    assert (1_796_000_000_000_000_000, 1_796_000_000_000_000_000, 3, 257, 10) == (
        span.start_time_ns,
        span.end_time_ns,
        span.kind,
        span.flags,
        span.dropped_attributes_count,
    )


@pytest.mark.parametrize(
    "written",
    ['"1e-1"', "1.5e0", '"1.5"', '"1e19"', "1e19", '"1e999999"', '"1e-999999"', '"+1e2"', '" 1e2"',
     '"1e"', '".5e1"', '"5.e1"', '"0x1e2"', '"1_0e2"', '"Infinity"', '"' + "1" * 101 + '"'],
)  # fmt: skip
def test_what_is_no_64_bit_integer_is_refused_alone(written: str) -> None:
    """Whatever its form, and without computing a number of a million digits."""
    bad = json_span(attributes=[attribute({"intValue": "Q"})])
    body = json_traces(json_span(), bad).replace(b'"Q"', written.encode())
    decoded = decode_traces(body)
    assert (1, {"invalid_attribute": 1}) == (len(decoded.spans), decoded.rejected_count)
