"""OTLP/HTTP of a running platform: encodings, paths, answers (OTLP specification 1.11)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
import zstandard

from ingest.bodies import (
    JSON,
    PROTOBUF,
    body,
    json_request,
    json_span,
    log_body,
    new_span_id,
    new_trace_id,
    recent_ns,
    request,
    span,
)
from ingest.sending import assert_stored, partial, post
from platform_process import Platform

TRACE_PATHS = ["/v1/traces", "/otlp", "/otlp/v1/traces", "/api/public/otel/v1/traces"]


def stored_names(platform: Platform, trace_id: bytes) -> list[str]:
    """Names of a trace's spans."""
    answer = platform.get(f"/api/traces/{trace_id.hex()}/spans")
    return [found["name"] for found in answer["spans"]]


@pytest.mark.parametrize(
    "content_type",
    [
        PROTOBUF,
        "application/x-protobuf; proto=trace",
        "Application/X-Protobuf",
        "application/x-protobuf ;charset=utf-8",
    ],
)
def test_protobuf_is_recognised_by_its_media_type(platform: Platform, content_type: str) -> None:
    """Case and parameters of Content-Type do not matter; the answer is zero bytes of protobuf."""
    trace_id = new_trace_id()
    answer = post(platform, body([span(trace_id)]), content_type=content_type)
    assert_stored(answer)
    assert PROTOBUF == answer.headers["content-type"]
    assert ["work"] == stored_names(platform, trace_id)


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_is_recognised_by_its_media_type(platform: Platform, content_type: str) -> None:
    """The same port takes JSON and answers ``{}``."""
    trace_id = new_trace_id()
    answer = post(platform, json_request([json_span(trace_id)]), content_type=content_type)
    assert_stored(answer)
    assert JSON == answer.headers["content-type"]
    assert ["work"] == stored_names(platform, trace_id)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc", "multipart/form"])
def test_other_media_types_are_415(platform: Platform, content_type: str) -> None:
    """A body whose encoding is not named cannot be decoded."""
    url = platform.otlp + "/v1/traces"
    headers = {"content-type": content_type} if content_type else {}
    answer = platform.client.post(url, content=body([span(new_trace_id())]), headers=headers)
    assert 415 == answer.status_code
    assert "application/x-protobuf" in answer.text


