"""Strings no encoding allows and values of extreme size or depth: the body is stored whole."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ingest.bodies import (
    JSON,
    body,
    json_request,
    json_span,
    key_values,
    new_trace_id,
    recent_ns,
    request,
    span,
)
from ingest.sending import assert_stored, post
from platform_process import Platform


def spans_of(platform: Platform, trace_id: bytes) -> list[dict[str, Any]]:
    """A trace's spans in full."""
    found: list[dict[str, Any]] = platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"]
    return found


def replaced(content: bytes, marker: bytes, raw: bytes) -> bytes:
    """The body with a marker of the same length turned into raw bytes."""
    assert len(marker) == len(raw)
    assert marker in content
    return content.replace(marker, raw)


BROKEN = {"nul": b"a\x00b", "invalid_utf8": b"a\xffb", "cut_sequence": b"a\xe2\x82"}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("place", ["name", "value", "key", "event", "status", "resource", "scope"])
def test_broken_strings_in_protobuf_cost_nothing(platform: Platform, case: str, place: str) -> None:
    """NUL and invalid UTF-8 anywhere: the body is stored, values keep their bytes."""
    trace_id = new_trace_id()
    marker = b"QQQ"
    text = marker.decode()
    bad = span(trace_id, name=text if place == "name" else "bad")
    if place == "value":
        bad.attributes.extend(key_values({"k": text}))
    elif place == "key":
        bad.attributes.extend(key_values({text: "v"}))
    elif place == "event":
        event = bad.events.add(name=text, time_unix_nano=recent_ns())
        event.attributes.extend(key_values({"k": text}))
    elif place == "status":
        bad.status.message = text
    export = request([bad, span(trace_id, name="good")])
    if place == "resource":
        export.resource_spans[0].resource.attributes.extend(key_values({"host.name": text}))
    elif place == "scope":
        export.resource_spans[0].scope_spans[0].scope.name = text
    raw = BROKEN[case]
    answer = post(platform, replaced(export.SerializeToString(), marker, raw))
    assert_stored(answer)
    found = {each["name"]: each for each in spans_of(platform, trace_id)}
    assert 2 == len(found)
    assert "good" in found
    tagged = {"$text": base64.b64encode(raw).decode()}
    if place == "name":
        [name] = set(found) - {"good"}
        assert name.startswith("a\ufffd")
    elif place == "value":
        assert tagged == found["bad"]["attributes"]["k"]
    elif place == "key":
        [key] = found["bad"]["attributes"]
        assert key.startswith("a\ufffd")
    elif place == "event":
        [event_shown] = found["bad"]["events"]
        assert event_shown["name"].startswith("a\ufffd")
        assert tagged == event_shown["attributes"]["k"]
    elif place == "status":
        assert found["bad"]["status"]["message"].startswith("a\ufffd")
    elif place == "resource":
        assert tagged == found["bad"]["resource"]["host.name"]
    else:
        assert found["bad"]["scope"]["name"].startswith("a\ufffd")


@pytest.mark.parametrize("raw", [b"a\\u0000b", b"a\xffb", b"a\\ud800b"])
@pytest.mark.parametrize("place", ["name", "value", "key"])
def test_broken_strings_in_json_cost_nothing(platform: Platform, raw: bytes, place: str) -> None:
    """The same in JSON, lone surrogates included."""
    trace_id = new_trace_id()
    key, value = ("QQQ" if place == "key" else "k"), ("QQQ" if place == "value" else "v")
    sent = json_span(
        trace_id,
        name="QQQ" if place == "name" else "bad",
        attributes=[{"key": key, "value": {"stringValue": value}}],
    )
    content = json.dumps(json_request([sent, json_span(trace_id, name="good")])).encode()
    assert_stored(post(platform, content.replace(b"QQQ", raw), content_type=JSON))
    found = {each["name"]: each for each in spans_of(platform, trace_id)}
    assert 2 == len(found)
    [other] = set(found) - {"good"}
    if place == "value":
        assert ["$text"] == list(found[other]["attributes"]["k"])


def test_an_attribute_key_of_a_megabyte_is_kept(platform: Platform) -> None:
    """Nothing is cut."""
    trace_id, key = new_trace_id(), "k" * 1_000_000
    assert_stored(post(platform, body([span(trace_id, attributes={key: 1})])))
    [found] = spans_of(platform, trace_id)
    assert {key: 1} == found["attributes"]


def test_a_hundred_thousand_attributes_are_kept(platform: Platform) -> None:
    """One span may be large."""
    trace_id = new_trace_id()
    attributes = {f"key.{number}": number for number in range(100_000)}
    assert_stored(post(platform, body([span(trace_id, attributes=attributes)])))
    [found] = spans_of(platform, trace_id)
    assert attributes == found["attributes"]


def test_deep_nesting_never_ends_in_a_server_error(platform: Platform) -> None:
    """Values nested beyond every parser's limit are refused for good or kept, in both encodings."""
    trace_id = new_trace_id()
    deep = b'{"arrayValue":{"values":[' * 5_000 + b'{"boolValue":true}' + b"]}}" * 5_000
    sent = json_span(trace_id, attributes=[{"key": "deep", "value": "QQQ"}])
    content = json.dumps(json_request([sent])).encode().replace(b'"QQQ"', deep)
    in_json = post(platform, content, content_type=JSON)
    value = b"\x18\x01"
    for _ in range(2_000):
        inner = b"\x0a" + _varint(len(value)) + value
        value = b"\x2a" + _varint(len(inner)) + inner
    attribute = b"\x0a\x01k\x12" + _varint(len(value)) + value
    fields = span(trace_id).SerializeToString() + b"\x4a" + _varint(len(attribute)) + attribute
    for tag in (b"\x12", b"\x12", b"\x0a"):
        fields = tag + _varint(len(fields)) + fields
    in_protobuf = post(platform, fields)
    assert {in_json.status_code, in_protobuf.status_code} <= {200, 400}
    assert 200 == platform.client.get(platform.api + "/readyz").status_code


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
