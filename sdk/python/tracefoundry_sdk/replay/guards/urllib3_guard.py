"""The guard of urllib3: its connection pools. requests, botocore and others send by them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.http_exchanges import PLAIN_ENCODINGS, Exchange
from tracefoundry_sdk.replay.guards import is_telemetry
from tracefoundry_sdk.safety import never_raises

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Interceptor, Patches


def guard(interceptor: Interceptor, patches: Patches, module: Any) -> None:
    """Answer or watch the requests of ``urllib3``."""
    from urllib3.response import HTTPResponse

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def urlopen(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            if interceptor.stops and is_telemetry():
                raise ConnectionRefusedError("no telemetry leaves a replay")
            reply = interceptor.http_reply(method, f"{self.scheme}://{self.host}:{self.port}{url}")
            if reply is None:
                exchange = interceptor.exchange()
                if exchange is None or len(args) > 1:  # headers by position: nobody does that
                    return original(self, method, url, *args, **options)
                headers = options.get("headers") or self.headers or {}
                options["headers"] = _with_plain_encodings(headers)
                preload = options.get("preload_content", True)
                options["preload_content"] = False
                response = original(self, method, url, *args, **options)
                _watch(response, exchange)
                if preload:
                    response.read(cache_content=True)
                return response
            return HTTPResponse(
                body=_Pieces(reply.chunks),
                headers=reply.headers,
                status=reply.status,
                version=11,
                reason="",
                preload_content=options.get("preload_content", True),
                decode_content=options.get("decode_content", True),
                request_method=method,
            )

        return urlopen

    patches.replace(module.HTTPConnectionPool, "urlopen", make)


def _with_plain_encodings(headers: Any) -> dict[str, str]:
    others = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
    return others | PLAIN_ENCODINGS


@never_raises(None)
def _watch(response: Any, exchange: Exchange) -> None:
    """Keep every read of the wire.

    All ways of reading go through one of two methods: one for chunked bodies, one for others, which
    is named differently in urllib3 1.26.
    """
    headers = response.headers
    exchange.begin(response.status, headers.get("content-type"), headers.get("content-encoding"))
    plain = "_raw_read" if hasattr(response, "_raw_read") else "_fp_read"
    for name in (plain, "_handle_chunk"):
        read = getattr(response, name)

        def kept(*args: Any, _read: Any = read, **options: Any) -> Any:
            piece = _read(*args, **options)
            exchange.add(piece)
            return piece

        setattr(response, name, kept)


class _Pieces(io.RawIOBase):
    """A body that gives at most one piece at each read, as a network does."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what is left of the current piece, else with the next one."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
