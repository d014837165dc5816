"""The guard of httpx: its transports, below clients, authentication, redirects and retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.http_exchanges import PLAIN_ENCODINGS, Exchange
from tracefoundry_sdk.replay.guards import is_telemetry
from tracefoundry_sdk.replay.http_replies import HttpReply
from tracefoundry_sdk.safety import never_raises

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Interceptor, Patches


def guard(interceptor: Interceptor, patches: Patches, module: Any) -> None:
    """Answer or watch the requests of ``httpx``, or of ``httpx2``, which has the same classes."""

    def reply_to(request: Any) -> HttpReply | None:
        if interceptor.stops and is_telemetry():
            raise module.ConnectError("no telemetry leaves a replay", request=request)
        return interceptor.http_reply(request.method, str(request.url))

    @never_raises(None)
    def asked(request: Any) -> Exchange | None:
        exchange = interceptor.exchange()
        if exchange is not None:
            request.headers.update(PLAIN_ENCODINGS)
        return exchange

    @never_raises(None)
    def watch(response: Any, exchange: Exchange | None) -> None:
        if exchange is not None:
            headers = response.headers
            encoding = headers.get("content-encoding")
            exchange.begin(response.status_code, headers.get("content-type"), encoding)
            response.stream = Watched(response.stream, exchange)

    class Watched(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc] # any base
        """A body whose pieces are kept as they are read."""

        def __init__(self, stream: Any, exchange: Exchange) -> None:
            self._stream = stream
            self._exchange = exchange

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._stream:
                self._exchange.add(piece)
                yield piece

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._stream:
                self._exchange.add(piece)
                yield piece

        def close(self) -> None:
            self._stream.close()

        async def aclose(self) -> None:
            await self._stream.aclose()

    def sync(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(self: Any, request: Any) -> Any:
            reply = reply_to(request)
            if reply is None:
                exchange = asked(request)
                response = original(self, request)
                watch(response, exchange)
                return response
            request.read()
            return module.Response(reply.status, headers=reply.headers, content=_pieces(reply))

        return handle_request

    def asynchronous(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_async_request(self: Any, request: Any) -> Any:
            reply = reply_to(request)
            if reply is None:
                exchange = asked(request)
                response = await original(self, request)
                watch(response, exchange)
                return response
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
