"""`tracefoundry ui`: the pages, in front of the query API of another process.

Browsers talk to one origin only: this process passes ``/api`` on to the query service, bodies and
answers as streams. Who may do what is decided there, by the token that the browser sends; nothing
is added on the way. The page is the API's reference for now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tracefoundry.cli.errors import CliError
from tracefoundry.cli.processes import HostOption

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
MAX_CONNECTIONS = 256

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


def ui(
    query_url: Annotated[
        str,
        typer.Option(
            "--query-url",
            envvar="TRACEFOUNDRY_QUERY_URL",
            metavar="URL",
            help="Address of the query service.",
        ),
    ],
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks one.", min=0, max=65535)] = 8080,
) -> None:
    """Serve the pages, and the API of a query service on the same address."""
    target = query_url.rstrip("/")
    if urlsplit(target).scheme not in ("http", "https") or not urlsplit(target).netloc:
        raise CliError(f"--query-url {query_url!r} is not a URL like http://main-query:8080")
    import asyncio

    from tracefoundry.cli.listening import listen

    try:
        listener = listen(host, port)
    except OSError as error:
        raise CliError(str(error), "Choose another port or address") from error
    asyncio.run(_serve(make_ui(target, host), host, listener))


async def _serve(app: ASGIApp, host: str, listener: socket.socket) -> None:
    """Listen, say so, and serve until a signal."""
    import asyncio
    import signal

    from tracefoundry.cli.listening import make_server

    server = make_server(app)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: setattr(server, "should_exit", True)
        )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    await server.listening_or(serving)
    typer.echo(f"ready ui={address}")
    await serving


def make_ui(query_url: str, host: str) -> ASGIApp:
    """The application: pages of its own, and everything of the API from the query service."""
    import httpx
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.requests import Request
    from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route

    from tracefoundry.cli.doors import is_loopback
    from tracefoundry.query.errors import error_response
    from tracefoundry.query.origin import LOOPBACK_HOSTS, OriginCheck

    client = httpx.AsyncClient(
        base_url=query_url,
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
    )

    async def pass_on(request: Request) -> Response:
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.decode("latin-1") not in _HOP_BY_HOP
        ]
        has_body = request.method in ("POST", "PUT", "PATCH")
        asked = client.build_request(
            request.method,
            httpx.URL(path=request.url.path, query=request.url.query.encode()),
            headers=headers,
            content=request.stream() if has_body else None,
        )
        try:
            answer = await client.send(asked, stream=True)
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
            {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP},
            background=BackgroundTask(answer.aclose),
        )

    async def home(_request: Request) -> Response:
        return RedirectResponse("/docs", status_code=302)

    async def alive(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def ready(_request: Request) -> Response:
        try:
            answer = await client.get("/healthz", timeout=2.0)
            reason = None if answer.status_code == 200 else f"it answers {answer.status_code}"
        except httpx.HTTPError as error:
            reason = f"it does not answer ({type(error).__name__})"
        checks = {"query": {"ok": reason is None, "reason": reason}}
        return JSONResponse({"checks": checks}, 200 if reason is None else 503)

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/", home),
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/docs", pass_on),
            Route("/openapi.json", pass_on),
            Route("/api/{path:path}", pass_on, methods=methods),
        ],
    )
    allowed = LOOPBACK_HOSTS | {host.strip("[]")} if is_loopback(host) else None
    app.add_middleware(OriginCheck, allowed_hosts=allowed)
    return app
