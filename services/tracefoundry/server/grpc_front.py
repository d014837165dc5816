"""The gRPC port: accepts connections, and passes what is HTTP/2 on to grpcio over a local socket.

grpcio has no bound of connections, says nothing to a client that speaks HTTP/1 to it, and fails a
call in a codec that it does not know with INTERNAL, for which senders drop their data. This module
adds what is missing, and does not take part in calls:

- Connections are bounded in number, in all and for each address, and must begin with HTTP/2.
- Other protocols are answered or logged, with the port that takes them.
- A codec that grpcio does not know is UNIMPLEMENTED.
- ``zstd`` works. grpcio is told not to decompress messages (``ingest.grpc`` does), so all it wants
  of a codec is a name that it knows: where a client names zstd, it gets to read gzip.

Notes on the rewriting: both names have four letters, and three bytes in the Huffman code of HPACK
(RFC 7541). So a header field is replaced in place, and the compression state of both ends stays the
same. A client names its codec literally in its first call, and refers to that entry later.

Each connection to grpcio is bound to a name of its own, which grpcio reports as the peer of a call:
``address_of`` translates it back to the client's address.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tracefoundry.server.connections import ConnectionLimits, ConnectionTable, RareLog

if TYPE_CHECKING:
    from grpc import aio

MOST_CONNECTIONS = 1_024
"""Connections at once. Each carries many calls, and needs three open files here."""
MOST_PER_ADDRESS = 512
CHECK_DEADLINES_S = 0.5

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEAD = 9
_HEADERS = 1
_CONTINUATION = 9
_HTTP_1 = re.compile(rb"[A-Z]{3,16} [^ ]{0,2048}")
_TLS_HANDSHAKE = b"\x16\x03"

_NAMES = (b"\x0dgrpc-encoding", b"\x8a\x9a\xca\xc8\xb1j!\xe45S\x7f")
_ZSTD_GZIP = ((b"\x04zstd", b"\x04gzip"), (b"\x83\xf6\x84\xc9", b"\x83\x9b\xd9\xab"))
_CODEC_NAMES = tuple((name + zstd, name + gzip) for name in _NAMES for zstd, gzip in _ZSTD_GZIP)
"""``grpc-encoding: zstd``, name and value each as they are or in Huffman code, and with gzip."""

_INTERNAL = b"\x0bgrpc-status\x0213"
_INTERNAL_CODEC = b"Error parsing 'grpc-encoding' metadata"
_UNIMPLEMENTED = b"\x0bgrpc-status\x0212"
_UNIMPLEMENTED_CODEC = b"codec not supported: send gzip or none"
"""What grpcio answers for an unknown codec, and what a sender should hear; of equal length."""


class GrpcFront:
    """The listening socket of gRPC and its connections.

    Args:
        listener: a bound socket.
        limits: those of HTTP ports; fewer connections are allowed here.
        http_hint: where OTLP/HTTP is served, for clients that speak it to this port.
    """

    def __init__(self, listener: socket.socket, limits: ConnectionLimits, http_hint: str) -> None:
        self._listener = listener
        self._folder = Path(tempfile.mkdtemp(prefix="tracefoundry-"))
        self._numbers = itertools.count()
        self._addresses: dict[str, str | None] = {}
        self._connections: set[_Client] = set()
        self._accepting: asyncio.Server | None = None
        self._checking: asyncio.Task[None] | None = None
        self.http_hint = http_hint
        self.rare_log = RareLog()
        connections = min(limits.connections, MOST_CONNECTIONS)
        per_address = min(limits.per_address, MOST_PER_ADDRESS, connections)
        self.table = ConnectionTable(
            replace(limits, connections=connections, per_address=per_address)
        )

    @property
    def target(self) -> str:
        """The address that the gRPC server is to be bound to."""
        return f"unix:{self._folder}/grpc"

    def address_of(self, peer: str) -> str | None:
        """The client's address of what gRPC calls the peer of a call."""
        return self._addresses.get(peer)

    async def run(self, server: aio.Server) -> None:
        """Start the gRPC server, and accept connections for it."""
        await server.start()
        loop = asyncio.get_running_loop()
        self._accepting = await loop.create_server(lambda: _Client(self), sock=self._listener)
        self._checking = asyncio.create_task(self._check_deadlines())

    async def stop(self, server: aio.Server, drain_s: float) -> None:
        """Accept nothing more, let calls end, and close."""
        if self._accepting is not None:
            self._accepting.close()
        await server.stop(drain_s)
        if self._checking is not None:
            self._checking.cancel()
        for connection in list(self._connections):
            connection.close()

    def close(self) -> None:
        """Remove the local socket."""
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connect(self, client: _Client, address: str | None) -> tuple[str, socket.socket]:
        """A connection to the gRPC server, and its name there."""
        path = self._folder / str(next(self._numbers))
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            ours.bind(str(path))
            path.unlink()  # The name stays with the socket.
            ours.setblocking(False)
            ours.connect(str(self._folder / "grpc"))
        except OSError:
            ours.close()
            raise
        name = f"unix:{path}"
        self._addresses[name] = address
        self._connections.add(client)
        return name, ours

    def forget(self, client: _Client, name: str) -> None:
        """A connection has ended."""
        self._addresses.pop(name, None)
        self._connections.discard(client)

    async def _check_deadlines(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_DEADLINES_S)
            self.table.check_deadlines(loop.time())


