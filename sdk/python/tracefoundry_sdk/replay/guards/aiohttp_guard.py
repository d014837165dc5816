"""The guard of aiohttp: its connectors, which give a connection to memory instead of a server.

The reply is written as bytes of HTTP and read by aiohttp's own parser, so that sessions, streams,
middlewares and traces work as they do otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.replay.guards import is_telemetry
from tracefoundry_sdk.replay.http_replies import HttpReply

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Patches
    from tracefoundry_sdk.replay.session import Session


def guard(session: Session, patches: Patches, module: Any) -> None:
    """Answer the requests of ``aiohttp``."""
    from aiohttp.client_proto import ResponseHandler

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def connect(self: Any, req: Any, *args: Any, **options: Any) -> Any:
            if is_telemetry():
                raise ConnectionRefusedError("no telemetry leaves a replay")
            reply = session.http_reply(req.method, str(req.url))
            if reply is None:
                return await original(self, req, *args, **options)
            loop = asyncio.get_running_loop()
            protocol = ResponseHandler(loop=loop)
            protocol.connection_made(_Memory(protocol))
            protocol.data_received(_as_bytes(reply))
            return module.Connection(self, req.connection_key, protocol, loop)

        return connect

    patches.replace(module.BaseConnector, "connect", make)


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
