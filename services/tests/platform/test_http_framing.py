"""Bodies on the wire: an upgrade never takes one away, and half a body is never a success."""

from __future__ import annotations

import json
import socket

import pytest

from ingest.bodies import JSON, PROTOBUF, body, json_request, json_span, new_trace_id, span
from platform_process import Platform
from raw_http import connected, head

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAA")
WEBSOCKET = (
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def is_stored(platform: Platform, trace_id: bytes) -> bool:
    """Whether the API has the trace."""
    answer = platform.client.get(platform.api + f"/api/traces/{trace_id.hex()}")
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


def an_export(encoding: str) -> tuple[bytes, str, bytes]:
    """A trace id, a content type, and an export of one span."""
    trace_id = new_trace_id()
    if encoding == "json":
        return trace_id, JSON, json.dumps(json_request([json_span(trace_id)])).encode()
    return trace_id, PROTOBUF, body([span(trace_id)])


def chunked(content: bytes) -> bytes:
    """The body in two chunks."""
    half = len(content) // 2
    pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (content[:half], content[half:])]
    return b"".join([*pieces, b"0\r\n\r\n"])


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET, ("Connection: Upgrade", "Upgrade: TLS/1.2")])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upgrade_is_ignored_and_the_body_stored(
    platform: Platform, port: str, encoding: str, upgrade: tuple[str, ...], framing: str
) -> None:
    """RFC 9110, 7.8: a server may ignore it. The connection goes on as HTTP/1.1."""
    trace_id, content_type, content = an_export(encoding)
    if framing == "chunked":
        announced, sent = "Transfer-Encoding: chunked", chunked(content)
    else:
        announced, sent = f"Content-Length: {len(content)}", content
    with connected(getattr(platform, port)) as connection:
        for _ in range(2):
            connection.send(head(*upgrade, announced, content_type=content_type) + sent)
            assert 200 == connection.status()
    assert is_stored(platform, trace_id)


def test_a_head_with_an_upgrade_may_come_in_pieces(platform: Platform) -> None:
    """Wherever the packets are cut."""
    trace_id, _, content = an_export("protobuf")
    request = head(*H2C, f"Content-Length: {len(content)}") + content
    with connected(platform.otlp) as connection:
        connection.send(*(request[at : at + 7] for at in range(0, len(request), 7)))
        assert 200 == connection.status()
    assert is_stored(platform, trace_id)


def test_an_upgrade_with_expect_is_continued(platform: Platform) -> None:
    """The body is asked for and then stored."""
    trace_id, _, content = an_export("protobuf")
    with connected(platform.otlp) as connection:
        connection.send(head(*H2C, "Expect: 100-continue", f"Content-Length: {len(content)}"))
        assert 100 == connection.status()
        connection.send(content)
        assert 200 == connection.status()
    assert is_stored(platform, trace_id)


def test_a_get_with_an_upgrade_is_a_get(platform: Platform) -> None:
    """There is nothing to upgrade to."""
    request = head(*WEBSOCKET, line="GET /api/session HTTP/1.1", content_type=None)
    with connected(platform.api) as connection:
        connection.send(request, request)
        assert [200, 200] == [connection.status(), connection.status()]


def test_connect_is_refused(platform: Platform) -> None:
    """This is no proxy."""
    with connected(platform.otlp) as connection:
        connection.send(head(line="CONNECT example.org:443 HTTP/1.1", content_type=None))
        assert 501 == connection.status()


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("expect", [False, True])
@pytest.mark.parametrize("sent_share", [0.0, 0.5])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_half_a_body_is_never_a_success(
    platform: Platform, encoding: str, expect: bool, sent_share: float, framing: str
) -> None:
    """The sender stops after nothing or a half; it gets no 200."""
    trace_id, content_type, content = an_export(encoding)
    part = content[: int(len(content) * sent_share)]
    if framing == "chunked":
        announced = "Transfer-Encoding: chunked"
        part = b"%x\r\n%s" % (len(content), part)
    else:
        announced = f"Content-Length: {len(content)}"
    lines = [announced, "Expect: 100-continue"] if expect else [announced]
    with connected(platform.otlp) as connection:
        connection.send(head(*lines, content_type=content_type) + part)
        connection.socket.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.rest()
    assert not is_stored(platform, trace_id)


@pytest.mark.parametrize(
    ("version", "lines"), [("1.0", ()), ("1.0", ("Connection: close",)), ("1.1", ())]
)
def test_a_body_that_is_not_announced_is_411(
    platform: Platform, version: str, lines: tuple[str, ...]
) -> None:
    """It would end with the connection, and be taken for an empty export."""
    trace_id, _, content = an_export("protobuf")
    with connected(platform.otlp) as connection:
        connection.send(head(*lines, line=f"POST /v1/traces HTTP/{version}") + content)
        assert 411 == connection.status()
        assert b" 200 " not in connection.rest()
    assert not is_stored(platform, trace_id)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: +3",),
        ("Content-Length: 3, 3",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
    ],
)
def test_a_body_announced_in_two_ways_is_400(platform: Platform, lines: tuple[str, ...]) -> None:
    """Readers could differ about where it ends (RFC 9112, 6.3)."""
    with connected(platform.otlp) as connection:
        connection.send(head(*lines) + b"3\r\nabc\r\n0\r\n\r\n")
        assert 400 == connection.status()
        assert b" 200 " not in connection.rest()


def test_trailers_are_no_headers(platform: Platform) -> None:
    """What follows the body cannot change how it is read."""
    trace_id, _, content = an_export("protobuf")
    request = head("Transfer-Encoding: chunked") + chunked(content)
    trailers = b"content-encoding: gzip\r\nx-tracefoundry-project: nowhere\r\n\r\n"
    with connected(platform.otlp) as connection:
        connection.send(request[:-2] + trailers)
        status, _, answer = connection.answer()
    assert (200, b"") == (status, answer)
    assert is_stored(platform, trace_id)


def test_an_answer_before_the_body_was_asked_for_ends_the_connection(platform: Platform) -> None:
    """A client that expected 100 may leave its body out: what comes next would be ambiguous."""
    with connected(platform.otlp) as connection:
        connection.send(head("Expect: 100-continue", "Content-Length: 20", content_type="text/x"))
        assert 415 == connection.status()
        assert b"" == connection.rest()


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (JSON, b'{"resourceLogs": [{"scopeLogs": []}]}'),
        (JSON, b'{"resource_metrics": [{}]}'),
        (PROTOBUF, b"\x28\x05\x30\x07"),
    ],
)
def test_a_body_of_something_else_is_not_an_empty_export(
    platform: Platform, content_type: str, content: bytes
) -> None:
    """A success would lose what the sender has."""
    with connected(platform.otlp) as connection:
        announced = f"Content-Length: {len(content)}"
        connection.send(head(announced, content_type=content_type) + content)
        assert 400 == connection.status()