def deflate_bare(content: bytes) -> bytes:
    """A deflate stream without zlib's header, as some clients send it."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("deflate", zlib.compress),
        ("deflate", deflate_bare),
        ("identity", bytes),
    ],
)
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_compressed_bodies_are_taken(
    platform: Platform, name: str, compress: Callable[[bytes], bytes], encoding: str
) -> None:
    """gzip, zstd and deflate, in both encodings."""
    trace_id = new_trace_id()
    if encoding == "json":
        plain, content_type = json.dumps(json_request([json_span(trace_id)])).encode(), JSON
    else:
        plain, content_type = body([span(trace_id)]), PROTOBUF
    answer = post(platform, compress(plain), content_type=content_type, content_encoding=name)
    assert_stored(answer)
    assert ["work"] == stored_names(platform, trace_id)


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize("path", [*TRACE_PATHS, "/v1/traces/"])
def test_all_trace_paths_work_on_both_ports(platform: Platform, port: str, path: str) -> None:
    """The paths that exporters and vendor SDKs insist on, on 4318 and 8080 alike."""
    trace_id = new_trace_id()
    base = getattr(platform, port)
    assert_stored(post(platform, body([span(trace_id)]), path=path, base=base))
    assert ["work"] == stored_names(platform, trace_id)


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize("path", ["/v1/logs", "/otlp/v1/logs"])
def test_log_paths_work_on_both_ports(platform: Platform, port: str, path: str) -> None:
    """GenAI events come to the same ports."""
    events = log_body(new_trace_id(), new_span_id())
    assert_stored(post(platform, events, path=path, base=getattr(platform, port)))


@pytest.mark.parametrize("port", ["otlp", "api"])
def test_other_paths_are_404(platform: Platform, port: str) -> None:
    """Nothing is stored by a path that OTLP does not have."""
    base = getattr(platform, port)
    for path in ("/v1/metrics", "/v1", "/otlp/v2/traces", "/v1/traces/more"):
        answer = post(platform, body([span(new_trace_id())]), path=path, base=base)
        assert 404 == answer.status_code, path


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_405_with_allow(platform: Platform, method: str) -> None:
    """OTLP is sent by POST alone."""
    answer = platform.client.request(method, platform.otlp + "/v1/traces")
    assert 405 == answer.status_code
    assert "POST" == answer.headers["allow"]


def test_probes_and_metrics_answer_on_both_ports(platform: Platform) -> None:
    """/healthz, /readyz and /metrics need no particular port."""
    for base in (platform.api, platform.otlp):
        for path in ("/healthz", "/readyz", "/metrics"):
            assert 200 == platform.client.get(base + path).status_code, (base, path)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"", PROTOBUF), (b"{}", JSON), (b'{"resourceSpans": []}', JSON), (b" {} \n", JSON)],
)
def test_an_empty_request_succeeds(platform: Platform, content: bytes, content_type: str) -> None:
    """Nothing to store is no error."""
    for path in ("/v1/traces", "/v1/logs"):
        assert_stored(post(platform, content, content_type=content_type, path=path))


def test_json_is_read_leniently(platform: Platform) -> None:
    """Unknown fields, enum names, int64 as strings or numbers, ids in upper case."""
    trace_id, span_id = new_trace_id(), new_span_id()
    start = recent_ns()
    sent = json_span(
        trace_id,
        traceId=trace_id.hex().upper(),
        spanId=span_id.hex().upper(),
        kind="SPAN_KIND_SERVER",
        status={"code": "STATUS_CODE_ERROR", "message": "no", "later": 1},
        startTimeUnixNano=start,
        endTimeUnixNano=str(start + 5),
        attributes=[
            {"key": "text", "value": {"intValue": "9007199254740993"}},
            {"key": "number", "value": {"intValue": 9007199254740993}},
            {"key": "nothing", "value": {}},
            {"key": "bytes", "value": {"bytesValue": "AAH/"}},
            {
                "key": "list",
                "value": {"arrayValue": {"values": [{"boolValue": True}, {"stringValue": ""}]}},
            },
            {
                "key": "map",
                "value": {"kvlistValue": {"values": [{"key": "a", "value": {"doubleValue": 0.5}}]}},
            },
        ],
        aFieldOfTheFuture={"deep": [1, 2]},
    )
    export = json_request([sent]) | {"another": []}
    assert_stored(post(platform, export))
    [found] = platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"]
    assert (span_id.hex(), "server", str(start), "5") == (
        found["span_id"],
        found["kind"],
        found["start_time_ns"],
        found["duration_ns"],
    )
    assert {"code": "error", "message": "no"} == found["status"]
    expected = {
        "text": 9007199254740993,
        "number": 9007199254740993,
        "nothing": None,
        "bytes": {"$bytes": "AAH/"},
        "list": [True, ""],
        "map": {"a": 0.5},
    }
    assert expected == found["attributes"]


def test_both_encodings_of_a_span_are_one_span(platform: Platform) -> None:
    """What JSON brought, protobuf finds stored: the second answer has nothing to say."""
    trace_id, span_id, start = new_trace_id(), new_span_id(), recent_ns()
    sent = json_span(
        trace_id,
        spanId=span_id.hex(),
        startTimeUnixNano=str(start),
        endTimeUnixNano=str(start + 1_000_000),
        attributes=[{"key": "n", "value": {"intValue": "1"}}],
    )
    assert_stored(post(platform, json_request([sent])))
    before = platform.metric("tracefoundry_spans_duplicate_total")
    export = request([span(trace_id, span_id=span_id, start_ns=start, attributes={"n": 1})])
    export.resource_spans[0].scope_spans[0].scope.name = "tests"
    assert_stored(post(platform, export.SerializeToString()))
    assert before + 1 == platform.metric("tracefoundry_spans_duplicate_total")
    assert ["work"] == stored_names(platform, trace_id)


def test_the_same_body_twice_changes_nothing(platform: Platform) -> None:
    """A resend is answered like the first time, and every answer of the API stays the same."""
    trace_id, root = new_trace_id(), new_span_id()
    content = body(
        [
            span(trace_id, span_id=root, name="root", attributes={"gen_ai.request.model": "m"}),
            *(
                span(
                    trace_id,
                    parent=root,
                    name=f"step {number}",
                    attributes={
                        "gen_ai.operation.name": "chat",
                        "gen_ai.usage.input_tokens": 10,
                        "gen_ai.usage.output_tokens": 1,
                    },
                )
                for number in range(5)
            ),
        ]
    )

    def answers() -> list[object]:
        shown = trace_id.hex()
        return [
            platform.get(f"/api/traces/{shown}"),
            platform.get(f"/api/traces/{shown}/spans"),
            platform.get(f"/api/traces/{shown}/tree"),
        ]

    assert_stored(post(platform, content))
    first = answers()
    assert_stored(post(platform, content))
    assert_stored(post(platform, gzip.compress(content), content_encoding="gzip"))
    assert first == answers()
    assert 6 == platform.get(f"/api/traces/{trace_id.hex()}")["span_count"]
    assert 50 == platform.get(f"/api/traces/{trace_id.hex()}")["input_tokens"]


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_other_content_under_the_same_key_is_reported_and_the_first_stays(
    platform: Platform, content_type: str
) -> None:
    """A conflict is a partial success with nothing rejected: a warning."""
    trace_id, span_id, start = new_trace_id(), new_span_id(), recent_ns()
    for name in ("first", "second"):
        if content_type == JSON:
            sent = json_span(
                trace_id,
                spanId=span_id.hex(),
                name=name,
                startTimeUnixNano=str(start),
                endTimeUnixNano=str(start),
            )
            answer = post(platform, json_request([sent]))
        else:
            sent_span = span(trace_id, span_id=span_id, name=name, start_ns=start)
            answer = post(platform, body([sent_span]))
        if name == "first":
            assert_stored(answer)
    rejected, message = partial(answer)
    assert 0 == rejected
    assert "other content" in message
    assert ["first"] == stored_names(platform, trace_id)


def test_spans_that_share_an_id_but_not_a_start_are_both_kept(platform: Platform) -> None:
    """The start time is part of the key."""
    trace_id, span_id, start = new_trace_id(), new_span_id(), recent_ns()
    sent = [
        span(trace_id, span_id=span_id, name=f"at {offset}", start_ns=start + offset)
        for offset in (0, 1)
    ]
    assert_stored(post(platform, body(sent)))
    assert ["at 0", "at 1"] == stored_names(platform, trace_id)


def test_one_body_of_20000_spans_is_stored_whole(platform: Platform) -> None:
    """Bodies are not limited by their number of spans."""
    trace_id, root = new_trace_id(), new_span_id()
    sent = [span(trace_id, span_id=root, name="root")]
    sent += [span(trace_id, parent=root, attributes={"n": number}) for number in range(19_999)]
    assert_stored(post(platform, gzip.compress(body(sent), 1), content_encoding="gzip"))
    assert 20_000 == platform.get(f"/api/traces/{trace_id.hex()}")["span_count"]
    skeleton = platform.get(f"/api/traces/{trace_id.hex()}/spans", view="skeleton", limit=10_000)
    assert 10_000 == len(skeleton["spans"])
    assert skeleton["next_cursor"]
