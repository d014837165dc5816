"""The HTTP protocol of every port: uvicorn's, with limits, deadlines and strict framing.

uvicorn has no bound for headers, no deadline for a request or for a reader that stalls, and takes
the body away from requests with an ``Upgrade`` header. What is added here is decided in
docs/decisions/008-uvicorn-with-limits-of-our-own.md; the limits are in ``connections``.

Notes on upgrades: the parser takes everything after the headers of such a request for another
protocol. An upgrade may be ignored (RFC 9110, section 7.8), so the headers are parsed once more,
without those that ask for it, and the body follows as usual.
"""

from __future__ import annotations

import asyncio
import struct
from enum import Enum
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tracefoundry.rare_log import RareLog
from tracefoundry.server.connections import HEALTH_PATHS, ConnectionTable, Place

CANCEL_ON_DISCONNECT = "cancel_on_disconnect"
"""Key of an ASGI scope's ``state``: an application sets it where a request that nobody waits for
any more is to be cancelled."""

RETRY_AFTER_S = 1

_HTTP2_PREFACE = b"PRI * HTTP/2.0"
_HTTP2_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_HTTP2_GOAWAY = 7
_HTTP_1_1_REQUIRED = 13
_TLS_HANDSHAKE = b"\x16\x03"
_UPGRADE_HEADERS = frozenset({b"connection", b"upgrade", b"http2-settings"})

_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class PortState(ServerState):
    """What the connections of one port share.

    Attributes:
        table: the port's connections.
        grpc_hint: where gRPC is served, for clients that speak it to this port.
        rare_log: for clients that speak another protocol.
    """

    def __init__(self, table: ConnectionTable, grpc_hint: str) -> None:
        super().__init__()
        self.table = table
        self.grpc_hint = grpc_hint
        self.rare_log = RareLog()


