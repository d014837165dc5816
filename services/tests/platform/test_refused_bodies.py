"""Bodies that are refused whole: what cannot be decoded, and what is too large."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
from collections.abc import Iterator

import pytest
import zstandard
from google.rpc.code_pb2 import INVALID_ARGUMENT

from ingest.bodies import (
    JSON,
    PROTOBUF,
    body,
    new_trace_id,
    span,
)
from ingest.sending import assert_stored, error, post
from platform_process import Platform

LIMIT_BYTES = 64 * 1024 * 1024


def stored_names(platform: Platform, trace_id: bytes) -> list[str]:
    """Names of a trace's spans."""
    answer = platform.get(f"/api/traces/{trace_id.hex()}/spans")
    return [found["name"] for found in answer["spans"]]


UNDECODABLE = {
    "protobuf_garbage": (PROTOBUF, b"\xff\xff\xff\xff not protobuf", ""),
    "protobuf_cut": (PROTOBUF, body([span(b"\x01" * 16)])[:-3], ""),
    "json_garbage": (JSON, b"{not json", ""),
    "json_cut": (JSON, b'{"resourceSpans": [', ""),
    "json_not_an_object": (JSON, b"[1, 2, 3]", ""),
    "json_wrong_shape": (JSON, b'{"resourceSpans": {"scopeSpans": 1}}', ""),
    "json_empty": (JSON, b"", ""),
    "json_sent_as_protobuf": (PROTOBUF, b'{"resourceSpans": []}', ""),
    "protobuf_sent_as_json": (JSON, body([span(b"\x01" * 16)]), ""),
    "gzip_header_plain_body": (PROTOBUF, body([span(b"\x01" * 16)]), "gzip"),
    "gzip_header_plain_json": (JSON, b"{}", "gzip"),
    "gzip_cut": (PROTOBUF, gzip.compress(body([span(b"\x01" * 16)]))[:-9], "gzip"),
    "gzip_wrong_checksum": (PROTOBUF, gzip.compress(b"")[:-8] + b"\x01" * 8, "gzip"),
    "zstd_header_plain_body": (JSON, b'{"resourceSpans": []}', "zstd"),
    "zstd_cut": (PROTOBUF, zstandard.compress(body([span(b"\x01" * 16)]))[:-2], "zstd"),
    "deflate_garbage": (PROTOBUF, b"\x00\x01\x02", "deflate"),
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_what_cannot_be_decoded_is_400_in_the_requests_encoding(
    platform: Platform, case: str
) -> None:
    """The answer is a google.rpc.Status that says what was wrong."""
    content_type, content, content_encoding = UNDECODABLE[case]
    answer = post(platform, content, content_type=content_type, content_encoding=content_encoding)
    status, code, message = error(answer)
    assert (400, INVALID_ARGUMENT) == (status, code)
    assert message


def test_an_unknown_content_encoding_is_415(platform: Platform) -> None:
    """The receiver names what it takes."""
    answer = post(platform, body([span(new_trace_id())]), content_encoding="br")
    status, _, message = error(answer)
    assert 415 == status
    assert "gzip" in message


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_gzip_bomb_is_413(platform: Platform, content_type: str) -> None:
    """64 MiB and a byte after decompression are refused, however few bytes were sent."""
    bomb = gzip.compress(b" " * (LIMIT_BYTES + 1))
    assert len(bomb) < 300_000
    answer = post(platform, bomb, content_type=content_type, content_encoding="gzip")
    status, code, message = error(answer)
    assert (413, INVALID_ARGUMENT) == (status, code)
    assert str(LIMIT_BYTES) in message


def test_a_zstd_bomb_is_413(platform: Platform) -> None:
    """The same for zstd, whose ratio is larger still."""
    bomb = zstandard.compress(b"\x00" * (3 * LIMIT_BYTES))
    assert 413 == post(platform, bomb, content_encoding="zstd").status_code


def test_an_announced_length_above_the_limit_is_413_before_the_body(platform: Platform) -> None:
    """Content-Length alone decides; the body is not waited for."""
    host, _, port = platform.otlp.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("content-type", JSON)
    connection.putheader("content-length", str(LIMIT_BYTES + 1))
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert 413 == answer.status
    assert JSON == answer.getheader("content-type")
    assert str(LIMIT_BYTES) in json.loads(answer.read())["message"]
    connection.close()


def test_a_body_without_length_is_taken_up_to_the_limit(platform: Platform) -> None:
    """Chunked bodies are counted while they arrive."""
    trace_id = new_trace_id()
    plain = body([span(trace_id, attributes={"filler": "x" * 200_000})])
    pieces = [plain[at : at + 7_000] for at in range(0, len(plain), 7_000)]
    url = platform.otlp + "/v1/traces"
    answer = platform.client.post(url, content=iter(pieces), headers={"content-type": PROTOBUF})
    assert_stored(answer)
    assert ["work"] == stored_names(platform, trace_id)

    def endless() -> Iterator[bytes]:
        yield from itertools.repeat(b"\x00" * 1_000_000, 80)

    answer = platform.client.post(url, content=endless(), headers={"content-type": PROTOBUF})
    assert 413 == error(answer)[0]
