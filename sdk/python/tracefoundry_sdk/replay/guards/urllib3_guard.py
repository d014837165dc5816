"""The guard of urllib3: its connection pools. requests, botocore and others send by them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.replay.guards import is_telemetry

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Patches
    from tracefoundry_sdk.replay.session import Session


def guard(session: Session, patches: Patches, module: Any) -> None:
    """Answer the requests of ``urllib3``."""
    from urllib3.response import HTTPResponse

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def urlopen(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            if is_telemetry():
                raise ConnectionRefusedError("no telemetry leaves a replay")
            reply = session.http_reply(method, f"{self.scheme}://{self.host}:{self.port}{url}")
            if reply is None:
                return original(self, method, url, *args, **options)
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
