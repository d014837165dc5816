"""Bounds the bodies of requests to the API before they are read into memory.

FastAPI reads a body whole before a route is asked. The bodies here are a few names and settings, so
a small limit holds for all routes but the export, which may be told ten thousand trace ids, and
those that take files.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracefoundry.query.errors import error_response

MAX_BODY_BYTES = 64 * 1024
MAX_BYTES_BY_PATH = {"/api/export": 1024 * 1024}
"""Larger limits of single paths."""

UNLIMITED_PATHS = frozenset({"/api/bundles/import"})
"""Their routes stream the body into a file, and have limits of their own."""


class BodyLimit:
    """ASGI middleware: 413 for a larger body, announced or not."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        received = 0
        max_bytes = max(self._max_bytes, MAX_BYTES_BY_PATH.get(scope["path"], 0))

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise ClientDisconnect  # ends the reading; FastAPI makes a 400 of it
            return message

        async def unless_too_large(message: Message) -> None:
            if received <= max_bytes:
                await send(message)

        await self._app(scope, limited, unless_too_large)
        if received > max_bytes:
            answer = error_response(
                413,
                "too_large",
                "the body is far too large",
                f"Send up to {max_bytes} bytes.",
            )
            await answer(scope, receive, send)
