"""Bodies made to hurt: deep nesting, very many attributes, very long keys and strings."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otlp.wire import (
    exact,
    field,
    json_log,
    json_logs,
    json_span,
    json_traces,
    log_request,
    put,
    span_request,
)
from samples import make_span
from tracefoundry.model.span import Event, Link, Resource
from tracefoundry.otlp import json, protobuf
from tracefoundry.otlp.decoded import FULL_LIMITS_BYTES, BodyLimits, TooLarge, Undecodable
from tracefoundry.otlp.encode import encode_traces, encode_traces_json


def nested_wire(levels: int, kind: str) -> bytes:
    """An AnyValue of ``levels`` arrays or objects around an integer."""
    value = b"\x18\x05"
    for _ in range(levels):
        if kind == "array":
            value = field(5, field(1, value))
        else:
            value = field(6, field(1, field(1, b"k") + field(2, value)))
    return value


def nested_json(levels: int, kind: str) -> dict[str, Any]:
    """The same in JSON."""
    value: dict[str, Any] = {"intValue": "5"}
    for _ in range(levels):
        if kind == "array":
            value = {"arrayValue": {"values": [value]}}
        else:
            value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


def traces_at(place: str, value: bytes) -> bytes:
    """A trace request with an attribute at a place, whose value is given as wire bytes."""
    pair = field(1, b"a") + field(2, value)
    ids = field(1, b"\x01" * 16) + field(2, b"\x01" * 8)
    span = field(2, ids)
    if place == "resource":
        return field(1, field(1, field(1, pair)) + field(2, span))
    if place == "scope":
        return field(1, field(2, field(1, field(3, pair)) + span))
    if place == "span":
        return field(1, field(2, field(2, ids + field(9, pair))))
    number = 11 if place == "event" else 13
    inner = field(3, pair) if place == "event" else field(4, pair)
    return field(1, field(2, field(2, ids + field(number, inner))))


def json_at(place: str, value: dict[str, Any]) -> bytes:
    """The same request in JSON."""
    ids = {"traceId": "01" * 16, "spanId": "01" * 8}
    holder = {"attributes": [{"key": "a", "value": value}]}
    if place in ("resource", "scope"):
        return json_traces(ids, **{place: holder})
    if place == "span":
        return json_traces(ids | holder)
    return json_traces(ids | {f"{place}s": [holder]})


@pytest.mark.parametrize("place", ["resource", "scope", "span", "event", "link"])
@pytest.mark.parametrize("kind", ["array", "object"])
def test_both_encodings_allow_the_same_depth(place: str, kind: str) -> None:
    """100 messages below the request: the deepest is decoded equally, the next is refused."""
    deepest = 0
    for levels in range(28, 51):
        wire = traces_at(place, nested_wire(levels, kind))
        document = json_at(place, nested_json(levels, kind))
        try:
            decoded = protobuf.decode_traces(wire)
        except Undecodable:
            with pytest.raises(Undecodable, match="nested deeper than 100 messages"):
                json.decode_traces(document)
        else:
            deepest = levels
            assert exact(decoded) == exact(json.decode_traces(document))
    assert 28 < deepest < 50


def test_the_depth_of_a_log_body_is_bounded_alike() -> None:
    """A body is one message less deep than an attribute."""
    outcomes = []
    for levels in (47, 48, 49):
        request, record = log_request()
        record.body.CopyFrom(AnyValue.FromString(nested_wire(levels, "array")))
        document = json_logs(json_log(body=nested_json(levels, "array")))
        try:
            outcomes.append(len(protobuf.decode_logs(request.SerializeToString()).logs))
            assert 1 == len(json.decode_logs(document).logs)
        except Undecodable:
            outcomes.append(0)
            with pytest.raises(Undecodable):
                json.decode_logs(document)
    assert [1, 1, 0] == outcomes


@pytest.mark.parametrize("kind", ["array", "object"])
def test_absurd_nesting_is_undecodable(kind: str) -> None:
    """No recursion error, whatever the depth, even where a string needs mending."""
    wire = traces_at("span", nested_wire(5000, kind))
    for body in (wire, wire + traces_at("span", field(1, b"\xff"))):
        with pytest.raises(Undecodable):
            protobuf.decode_traces(body)
    opening = b'{"arrayValue":{"values":[' if kind == "array" else b'{"kvlistValue":{"values":[{'
    head = json_traces(json_span(attributes=["HERE"])).partition(b'"HERE"')[0] + b'{"value":'
    for body in (head + opening * 50_000, head.replace(b"chat", b"\xff") + opening * 50_000):
        with pytest.raises(Undecodable):
            json.decode_traces(body)


def test_a_span_of_100_000_attributes_is_decoded_whole() -> None:
    """None is dropped, and both encodings agree."""
    request, message = span_request()
    for number in range(100_000):
        put(message.attributes, f"key.{number}", int_value=number)
    (span,) = protobuf.decode_traces(request.SerializeToString()).spans
    assert {f"key.{number}": number for number in range(100_000)} == span.attributes
    pairs = [{"key": f"key.{n}", "value": {"intValue": str(n)}} for n in range(100_000)]
    assert [span] == json.decode_traces(json_traces(json_span(attributes=pairs))).spans


@pytest.mark.parametrize("ending", ["", "\x00", "é"])
def test_a_key_of_a_megabyte_is_decoded_whole(ending: str) -> None:
    """Its length does not matter, mended or not."""
    key = "k" * 1_000_000 + ending
    request, message = span_request()
    put(message.attributes, key, string_value="v" * 1_000_000)
    expected = {key.replace("\x00", "\ufffd"): "v" * 1_000_000}
    (span,) = protobuf.decode_traces(request.SerializeToString()).spans
    pair = {"key": key, "value": {"stringValue": "v" * 1_000_000}}
    (same,) = json.decode_traces(json_traces(json_span(attributes=[pair]))).spans
    assert [expected, expected] == [span.attributes, same.attributes]


def test_many_broken_strings_are_all_mended() -> None:
    """10,000 broken values and keys in one span."""
    pairs = b"".join(
        field(9, field(1, b"\xff%d" % n) + field(2, field(1, b"\xff%d" % n))) for n in range(10_000)
    )
    ids = field(1, b"\x01" * 16) + field(2, b"\x01" * 8)
    (span,) = protobuf.decode_traces(field(1, field(2, field(2, ids + pairs)))).spans
    assert 10_000 == span.mended_strings
    assert {"$text"} == {tag for value in span.attributes.values() for tag in value}


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_a_body_of_very_many_spans_is_too_large(encoding: str) -> None:
    """Nearly empty spans would fill memory long before the body reaches its limit in bytes."""
    limits = BodyLimits(records=3)
    spans = [make_span(span=number) for number in range(1, 5)]
    if encoding == "protobuf":
        assert 3 == len(protobuf.decode_traces(encode_traces(spans[:3]), limits).spans)
        with pytest.raises(TooLarge, match="smaller batches"):
            protobuf.decode_traces(encode_traces(spans), limits)
    else:
        assert 3 == len(json.decode_traces(encode_traces_json(spans[:3]), limits).spans)
        with pytest.raises(TooLarge, match="smaller batches"):
            json.decode_traces(encode_traces_json(spans), limits)


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("part", ["events", "links", "resources"])
def test_a_body_of_very_many_small_parts_is_too_large(encoding: str, part: str) -> None:
    """Events, links and envelopes cost two bytes on the wire and hundreds as objects."""
    span = make_span()
    spans = [span]
    if part == "events":
        span.events = [Event("e", 1)] * 5
    elif part == "links":
        span.links = [Link(bytes(16), bytes(8))] * 5
    else:
        spans = [make_span(span=n, resource=Resource({"n": n})) for n in range(1, 5)]
    body = encode_traces(spans) if encoding == "protobuf" else encode_traces_json(spans)
    decode = protobuf.decode_traces if encoding == "protobuf" else json.decode_traces
    with pytest.raises(TooLarge, match="smaller batches"):
        decode(body, BodyLimits(parts=6))


def test_a_json_body_that_may_hold_very_many_values_is_too_large() -> None:
    """The JSON parser cannot be stopped once it runs, so it is not begun."""
    with pytest.raises(TooLarge, match="smaller batches"):
        json.decode_traces(b'{"unknown": [' + b"{}," * 100 + b"{}]}", BodyLimits(json_values=100))


MANY = {f"k{number}": number for number in range(8)}

PLACES = {
    "span attributes": lambda: [make_span(attributes=MANY)],
    "attributes of two spans": lambda: [
        make_span(span=number, attributes={"a": 1, "b": 2, "c": 3, "d": 4}) for number in (1, 2)
    ],
    "event attributes": lambda: [make_span(events=[Event("e", 1, MANY)])],
    "link attributes": lambda: [make_span(links=[Link(bytes(16), bytes(8), MANY)])],
    "resource attributes": lambda: [make_span(resource=Resource(MANY))],
    "entries of a map": lambda: [make_span(attributes={"a": MANY})],
    "elements of an array": lambda: [make_span(attributes={"a": list(range(40))})],
    "elements of nested arrays": lambda: [make_span(attributes={"a": [[1] * 16, [[2] * 16]]})],
}


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("place", PLACES)
def test_a_body_of_very_many_values_is_too_large(encoding: str, place: str) -> None:
    """Attributes are counted wherever they are, entries of maps too; four elements are one."""
    spans = PLACES[place]()
    body = encode_traces(spans) if encoding == "protobuf" else encode_traces_json(spans)
    decode = protobuf.decode_traces if encoding == "protobuf" else json.decode_traces
    assert len(spans) == len(decode(body, BodyLimits(values=20)).spans)
    with pytest.raises(TooLarge, match="smaller batches"):
        decode(body, BodyLimits(values=7))


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("part", ["attributes", "events", "links", "event attributes"])
def test_a_span_of_very_many_parts_is_refused_alone(encoding: str, part: str) -> None:
    """Its neighbours are kept, and the sender hears why."""
    big = {
        "attributes": lambda: make_span(span=1, attributes=MANY),
        "events": lambda: make_span(span=1, events=[Event("e", 1)] * 8),
        "links": lambda: make_span(span=1, links=[Link(bytes(16), bytes(8))] * 8),
        "event attributes": lambda: make_span(span=1, events=[Event("e", 1, MANY)]),
    }[part]()
    spans = [big, make_span(span=2)]
    body = encode_traces(spans) if encoding == "protobuf" else encode_traces_json(spans)
    decode = protobuf.decode_traces if encoding == "protobuf" else json.decode_traces
    assert 2 == len(decode(body, BodyLimits(span_parts=8)).spans)
    result = decode(body, BodyLimits(span_parts=7))
    assert [spans[1].span_id] == [span.span_id for span in result.spans]
    assert {"too_many_parts": 1} == result.rejected_count
    assert f"more than 7 {part.split()[-1]}" in result.rejected[0].detail


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_a_resource_of_very_many_attributes_is_too_large(encoding: str) -> None:
    """It is no span that could be refused alone."""
    spans = [make_span(resource=Resource(MANY))]
    body = encode_traces(spans) if encoding == "protobuf" else encode_traces_json(spans)
    decode = protobuf.decode_traces if encoding == "protobuf" else json.decode_traces
    with pytest.raises(TooLarge, match="more than 7 attributes"):
        decode(body, BodyLimits(span_parts=7))


def test_a_worker_with_less_memory_takes_smaller_bodies() -> None:
    """In proportion; the limits of one span stay."""
    half = BodyLimits.within(FULL_LIMITS_BYTES // 2)
    assert (125_000, 500_000, 500_000, 100_000) == (
        half.records,
        half.parts,
        half.values,
        half.span_parts,
    )
    assert BodyLimits() == BodyLimits.within(8 * FULL_LIMITS_BYTES)
