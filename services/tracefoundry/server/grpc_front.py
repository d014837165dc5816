"""The gRPC port: accepts connections, and passes what is HTTP/2 on to grpcio over a local socket.

grpcio has no bound of connections, says nothing to a client that speaks HTTP/1 to it, and fails a
call in a codec that it does not know with INTERNAL, for which senders drop their data. This module
adds what is missing, and does not take part in calls:

- Connections are bounded in number, in all and for each address, and must begin with HTTP/2.
- Other protocols are answered or logged, with the port that takes them.
- ``zstd`` works, and other codecs that grpcio does not know are UNIMPLEMENTED (``grpc_frames``).

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

from tracefoundry.rare_log import RareLog
from tracefoundry.server.connections import ConnectionLimits, ConnectionTable
from tracefoundry.server.grpc_frames import ClientFrames, MetadataTooLarge, with_unimplemented
from tracefoundry.server.http_refusals import HTTP2_PREFACE, TLS_HANDSHAKE, refusal

if TYPE_CHECKING:
    from grpc import aio

MOST_CONNECTIONS = 1_024
"""Connections at once. Each carries many calls, and needs three open files here."""
MOST_PER_ADDRESS = 512
CHECK_DEADLINES_S = 0.5

_HTTP_1 = re.compile(rb"[A-Z]{3,16} [^ ]{0,2048}")


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
        self._refused_at: float | None = None
        self._address: str | None = None
        self._name = ""
        self._begun = b""
        self._server: _Server | None = None
        self._frames = ClientFrames(front.table.limits.head_bytes)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place in the table, or close."""
        self.transport = cast("asyncio.Transport", transport)
        peer = self.transport.get_extra_info("peername")
        self._address = peer[0] if peer else None
        if self._front.table.add(self, self._address) == "reserve":
            self._front.rare_log.warn("bound", "refused gRPC connections: there are too many")
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass frames on, once the connection has shown to be HTTP/2."""
        if self._server is None:
            if self._refused_at is None:
                self._begin(data)
            return
        self._front.table.set_waiting(self, False)
        try:
            self._server.write(self._frames.rewritten(data))
        except MetadataTooLarge:
            self._front.rare_log.warn("size", f"{self._address} sent too large gRPC metadata")
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
        refused = self._refused_at is not None and now - self._refused_at > limits.linger_s
        stalls = self._stalled_at is not None and now - self._stalled_at > limits.stalled_s
        if self.transport is not None and (begins_late or refused or stalls):
            self.transport.abort()

    def _begin(self, data: bytes) -> None:
        self._begun += data
        if not HTTP2_PREFACE.startswith(self._begun[: len(HTTP2_PREFACE)]):
            self._refuse_protocol()
        elif len(self._begun) >= len(HTTP2_PREFACE):
            try:
                self._name, ours = self._front.connect(self, self._address)
            except OSError:
                self._front.rare_log.warn("full", "the gRPC server takes no more connections")
                self.close()
                return
            self._server = _Server(self)
            self._server.open(self._loop, ours)
            begun, self._begun = self._begun, b""
            self._server.write(HTTP2_PREFACE)
            if len(begun) > len(HTTP2_PREFACE):
                self.data_received(begun[len(HTTP2_PREFACE) :])

    def _refuse_protocol(self) -> None:
        transport, hint = self.transport, self._front.http_hint
        if transport is None or transport.is_closing():
            return
        if _HTTP_1.match(self._begun):
            self._front.rare_log.warn(
                "HTTP/1", f"{self._address} spoke HTTP/1 to the gRPC port: {hint}"
            )
            transport.write(refusal(400, f"this port speaks OTLP/gRPC; {hint}"))
            # What comes is read for a while, or the client would be reset before it reads this.
            transport.write_eof()
            self._refused_at = self._loop.time()
            return
        if self._begun.startswith(TLS_HANDSHAKE):
            self._front.rare_log.warn(
                "TLS",
                f"{self._address} spoke TLS to the gRPC port, which has none: set insecure=true",
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
        self._client.write(with_unimplemented(data))

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
