"""The guard of aiohttp: its connectors, which give a connection to memory instead of a server.

The reply is written as bytes of HTTP and read by aiohttp's own parser, so that sessions, streams,
middlewares and traces work as they do otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.http_exchanges import Exchange
from tracefoundry_sdk.replay.guards import is_telemetry
from tracefoundry_sdk.replay.http_replies import HttpReply
from tracefoundry_sdk.safety import never_raises

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Interceptor, Patches

_MAX_WATCHED = 10_000  # replies that are being read at a time


def guard(interceptor: Interceptor, patches: Patches, module: Any) -> None:
    """Answer or watch the requests of ``aiohttp``."""
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import BaseConnector, Connection
    from aiohttp.streams import StreamReader

    watched: dict[int, Exchange] = {}  # by the identity of the body's reader, until its end

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def connect(self: Any, req: Any, *args: Any, **options: Any) -> Any:
            if interceptor.stops and is_telemetry():
                raise ConnectionRefusedError("no telemetry leaves a replay")
            reply = interceptor.http_reply(req.method, str(req.url))
            if reply is None:
                return await original(self, req, *args, **options)
            loop = asyncio.get_running_loop()
            protocol = ResponseHandler(loop=loop)
            protocol.connection_made(_Memory(protocol))
            protocol.data_received(_as_bytes(reply))
            return Connection(self, req.connection_key, protocol, loop)

        return connect

    @never_raises(None)
    def watch(response: Any) -> None:
        exchange = interceptor.exchange()
        if exchange is None:
            return
        # aiohttp has taken the compression off already.
        exchange.begin(response.status, response.headers.get("content-type"), None)
        for piece in response.content._buffer:
            exchange.add(piece)
        if not response.content.is_eof() and len(watched) < _MAX_WATCHED:
            watched[id(response.content)] = exchange

    def starting(original: Callable[..., Any]) -> Callable[..., Any]:
        async def start(self: Any, connection: Any) -> Any:
            response = await original(self, connection)
            watch(self)
            return response

        return start

    def feeding(original: Callable[..., Any]) -> Callable[..., Any]:
        def feed_data(self: Any, data: bytes, *args: Any) -> Any:
            exchange = watched.get(id(self)) if watched else None
            if exchange is not None:
                exchange.add(data)
            return original(self, data, *args)

        return feed_data

    def ending(original: Callable[..., Any]) -> Callable[..., Any]:
        def end(self: Any, *args: Any) -> Any:
            watched.pop(id(self), None)
            return original(self, *args)

        return end

    patches.replace(BaseConnector, "connect", make)
    patches.replace(module.ClientResponse, "start", starting)
    patches.replace(StreamReader, "feed_data", feeding)
    patches.replace(StreamReader, "feed_eof", ending)
    patches.replace(StreamReader, "set_exception", ending)


class _Memory(asyncio.Transport):
    """Takes the request and forgets it; the reply is with the protocol already."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._closing = False

    def write(self, data: Any) -> None:
        """A part of the request."""

    def is_closing(self) -> bool:
        """It was closed."""
        return self._closing

    def close(self) -> None:
        """The client has read the reply."""
        if not self._closing:
            self._closing = True
            self._protocol.connection_lost(None)

    def abort(self) -> None:
        """The client has left the reply."""
        self.close()

    def pause_reading(self) -> None:
        """All is there already."""

    def resume_reading(self) -> None:
        """All is there already."""


def _as_bytes(reply: HttpReply) -> bytes:
    """The reply in HTTP/1.1, each piece a chunk."""
    head = (
        f"HTTP/1.1 {reply.status} {_phrase(reply.status)}\r\ncontent-type: {reply.content_type}\r\n"
        "transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in reply.chunks if piece]
    return b"".join([head.encode(), *pieces, b"0\r\n\r\n"])


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Recorded"
