"""The HTTP protocol of every port: uvicorn's, with bounds for headers and strict framing.

uvicorn has no bound for headers, and takes the body away from requests with an ``Upgrade`` header.
What is added is decided in docs/decisions/008-uvicorn-with-limits-of-our-own.md; the limits are in
``connections``, the deadlines in ``http_connection``.

Notes on upgrades: the parser takes everything after the headers of such a request for another
protocol. An upgrade may be ignored (RFC 9110, section 7.8), so the headers are parsed once more,
without those that ask for it, and the body follows as usual.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from tracefoundry.server.connections import HEALTH_PATHS
from tracefoundry.server.http_connection import HttpConnection, Receiving
from tracefoundry.server.http_refusals import (
    HTTP2_PREFACE,
    TLS_HANDSHAKE,
    refuse_all_but_health,
)

_UPGRADE_HEADERS = frozenset({b"connection", b"upgrade", b"http2-settings"})


class _Refused(Exception):
    """A request that breaks a limit; raised inside the parser's callbacks."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class BoundedHttpProtocol(HttpConnection):
    """A connection that parses requests within limits."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_left = 0
        self._unparsed_bytes = 0
        self._parsed_some = False
        self._upgrade_ignored = False

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        if self._broken:
            return
        self._received_at = now = self.loop.time()
        if self._fresh:
            self._fresh = False
            if self._speaks_another_protocol(data):
                return
        if self._receiving is Receiving.NOTHING:
            self._head_at = now
            self._receiving = Receiving.HEAD
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
        self._receiving = Receiving.HEAD
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
        if self._receiving is not Receiving.BODY:
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
        self._receiving = Receiving.BODY
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
        self._receiving = Receiving.NOTHING
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
        elif self._receiving is not Receiving.BODY:
            self._received_at = self._head_at = now
            self._table.set_waiting(self, True)

    def _awaits_continue(self) -> bool:
        """The client was answered while it waits for leave to send its body: it may send it or not,
        so no other request can be read from this connection."""
        return self._receiving is Receiving.BODY and self.expect_100_continue

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._place == "reserve" and cycle.scope["path"] not in HEALTH_PATHS:
            app = refuse_all_but_health
        task = self.loop.create_task(cycle.run_asgi(partial(_until_disconnected, app, cycle)))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._task = task

    def _speaks_another_protocol(self, data: bytes) -> bool:
        who = self.client[0] if self.client else "a client"
        if data.startswith(HTTP2_PREFACE[:14]):
            # The connection ends without a word. gRPC's C core, told by GOAWAY, would connect again
            # and again without a pause, and take a gigabyte of the sender's memory a second.
            self._port.rare_log.warn(
                "HTTP/2",
                f"{who} spoke HTTP/2, perhaps gRPC: this port speaks HTTP/1.1;"
                f" {self._port.grpc_hint}",
            )
        elif data.startswith(TLS_HANDSHAKE):
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
