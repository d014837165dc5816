"""Bounds the bodies of requests to the API before they are read into memory.

FastAPI reads a body whole before a route is asked. The bodies here are a few names and settings, so
a small limit holds for all routes.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracefoundry.query.errors import error_response

MAX_BODY_BYTES = 64 * 1024


class _TooLarge(Exception):
    """The body has passed the limit."""


class BodyLimit:
    """ASGI middleware: 413 for a larger body, announced or not."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        started = False

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited, noted)
        except _TooLarge:
            if started:
                raise
            answer = error_response(
                413,
                "too_large",
                "the body is far too large",
                f"Send up to {self._max_bytes} bytes.",
            )
            await answer(scope, receive, send)
