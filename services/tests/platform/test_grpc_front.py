"""The gRPC port: codecs, other protocols, and clients that speak gRPC to the HTTP port."""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import grpc
import pytest
import zstandard

from ingest.bodies import body, new_trace_id, span
from platform_process import Platform, eventually
from raw_http import connected, head
from server.limited_platform import limited

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HUFFMAN_NAME = b"\x8a\x9a\xca\xc8\xb1j!\xe45S\x7f"
HUFFMAN_ZSTD = b"\x83\xf6\x84\xc9"


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """An HTTP/2 frame."""
    head = struct.pack(">I", len(content))[1:] + bytes([kind, flags])
    return head + struct.pack(">I", stream) + content


def plain(text: str) -> bytes:
    """A string of HPACK, not compressed."""
    return bytes([len(text)]) + text.encode()


def call_headers(codec: bytes | None, *more: tuple[str, str]) -> bytes:
    """The header block of a call; ``codec`` is name and value of ``grpc-encoding``."""
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", EXPORT),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    ]
    block = b"".join(b"\x00" + plain(name) + plain(value) for name, value in fields)
    return block + (b"\x40" + codec if codec else b"")


def message(content: bytes, *, compressed: bool = True) -> bytes:
    """A message of gRPC."""
    return bytes([compressed]) + struct.pack(">I", len(content)) + content


def answer_to(platform: Platform, *pieces: bytes, until: bytes = b"grpc-status") -> bytes:
    """What the gRPC port sends until it names a status."""
    received = b""
    with connected(platform.grpc) as connection:
        connection.send(PREFACE + frame(4, 0, 0, b""), *pieces)
        while until not in received:
            piece = connection.socket.recv(65_536)
            if not piece:
                break
            received += piece
        with contextlib.suppress(TimeoutError):
            connection.socket.settimeout(0.1)
            received += connection.socket.recv(65_536)
    return received


def is_stored(platform: Platform, trace_id: bytes) -> bool:
    """Whether the API has the trace."""
    answer = platform.client.get(platform.api + f"/api/traces/{trace_id.hex()}")
    return answer.status_code == 200


CODECS = {
    "zstd": (plain("grpc-encoding") + plain("zstd"), zstandard.compress),
    "zstd, all in Huffman code": (HUFFMAN_NAME + HUFFMAN_ZSTD, zstandard.compress),
    "zstd, its name in Huffman code": (HUFFMAN_NAME + plain("zstd"), zstandard.compress),
    "zstd, its value in Huffman code": (plain("grpc-encoding") + HUFFMAN_ZSTD, zstandard.compress),
    "gzip": (plain("grpc-encoding") + plain("gzip"), gzip.compress),
    "deflate": (plain("grpc-encoding") + plain("deflate"), zlib.compress),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("cut", [False, True])
def test_messages_in_every_codec_are_stored(platform: Platform, codec: str, cut: bool) -> None:
    """Wherever the packets end; later calls refer to the entry of the first."""
    header, compress = CODECS[codec]
    traces = [new_trace_id(), new_trace_id()]
    content = [frame(0, 1, 1 + 2 * at, message(compress(body([span(trace)]))))
               for at, trace in enumerate(traces)]  # fmt: skip
    sent = frame(1, 4, 1, call_headers(header)) + content[0]
    sent += frame(1, 4, 3, call_headers(None) + b"\xbe") + content[1]
    pieces = [sent[at : at + 5] for at in range(0, len(sent), 5)] if cut else [sent]
    answer_to(platform, *pieces)
    for trace_id in traces:
        eventually(lambda trace_id=trace_id: is_stored(platform, trace_id))  # type: ignore[misc]


@pytest.mark.parametrize("codec", ["snappy", "br", "lz4", "ZSTD"])
def test_unknown_codecs_are_unimplemented(platform: Platform, codec: str) -> None:
    """12, and what to use instead; 13 would make senders drop their data as broken."""
    header = plain("grpc-encoding") + plain(codec)
    sent = frame(1, 4, 1, call_headers(header)) + frame(0, 1, 1, message(b"abc"))
    answer = answer_to(platform, sent)
    assert b"grpc-status\x0212" in answer
    assert b"codec not supported: send gzip or none" in answer


def test_other_headers_named_zstd_stay_as_they_are(platform: Platform) -> None:
    """The project of that name, for one."""
    sent = frame(1, 4, 1, call_headers(None, ("x-tracefoundry-project", "zstd")))
    sent += frame(0, 1, 1, message(body([span(new_trace_id())]), compressed=False))
    assert b"'zstd'" in answer_to(platform, sent)


def test_a_broken_message_is_invalid_argument(platform: Platform) -> None:
    """It can never be decompressed."""
    header = plain("grpc-encoding") + plain("gzip")
    broken = gzip.compress(body([span(new_trace_id())]))[:-9]
    sent = frame(1, 4, 1, call_headers(header)) + frame(0, 1, 1, message(broken))
    assert b"grpc-status\x013" in answer_to(platform, sent)


@pytest.mark.parametrize("filler", [0, 5_000_000])
def test_http_to_the_grpc_port_hears_the_right_one(platform: Platform, filler: int) -> None:
    """In the answer, whatever follows the headers, and in the log."""
    content = body([span(new_trace_id(), attributes={"a": "x" * filler})])
    with connected(platform.grpc) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(head(f"Content-Length: {len(content)}") + content)
        status, _, answer = connection.answer()
    assert 400 == status
    assert platform.otlp.encode() + b"/v1/traces" in answer
    eventually(lambda: f"spoke HTTP/1 to the gRPC port: OTLP/HTTP is served on {platform.otlp}" in
               platform.stderr())  # fmt: skip


@pytest.mark.parametrize("port", ["otlp", "api"])
def test_grpc_to_an_http_port_hears_the_right_one(platform: Platform, port: str) -> None:
    """In the log of the platform. The client is told at once that this is no gRPC, and goes on
    with its usual pauses: on a GOAWAY it would connect without any, and fill its memory."""
    base: str = getattr(platform, port)
    with connected(base) as connection:
        connection.send(PREFACE + frame(4, 0, 0, b""))
        assert b"" == connection.rest()
    eventually(lambda: f"OTLP/gRPC is served on {platform.grpc}" in platform.stderr())
    with grpc.insecure_channel(base.removeprefix("http://")) as channel:
        call: Any = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=120)
    assert grpc.StatusCode.UNAVAILABLE == refused.value.code()


