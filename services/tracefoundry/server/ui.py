"""The process of ``tracefoundry ui``: the pages, in front of the query API of another process.

Browsers talk to one origin only: this process passes the API's paths on to the query service, with
bodies and answers. The query service decides who may do what, by the token that the browser sends;
nothing is added on the way. The only page is the API's reference for now.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tracefoundry.auth.origin_check import is_own
from tracefoundry.query.app import create_app
from tracefoundry.query.authentication import origin_check
from tracefoundry.query.body_limit import MAX_BODY_BYTES
from tracefoundry.query.errors import error_response
from tracefoundry.query.settings import QuerySettings
from tracefoundry.server.configuration import read_settings
from tracefoundry.server.connections import ConnectionLimits, within_open_files
from tracefoundry.server.errors import CommandError
from tracefoundry.server.http_connection import CANCEL_ON_DISCONNECT
from tracefoundry.server.listening import (
    allowed_hosts,
    authority,
    listen,
    run_to_end,
    serve_until_signal,
)
from tracefoundry.server.readiness import Readiness, health_app
from tracefoundry.store.memory.store import MemoryStore

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
READINESS_TIMEOUT_S = 2.0
POOL_TIMEOUT_S = 2.0
"""How long a request waits for a connection to the query service."""
MAX_CONNECTIONS = 256
"""Connections to the query service."""
MAX_STREAMS = 128
"""Large answers at once: each holds its connection while its reader takes it."""
MAX_KEPT_BYTES = 1024 * 1024
"""Longest answer that is read whole, so that its reader's speed does not matter."""

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of one connection, which are not passed on (RFC 9110, section 7.6.1)."""
_NOT_KEPT = _HOP_BY_HOP | {"date"}
"""The server of this process sets ``date`` itself."""


def run_ui(query_url: str, host: str, port: int) -> None:
    """Serve the pages until a signal; prints the ``ready`` line once it listens.

    Raises:
        CommandError: the URL or the address cannot be used.
    """
    target = query_url.rstrip("/")
    if urlsplit(target).scheme not in ("http", "https") or not urlsplit(target).netloc:
        raise CommandError(f"--query-url {query_url!r} is not a URL like http://main-query:8080")
    per_address = read_settings().connections_per_address
    limits = within_open_files(ConnectionLimits(per_address=per_address))
    run_to_end(_run(target, host, port, limits))


async def _run(query_url: str, host: str, port: int, limits: ConnectionLimits) -> None:
    listener = listen(host, port)
    address = authority(host, listener.getsockname()[1])

    def ready() -> None:
        print(f"ready ui=http://{address}", flush=True)  # noqa: T201 - callers wait for this line

    query = QueryService(query_url)
    try:
        await serve_until_signal(ui_app(query, host), [listener], ready=ready, limits=limits)
    finally:
        await query.close()


def ui_app(query: QueryService, host: str) -> ASGIApp:
    """The application: pages of its own, and everything of the API from the query service."""

    async def home(_request: Request) -> Response:
        return RedirectResponse("/docs", status_code=302)

    app = health_app(
        Readiness({"query": query.reason}),
        middleware=[origin_check(allowed_hosts(host, ask_tokens=True))],
    )
    # Routed on the decoded path, as the query service does. What it does not have is not asked for.
    app.mount(
        "/",
        Router(
            [
                Route("/", home),
                Route("/docs", query.forward),
                Route("/openapi.json", query.forward),
                *(
                    Route(path, query.forward, methods=methods)
                    for path, methods in api_methods().items()
                ),
            ]
        ),
    )
    return app


def api_methods() -> dict[str, list[str]]:
    """The methods of the API by path, with parameters in braces."""
    # Its description needs a store, and asks it nothing.
    paths = create_app(MemoryStore(), QuerySettings()).openapi()["paths"]
    return {path: [method.upper() for method in methods] for path, methods in paths.items()}


class QueryService:
    """The query service behind this process."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, pool=POOL_TIMEOUT_S),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )
        self._probe = httpx.Client(base_url=url, timeout=READINESS_TIMEOUT_S, trust_env=False)
        self._streams = 0

    async def close(self) -> None:
        """Close the connections."""
        self._probe.close()
        await self._client.aclose()

    def reason(self) -> str | None:
        """Why the query service cannot be used now; None when it can. A readiness check."""
        try:
            answer = self._probe.get("/healthz")
        except httpx.HTTPError as error:
            return f"it does not answer ({type(error).__name__})"
        return None if answer.status_code == 200 else f"it answers {answer.status_code}"

    async def forward(self, request: Request) -> Response:
        """The query service's answer to a request, or 503 where there is none.

        A connection to it is held neither while a body arrives nor while a small answer is read.
        """
        request.scope["state"][CANCEL_ON_DISCONNECT] = True
        if any(part in (".", "..") for part in request.scope["path"].split("/")):
            return _not_found(request)
        body = await _body(request)
        if body is None:
            return error_response(
                413,
                "too_large",
                f"the body is larger than {MAX_BODY_BYTES} bytes",
                "Send what the API's reference at /docs describes.",
            )
        try:
            answer = await self._client.send(self._asked(request, body), stream=True)
        except httpx.HTTPError as error:
            return _unavailable(f"the query service does not answer ({type(error).__name__})")
        headers = {name: value for name, value in answer.headers.items() if name not in _NOT_KEPT}
        try:
            return await self._answered(answer, headers)
        except httpx.HTTPError as error:
            return _unavailable(f"the query service stopped answering ({type(error).__name__})")

    def _asked(self, request: Request, body: bytes) -> httpx.Request:
        own = is_own(request.headers.get("origin", ""), request.headers.get("host", ""))
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.decode("latin-1") not in _HOP_BY_HOP
            # The query service has another origin; this one was checked here.
            and not (own and name == b"origin")
        ]
        path = self._url.raw_path.rstrip(b"/") + request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        return self._client.build_request(
            request.method,
            self._url.copy_with(raw_path=path + (b"?" + query if query else b"")),
            headers=headers,
            content=body or None,
        )

    async def _answered(self, answer: httpx.Response, headers: dict[str, str]) -> Response:
        size = answer.headers.get("content-length", "")
        if size.isdigit() and int(size) <= MAX_KEPT_BYTES:
            try:
                content = b"".join([piece async for piece in answer.aiter_raw()])
            finally:
                await answer.aclose()
            return Response(content, answer.status_code, headers)
        if self._streams >= MAX_STREAMS:
            await answer.aclose()
            return _unavailable("too many large answers are being read")
        self._streams += 1
        return _LargeAnswer(answer, headers, ended=self._end_stream)

    def _end_stream(self) -> None:
        self._streams -= 1


class _LargeAnswer(StreamingResponse):
    """An answer that is passed on while it is read. It holds its connection until it ends."""

    def __init__(
        self, answer: httpx.Response, headers: dict[str, str], *, ended: Callable[[], None]
    ) -> None:
        super().__init__(answer.aiter_raw(), answer.status_code, headers)
        self._answer = answer
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()
            await self._answer.aclose()


async def _body(request: Request) -> bytes | None:
    """The whole body; None where it is larger than the API takes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _not_found(request: Request) -> Response:
    return error_response(
        404, "not_found", f"no such path: {request.url.path}", "See /docs for the paths of the API."
    )


def _unavailable(message: str) -> Response:
    return error_response(
        503,
        "query_unavailable",
        message,
        "Try again; if it goes on, look at the query service and at --query-url.",
        headers={"Retry-After": "2"},
    )