class _Client(asyncio.Protocol):
    """The connection of a client."""

    def __init__(self, front: GrpcFront) -> None:
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._loop.time()
        self._stalled_at: float | None = None
        self._address: str | None = None
        self._name = ""
        self._begun = b""
        self._server: _Server | None = None
        self._frames = _Frames(front.table.limits.head_bytes)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place in the table, or close."""
        self.transport = cast("asyncio.Transport", transport)
        peer = self.transport.get_extra_info("peername")
        self._address = peer[0] if peer else None
        if self._front.table.add(self, self._address) == "reserve":
            self._front.rare_log.warn("refused gRPC connections: there are too many")
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass frames on, once the connection has shown to be HTTP/2."""
        if self._server is None:
            self._begin(data)
            return
        self._front.table.set_waiting(self, False)
        try:
            self._server.write(self._frames.rewritten(data))
        except _TooLarge:
            self._front.rare_log.warn(f"{self._address} sent too large gRPC metadata")
            self.close()

    def write(self, data: bytes) -> None:
        """Send what the gRPC server answers."""
        if self.transport is not None:
            self._front.table.set_waiting(self, True)
            self.transport.write(data)

    def pause_writing(self) -> None:
        """The client reads more slowly than the server writes."""
        self._stalled_at = self._loop.time()
        if self._server is not None:
            self._server.pause_reading()

    def resume_writing(self) -> None:
        """The client has read what was buffered."""
        self._stalled_at = None
        if self._server is not None:
            self._server.resume_reading()

    def pause_reading(self) -> None:
        """The gRPC server reads more slowly than the client writes."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The gRPC server takes more."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection to the gRPC server, which cancels its calls."""
        self._front.table.remove(self)
        self._front.forget(self, self._name)
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.close()

    def close_waiting(self) -> None:
        """Close, because a newer connection needs the place."""
        self.close()

    def check_deadlines(self, now: float) -> None:
        """Close a connection that has not begun or takes nothing; grpcio closes idle ones."""
        limits = self._front.table.limits
        begins_late = self._server is None and now - self._opened_at > limits.head_s
        stalls = self._stalled_at is not None and now - self._stalled_at > limits.stalled_s
        if self.transport is not None and (begins_late or stalls):
            self.transport.abort()

    def _begin(self, data: bytes) -> None:
        self._begun += data
        if not _PREFACE.startswith(self._begun[: len(_PREFACE)]):
            self._refuse_protocol()
        elif len(self._begun) >= len(_PREFACE):
            try:
                self._name, ours = self._front.connect(self, self._address)
            except OSError:
                self._front.rare_log.warn("the gRPC server takes no more connections")
                self.close()
                return
            self._server = _Server(self)
            self._server.open(self._loop, ours)
            begun, self._begun = self._begun, b""
            self._server.write(_PREFACE)
            if len(begun) > len(_PREFACE):
                self.data_received(begun[len(_PREFACE) :])

    def _refuse_protocol(self) -> None:
        transport, hint = self.transport, self._front.http_hint
        if transport is None or transport.is_closing():
            return
        if _HTTP_1.match(self._begun):
            self._front.rare_log.warn(f"{self._address} spoke HTTP/1 to the gRPC port: {hint}")
            text = f"this port speaks OTLP/gRPC; {hint}\n".encode()
            transport.write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(text), text)
            )
        elif self._begun.startswith(_TLS_HANDSHAKE):
            self._front.rare_log.warn(
                f"{self._address} spoke TLS to the gRPC port, which has none: set insecure=true"
            )
        transport.close()


