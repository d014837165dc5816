"""The process of ``tracefoundry ui``: the pages, in front of the query API of another process.

Browsers talk to one origin only: this process passes ``/api`` on to the query service, bodies and
answers as streams. The query service decides who may do what, by the token that the browser sends;
nothing is added on the way. The only page is the API's reference for now.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from tracefoundry.query.authentication import origin_check
from tracefoundry.query.errors import error_response
from tracefoundry.server.configuration import read_settings
from tracefoundry.server.connections import ConnectionLimits, within_open_files
from tracefoundry.server.errors import CommandError
from tracefoundry.server.listening import (
    allowed_hosts,
    authority,
    listen,
    run_to_end,
    serve_until_signal,
)
from tracefoundry.server.readiness import Readiness, health_app

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
READINESS_TIMEOUT_S = 2.0
MAX_CONNECTIONS = 256
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

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
_NOT_RETURNED = _HOP_BY_HOP | {"date"}
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
    app.mount(
        "/",
        Router(
            [
                Route("/", home),
                Route("/docs", query.forward),
                Route("/openapi.json", query.forward),
                Route("/api/{path:path}", query.forward, methods=METHODS),
            ]
        ),
    )
    return app


class QueryService:
    """The query service behind this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )
        self._probe = httpx.Client(base_url=url, timeout=READINESS_TIMEOUT_S, trust_env=False)

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
        """The query service's answer to a request, or 503 where there is none."""
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.decode("latin-1") not in _HOP_BY_HOP
        ]
        has_body = request.method in ("POST", "PUT", "PATCH")
        asked = self._client.build_request(
            request.method,
            httpx.URL(path=request.url.path, query=request.url.query.encode()),
            headers=headers,
            content=request.stream() if has_body else None,
        )
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.HTTPError as error:
            return error_response(
                503,
                "query_unavailable",
                f"the query service does not answer ({type(error).__name__})",
                "Try again; if it goes on, look at the query service and at --query-url.",
                headers={"Retry-After": "2"},
            )
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            {name: value for name, value in answer.headers.items() if name not in _NOT_RETURNED},
            background=BackgroundTask(answer.aclose),
        )