def test_tls_to_the_grpc_port_is_logged(tmp_path: Path) -> None:
    """A client that was not told insecure=true sees only a closed connection."""
    with limited(tmp_path) as platform:
        for base in (platform.grpc, platform.otlp):
            with connected(base) as connection:
                connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                assert b"" == connection.rest()
        eventually(lambda: "spoke TLS to the gRPC port" in platform.stderr())
        eventually(lambda: "use http:// instead of https://" in platform.stderr())


def test_endless_metadata_ends_the_connection(platform: Platform) -> None:
    """64 KiB are the limit of a header block, also in many frames."""
    opening = frame(1, 0, 1, call_headers(None))
    more = frame(9, 0, 1, b"\x00" + plain("x-filler") + plain("y" * 100)) * 1_000
    with connected(platform.grpc) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(PREFACE + frame(4, 0, 0, b""), opening, *[more] * 20)
        assert b"grpc-status" not in connection.rest()
    with grpc.insecure_channel(platform.grpc) as channel:
        call: Any = channel.unary_unary(EXPORT)
        assert b"" == call(b"")


def test_connections_that_do_not_begin_make_room(tmp_path: Path) -> None:
    """They end at their deadline, or as soon as a new one needs the place."""
    with (
        limited(tmp_path, connections=10, per_address=5, head_s=60) as platform,
        contextlib.ExitStack() as stack,
    ):
        silent = [stack.enter_context(connected(platform.grpc)) for _ in range(20)]
        with grpc.insecure_channel(platform.grpc) as channel:
            call: Any = channel.unary_unary(EXPORT)
            assert b"" == call(b"", timeout=120)
        assert [b""] * 15 == [connection.rest() for connection in silent[:15]]


def test_a_refused_sender_is_recorded_with_its_address(tmp_path: Path) -> None:
    """The hop inside the process does not hide it."""
    with limited(tmp_path, tokens=True) as platform:
        admin = platform.new_token("admin", "boss")
        with grpc.insecure_channel(platform.grpc) as channel:
            call: Any = channel.unary_unary(EXPORT)
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", metadata=(("authorization", "Bearer tf_0000000000000000000000"),))
            error: Any = caught.value
            assert grpc.StatusCode.UNAUTHENTICATED == error.code()

        def entries() -> list[Any]:
            answer = platform.client.get(
                platform.api + "/api/audit",
                params={"action": "otlp.send"},
                headers={"authorization": f"Bearer {admin}"},
            )
            assert 200 == answer.status_code
            found: list[Any] = answer.json()["entries"]
            return found

        [entry] = eventually(entries)
        assert "127.0.0.1" == entry["address"]
