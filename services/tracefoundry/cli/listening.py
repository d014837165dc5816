"""The HTTP side of a process: sockets, uvicorn servers, and which application a path belongs to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tracefoundry.auth.gate import SEND, Gate
from tracefoundry.ingest.http import OtlpHttp
from tracefoundry.query.origin import refusal

DRAIN_S = 20
"""How long requests in flight may take after a signal to stop (Kubernetes gives 30 s)."""
MAX_CONNECTIONS = 4_096
"""Connections at once; uvicorn answers 503 beyond it."""


class Dispatcher:
    """OTLP paths to ingest, everything else to the API (or to health alone)."""

    def __init__(
        self,
        rest: ASGIApp,
        otlp: OtlpHttp | None,
        *,
        gate: Gate,
        allowed_hosts: frozenset[str] | None,
        cors_origins: tuple[str, ...],
    ) -> None:
        self._rest = rest
        self._takes = otlp.takes if otlp is not None else (lambda path: False)
        self._otlp = rest if otlp is None else _guarded(otlp, gate, allowed_hosts, cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._takes(scope["path"]):
            await self._otlp(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def _guarded(
    otlp: OtlpHttp,
    gate: Gate,
    allowed_hosts: frozenset[str] | None,
    cors_origins: tuple[str, ...],
) -> ASGIApp:
    """OTLP behind the origin check, open to the pages of ``cors_origins``."""
    from starlette.middleware.cors import CORSMiddleware

    app: ASGIApp = _OtlpDoor(otlp, gate, allowed_hosts, cors_origins)
    if cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=cors_origins,
            allow_methods=["POST"],
            allow_headers=[
                "authorization",
                "content-type",
                "content-encoding",
                "x-tracefoundry-project",
            ],
        )
    return app


class _OtlpDoor:
    """The check of Host and Origin for OTLP paths, whose refusals are in OTLP's form."""

    def __init__(
        self,
        otlp: OtlpHttp,
        gate: Gate,
        allowed_hosts: frozenset[str] | None,
        cors_origins: tuple[str, ...],
    ) -> None:
        self._otlp = otlp
        self._gate = gate
        self._allowed_hosts = allowed_hosts
        self._cors_origins = cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = None
        if self._allowed_hosts is not None:
            found: dict[bytes, list[str]] = {b"host": [], b"origin": []}
            for name, value in scope["headers"]:
                if name in found:
                    found[name].append(value.decode("latin-1"))
            reason = refusal(
                found[b"host"], found[b"origin"], self._allowed_hosts, self._cors_origins
            )
        if reason is None:
            await self._otlp(scope, receive, send)
        else:
            client = scope.get("client")
            self._gate.refuse_origin(SEND, address=client[0] if client else None, reason=reason)
            await self._otlp.forbid(scope, send, reason)


class Server(uvicorn.Server):
    """A server that leaves signals to the process, which has more than one."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and say so."""
        await super().startup(sockets)
        self._listening.set()

    async def listening_or(self, serving: asyncio.Task[None]) -> None:
        """Wait until the server listens, or its task has ended."""
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait([listening, serving], return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def make_server(app: ASGIApp) -> Server:
    """A server for one listening socket."""
    return Server(
        uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            log_config=None,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, not yet listening.

    Raises:
        OSError: the address cannot be bound; the message names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