class _Server(asyncio.Protocol):
    """The connection to the gRPC server that belongs to a client's."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._before: list[bytes] = []
        self._closed = False
        self._opening: asyncio.Task[object] | None = None

    def open(self, loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
        """Begin to use a connected socket."""
        self._opening = loop.create_task(loop.create_unix_connection(lambda: self, sock=ours))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what came before."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.writelines(self._before)
        self._before.clear()
        if self._closed:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass an answer on."""
        if _INTERNAL_CODEC in data:
            data = data.replace(_INTERNAL_CODEC, _UNIMPLEMENTED_CODEC)
            data = data.replace(_INTERNAL, _UNIMPLEMENTED)
        self._client.write(data)

    def write(self, data: bytes) -> None:
        """Send frames of the client."""
        if self._transport is None:
            self._before.append(data)
        else:
            self._transport.write(data)

    def pause_writing(self) -> None:
        """The gRPC server reads more slowly than the client writes."""
        self._client.pause_reading()

    def resume_writing(self) -> None:
        """The gRPC server takes more."""
        self._client.resume_reading()

    def pause_reading(self) -> None:
        """The client reads too slowly."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the client's connection too."""
        self._client.close()

    def close(self) -> None:
        """End the connection."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()


class _TooLarge(Exception):
    """Metadata above the limit."""


class _Frames:
    """Finds header frames in a client's bytes, and rewrites codecs in them."""

    def __init__(self, most_header_bytes: int) -> None:
        self._most = most_header_bytes
        self._to_pass = 0
        self._incomplete = b""
        self._header_bytes = 0

    def rewritten(self, data: bytes) -> bytes:
        """The bytes to pass on; an incomplete header frame is kept back.

        Raises:
            _TooLarge: a header block is above the limit.
        """
        if self._incomplete:
            data = self._incomplete + data
            self._incomplete = b""
        at, end = self._to_pass, len(data)
        while at + _FRAME_HEAD <= end:
            frame_end = at + _FRAME_HEAD + int.from_bytes(data[at : at + 3], "big")
            kind = data[at + 3]
            if kind in (_HEADERS, _CONTINUATION):
                block = frame_end - at + (self._header_bytes if kind == _CONTINUATION else 0)
                if block > self._most:
                    raise _TooLarge
                if frame_end > end:
                    break
                self._header_bytes = block
                frame = data[at:frame_end]
                changed = _with_known_codec(frame)
                if changed is not frame:
                    data = data[:at] + changed + data[frame_end:]
            at = frame_end
        else:
            if at >= end:
                self._to_pass = at - end
                return data
        self._to_pass = 0
        self._incomplete = data[at:]
        return data[:at]


def _with_known_codec(frame: bytes) -> bytes:
    for zstd, gzip in _CODEC_NAMES:
        if zstd in frame:
            return frame.replace(zstd, gzip, 1)
    return frame
