"""The guard of httpx: its transports, below clients, authentication, redirects and retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.replay.guards import is_telemetry
from tracefoundry_sdk.replay.http_replies import HttpReply

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Patches
    from tracefoundry_sdk.replay.session import Session


def guard(session: Session, patches: Patches, module: Any) -> None:
    """Answer the requests of ``httpx``, or of ``httpx2``, which has the same classes."""

    def reply_to(request: Any) -> HttpReply | None:
        if is_telemetry():
            raise module.ConnectError("no telemetry leaves a replay", request=request)
        return session.http_reply(request.method, str(request.url))

    def sync(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(self: Any, request: Any) -> Any:
            reply = reply_to(request)
            if reply is None:
                return original(self, request)
            request.read()
            return module.Response(reply.status, headers=reply.headers, content=_pieces(reply))

        return handle_request

    def asynchronous(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_async_request(self: Any, request: Any) -> Any:
            reply = reply_to(request)
            if reply is None:
                return await original(self, request)
            await request.aread()
            return module.Response(
                reply.status, headers=reply.headers, content=_async_pieces(reply)
            )

        return handle_async_request

    patches.replace(module.HTTPTransport, "handle_request", sync)
    patches.replace(module.AsyncHTTPTransport, "handle_async_request", asynchronous)


def _pieces(reply: HttpReply) -> Iterator[bytes]:
    yield from reply.chunks


async def _async_pieces(reply: HttpReply) -> AsyncIterator[bytes]:
    for chunk in reply.chunks:
        yield chunk