class _Refused(Exception):
    """A request that breaks a limit; raised inside the parser's callbacks."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Receiving(Enum):
    """Which part of a request comes next on a connection."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class BoundedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._port = cast("PortState", server_state)
        self._table = self._port.table
        self._limits = self._table.limits
        self._place: Place = "open"
        self._receiving = _Receiving.NOTHING
        self._received_at = self._head_at = self._body_at = self._answered_at = 0.0
        self._stalled_at: float | None = None
        self._closing_at: float | None = None
        self._head_left = 0
        self._unparsed_bytes = 0
        self._parsed_some = False
        self._fresh = True
        self._upgrade_ignored = False
        self._broken = False
        self._task: asyncio.Task[None] | None = None

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place in the table; the headers' deadline begins now."""
        super().connection_made(transport)
        self._received_at = self._head_at = self.loop.time()
        self._place = self._table.add(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place up, and cancel a request whose application asked for it."""
        self._table.remove(self)
        cycle: RequestResponseCycle | None = self.cycle
        super().connection_lost(exc)
        if (
            cycle is not None
            and not cycle.response_complete
            and self._task is not None
            and cycle.scope["state"].get(CANCEL_ON_DISCONNECT)
        ):
            self._task.cancel()

    def close_waiting(self) -> None:
        """Close, because a newer connection needs the place."""
        self.transport.close()

    def check_deadlines(self, now: float) -> None:
        """Close or answer where a deadline has passed."""
        limits = self._limits
        if self._closing_at is not None or self.transport.is_closing():
            self._check_closing(now)
        elif self._stalled_at is not None:
            if now - self._stalled_at > limits.stalled_s:
                self.transport.abort()
        elif self._receiving is _Receiving.BODY:
            self._check_body(now)
        elif self._busy():
            pass
        elif self._fresh or self._receiving is _Receiving.HEAD:
            head_s = limits.head_s if self._place == "open" else limits.reserve_head_s
            if now - self._head_at <= head_s:
                pass
            elif self._fresh:
                self.transport.close()
            else:
                self._fail(408, "the headers did not arrive in time")
        elif now - self._received_at > limits.idle_s:
            self.transport.close()

    def _check_body(self, now: float) -> None:
        limits = self._limits
        if not self._busy():
            if now - self._answered_at > limits.unread_s:
                self.transport.close()
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._received_at = now  # The application has not asked for more yet.
        elif now - self._received_at > limits.body_idle_s or now - self._body_at > limits.body_s:
            self._fail(503, "the body did not arrive in time")

    def _check_closing(self, now: float) -> None:
        """What was written must be flushed, and the peer should read a refusal: a connection that
        is closed with unread bytes in it is reset, and the refusal is lost."""
        if self._closing_at is None:
            self._closing_at = now
        elif self.transport.is_closing():
            if now - self._closing_at > self._limits.stalled_s:
                self.transport.abort()
        elif now - self._closing_at > self._limits.linger_s:
            self._closing_at = now
            self.transport.close()

    def pause_writing(self) -> None:
        """The peer reads more slowly than the application writes."""
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer has read what was buffered."""
        self._stalled_at = None
        super().resume_writing()

    # Requests

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        if self._broken:
            return
        self._received_at = now = self.loop.time()
        if self._fresh:
            self._fresh = False
            if self._speaks_another_protocol(data):
                return
        if self._receiving is _Receiving.NOTHING:
            self._head_at = now
            self._receiving = _Receiving.HEAD
        self._parsed_some = False
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _Refused):
                self._fail(cause.status, cause.message)
            else:
                self._fail(400, "Invalid HTTP request received.")
            return
        if self._parsed_some:
            self._unparsed_bytes = 0
            return
        # Headers so far, a field that is not complete yet, or extensions of a chunk.
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > self._limits.head_bytes:
            self._fail(431, "the request's headers are too large")

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._upgrade_ignored = False
            self._feed(head)
            if rest:
                self._feed(rest)

    def _head_without_upgrade(self) -> bytes:
        method = self.scope["method"].encode("ascii")
        version = self.scope["http_version"].encode("ascii")
        lines = [method + b" " + self.url + b" HTTP/" + version]
        close = False
        for name, value in self.headers:
            if name == b"connection":
                close = close or b"close" in value.lower()
            elif name not in _UPGRADE_HEADERS:
                lines.append(name + b": " + value)
        if close:
            lines.append(b"connection: close")
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= self._limits.pipelined:
            raise _Refused(503, "too many requests before their answers")
        super().on_message_begin()
        self._head_left = self._limits.head_bytes
        self._receiving = _Receiving.HEAD
        self._upgrade_ignored = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._head_left -= len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer: these are counted and then ignored (RFC 9110, 6.5)."""
        self._head_left -= len(name) + len(value) + 4
        if self._head_left < 0 or len(self.headers) >= self._limits.headers:
            raise _Refused(431, "the request's headers are too large")
        if self._receiving is not _Receiving.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application."""
        if self._head_left < 0:
            raise _Refused(431, "the request's headers are too large")
        if self.parser.should_upgrade():
            method = self.parser.get_method()
            if method == b"CONNECT":
                raise _Refused(501, "this server is no proxy")
            self.scope["method"] = method.decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
            self._upgrade_ignored = True
            return
        self._parsed_some = True
        self._receiving = _Receiving.BODY
        self._body_at = self.loop.time()
        self._table.set_waiting(self, False)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._parsed_some = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request has arrived."""
        if self._upgrade_ignored:
            return
        self._parsed_some = True
        self._receiving = _Receiving.NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start a pipelined request, or wait for the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        now = self._answered_at = self.loop.time()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._broken or self._place == "reserve" or self._awaits_continue():
            self.transport.close()
        elif self._receiving is not _Receiving.BODY:
            self._received_at = self._head_at = now
            self._table.set_waiting(self, True)

    def _awaits_continue(self) -> bool:
        """The client was answered while it waits for leave to send its body: it may send it or not,
        so no other request can be read from this connection."""
        return self._receiving is _Receiving.BODY and self.expect_100_continue

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._place == "reserve" and cycle.scope["path"] not in HEALTH_PATHS:
            app = _busy
        task = self.loop.create_task(cycle.run_asgi(partial(_until_disconnected, app, cycle)))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._task = task

    # Refusals

    def _busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _fail(self, status: int, message: str) -> None:
        """Answer what cannot be read on, and close. Requests before it are answered first."""
        self._broken = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and self._busy() and self._receiving is not _Receiving.BODY:
            # The request before it is complete; its answer comes first.
            cycle.keep_alive = False
            return
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.pipeline or (cycle is not None and cycle.response_started and self._busy()):
            # Another answer is under way: this one would be taken for it.
            self.transport.close()
            return
        self._write_refusal(status, message)

    def _write_refusal(self, status: int, message: str) -> None:
        text = message.encode("ascii") + b"\n"
        retry = b"retry-after: %d\r\n" % RETRY_AFTER_S if status == 503 else b""
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n" % (status, _PHRASES[status].encode("ascii"))
            + b"content-type: text/plain; charset=utf-8\r\n"
            + b"content-length: %d\r\nconnection: close\r\n" % len(text)
            + retry
            + b"\r\n"
            + text
        )
        self.transport.write_eof()
        self._closing_at = self.loop.time()

    def _speaks_another_protocol(self, data: bytes) -> bool:
        who = self.client[0] if self.client else "a client"
        if data.startswith(_HTTP2_PREFACE):
            message = f"this port speaks HTTP/1.1; {self._port.grpc_hint}"
            debug = struct.pack(">II", 0, _HTTP_1_1_REQUIRED) + message.encode()
            goaway = struct.pack(">I", len(debug))[1:] + bytes([_HTTP2_GOAWAY, 0, 0, 0, 0, 0])
            self.transport.write(_HTTP2_SETTINGS + goaway + debug)
            self._port.rare_log.warn("HTTP/2", f"{who} spoke HTTP/2, perhaps gRPC: {message}")
        elif data.startswith(_TLS_HANDSHAKE):
            self._port.rare_log.warn(
                "TLS", f"{who} spoke TLS to a port without it: use http:// instead of https://"
            )
        else:
            return False
        self._broken = True
        self.transport.close()
        return True


async def _until_disconnected(
    app: Any, cycle: RequestResponseCycle, scope: Any, receive: Any, send: Any
) -> None:
    """Run an application, which may be cancelled once nobody waits for its answer."""
    try:
        await app(scope, receive, send)
    except asyncio.CancelledError:
        if not cycle.disconnected:
            raise


async def _busy(_scope: Any, _receive: Any, send: Any) -> None:
    """The application of the reserve: 503, but for health."""
    body = b"too many connections; try again\n"
    await send(
        {
            "type": "http.response.start",
            "status": 503,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(body)),
                (b"retry-after", b"%d" % RETRY_AFTER_S),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
