"""Middleware for ASGI and WSGI applications: the spans of a request belong to the caller's trace.

With the extras ``asgi`` and ``wsgi`` it is OpenTelemetry's own middleware, which also makes a span
for each request. Without them, and for an isolated SDK, the caller's context is taken over and no
span is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context
from opentelemetry.context import Context

from tracefoundry_sdk import runtime
from tracefoundry_sdk.propagation.carriers import extract
from tracefoundry_sdk.safety import logger

Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def asgi(app: AsgiApp) -> AsgiApp:
    """An ASGI application whose requests continue the trace of their caller."""
    if _isolated():
        return _continued_asgi(app)
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    except ImportError:
        _tell_missing("asgi")
        return _continued_asgi(app)
    # Single messages get no spans: a streamed answer has thousands.
    made: AsgiApp = OpenTelemetryMiddleware(app, exclude_spans=["receive", "send"])
    return made


def wsgi(app: WsgiApp) -> WsgiApp:
    """A WSGI application whose requests continue the trace of their caller."""
    if _isolated():
        return _continued_wsgi(app)
    try:
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    except ImportError:
        _tell_missing("wsgi")
        return _continued_wsgi(app)
    made: WsgiApp = OpenTelemetryMiddleware(app)
    return made


def _isolated() -> bool:
    started = runtime.installed()
    return started is not None and started.isolated


def _tell_missing(extra: str) -> None:
    logger.warning(
        "TraceFoundry: requests get no span of their own; for that, install tracefoundry-sdk[%s]",
        extra,
    )


def _continued_asgi(app: AsgiApp) -> AsgiApp:
    async def continued(
        scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        # The start of the server (lifespan) is no request and has no headers.
        with _current(extract(scope.get("headers"))):
            await app(scope, receive, send)

    return continued


def _continued_wsgi(app: WsgiApp) -> WsgiApp:
    def continued(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        brought = extract(_headers_of(environ))
        with _current(brought):
            answer = app(environ, start_response)
        return _Answer(answer, brought)

    return continued


class _Answer:
    """The answer of a WSGI application, made within the caller's context piece by piece."""

    def __init__(self, answer: Iterable[bytes], brought: Context) -> None:
        self._answer = answer
        self._brought = brought
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with _current(self._brought):
            if self._pieces is None:
                self._pieces = iter(self._answer)
            return next(self._pieces)

    def close(self) -> None:
        """Close the application's answer, as servers must."""
        close = getattr(self._answer, "close", None)
        if close is not None:
            with _current(self._brought):
                close()


def _headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a WSGI request, by the names that HTTP gives them."""
    return {
        name[5:].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }


@contextmanager
def _current(brought: Context) -> Iterator[None]:
    """Make a context current for a block that runs in one thread and one task."""
    token = context.attach(brought)
    try:
        yield
    finally:
        context.detach(token)
