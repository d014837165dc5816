"""Addresses, sockets and HTTP servers of a process, from listening to the end of the last request.

SIGTERM and Ctrl-C stop listening; requests in flight are answered before the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from tracefoundry.auth.origin_check import ANY_HOST, LOOPBACK_HOSTS
from tracefoundry.server.connections import (
    ConnectionLimits,
    ConnectionTable,
)
from tracefoundry.server.errors import CommandError
from tracefoundry.server.http_connection import PortState
from tracefoundry.server.http_protocol import BoundedHttpProtocol

if TYPE_CHECKING:
    from grpc import aio

    from tracefoundry.server.grpc_front import GrpcFront

DRAIN_S = 20
"""How long requests in flight may take after a signal to stop (Kubernetes gives 30 s)."""
NO_GRPC_HINT = "OTLP/gRPC is served by tracefoundry ingest, usually on port 4317"
"""What a client hears that speaks gRPC to a process without it."""
DEADLINE_TICKS = 5
"""Deadlines of connections are checked once in so many tenths of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a process listens, and whether it asks for tokens there.

    Port 0 picks a free one; None does not listen there. A process with an ``api_port`` runs the
    query API, one with an ``otlp_port`` runs ingest. ``limits`` are those of each
    port, instead of those of the settings.
    """

    host: str
    ask_tokens: bool = True
    api_port: int | None = None
    otlp_port: int | None = None
    grpc_port: int | None = None
    limits: ConnectionLimits | None = None


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str, *, ask_tokens: bool) -> frozenset[str] | None:
    """The names that a ``Host`` header may hold; any where others can reach ``host``. None, where
    tokens protect such an address, means that pages of other origins are not refused."""
    if is_loopback(host):
        return LOOPBACK_HOSTS | {host.strip("[]")}
    return None if ask_tokens else ANY_HOST


def asks_tokens(host: str, *, insecure_no_auth: bool, require_token: bool) -> bool:
    """Whether a process that listens on ``host`` asks for tokens: where others can reach it, and
    on loopback with ``--require-token``.

    Raises:
        CommandError: the options contradict each other.
    """
    if require_token and insecure_no_auth:
        raise CommandError("--require-token and --insecure-no-auth were both given", "Choose one")
    return require_token or not (is_loopback(host) or insecure_no_auth)


def authority(host: str, port: int) -> str:
    """``host:port`` as URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def run_to_end(main: Coroutine[None, None, None]) -> None:
    """Run a process's main coroutine, on uvloop where it is installed.

    Raises:
        CommandError: an address cannot be used.
    """
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        try:
            runner.run(main)
        except OSError as error:
            raise CommandError(str(error), "Choose another port or address") from error


async def serve_until_signal(
    app: ASGIApp,
    listeners: Sequence[socket.socket],
    *,
    ready: Callable[[], None],
    limits: ConnectionLimits,
    grpc: tuple[GrpcFront, aio.Server] | None = None,
    grpc_hint: str = NO_GRPC_HINT,
) -> None:
    """Serve an application on all ``listeners``, and gRPC beside it, until a signal to stop.

    ``ready`` is called once everything listens. Returns when all requests have been answered, or
    ``DRAIN_S`` after the signal.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [_Server(app, limits, grpc_hint) for _ in listeners]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    if grpc is not None:
        front, grpc_server = grpc
        await front.run(grpc_server)
    for server, task in zip(servers, tasks, strict=True):
        await server.listening_or_ended(task)
    ready()
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for server in servers:
        server.should_exit = True
    draining = [front.stop(grpc_server, DRAIN_S)] if grpc is not None else []
    await asyncio.gather(*tasks, *draining)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process, which has more than one server."""

    def __init__(self, app: ASGIApp, limits: ConnectionLimits, grpc_hint: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedHttpProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        self._table = ConnectionTable(limits)
        self.server_state = PortState(self._table, grpc_hint)
        self._listening = asyncio.Event()

    async def on_tick(self, counter: int) -> bool:
        """Check the deadlines of connections now and then."""
        if counter % DEADLINE_TICKS == 0:
            self._table.check_deadlines(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and say so."""
        await super().startup(sockets)
        self._listening.set()

    async def listening_or_ended(self, serving: asyncio.Task[None]) -> None:
        """Wait until the server listens, or its task has ended."""
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait([listening, serving], return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield
