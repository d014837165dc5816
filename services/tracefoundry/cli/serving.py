"""Composition: which parts run in which process, on which ports, and how they end.

``serve`` runs the query API and OTLP in one process (workers apart), ``ingest`` and ``query`` one
of the two each. Everything listens before anything is announced; SIGTERM and Ctrl-C stop
listening, let what was admitted commit and be answered, and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from tracefoundry.cli.errors import CliError
from tracefoundry.cli.listening import DRAIN_S, Dispatcher, listen, make_server
from tracefoundry.ingest.http import OtlpHttp
from tracefoundry.query.origin import LOOPBACK_HOSTS
from tracefoundry.settings import MAX_BODY_BYTES, WINDOW_AHEAD_NS, Settings
from tracefoundry.store import migrations
from tracefoundry.store.contract import StoreError, StoreMisconfigured, StoreUnavailable
from tracefoundry.store.open import open_writer, single_writer

if TYPE_CHECKING:
    from grpc import aio
    from prometheus_client import CollectorRegistry

    from tracefoundry.ingest.pool import WorkerPool
    from tracefoundry.store.reader import TraceReader

DATABASE_WAIT_S = 30.0
"""How long ``serve`` and ``migrate`` wait at start for a database that cannot be reached."""

_log = logging.getLogger("tracefoundry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where to listen. Port 0 picks a free one; None does not listen there."""

    host: str
    api_port: int | None = None
    otlp_port: int | None = None
    grpc_port: int | None = None


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_access(host: str, *, insecure_no_auth: bool, require_token: bool) -> None:
    """Refuse to start where anybody could reach a platform that knows no tokens yet.

    Raises:
        CliError: the combination is not possible in this version.
    """
    if require_token:
        raise CliError(
            "--require-token: this version has no access tokens yet, so it cannot ask for them",
            "Leave the option out and listen on a loopback address",
        )
    if not is_loopback(host) and not insecure_no_auth:
        raise CliError(
            f"--host {host} can be reached by others, and this version has no access tokens yet",
            "Listen on 127.0.0.1, or pass --insecure-no-auth if the network is closed to others",
        )


def prepare_database(url: str, settings: Settings) -> str:
    """Migrate, and make the partitions of the window; waits a while for a database to come up.

    Raises:
        CliError: the database cannot be used; the message says why.
    """
    deadline = time.monotonic() + DATABASE_WAIT_S
    pause = 0.2
    while True:
        try:
            revision = migrations.upgrade(url)
            writer = open_writer(
                url, retention_ns=settings.retention_spans_ns, ahead_ns=WINDOW_AHEAD_NS
            )
            try:
                writer.maintain(time.time_ns())
            finally:
                writer.close()
            return revision
        except StoreMisconfigured as error:
            raise CliError(str(error)) from error
        except StoreUnavailable as error:
            if time.monotonic() + pause > deadline or "password" in str(error):
                raise CliError(
                    str(error), "Check the database URL, or start the database"
                ) from error
            _log.warning("%s; trying again in %.1f s", error, pause)
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


@contextlib.contextmanager
def only_writer(url: str) -> Iterator[None]:
    """Hold the lock of a SQLite file: one process writes its spans.

    Raises:
        CliError: another process holds it.
    """
    if not single_writer(url):
        yield
        return
    import fcntl

    from tracefoundry.store.sqlite.connection import database_path

    path = database_path(url)
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CliError(
                f"another process writes to {str(path)!r}",
                "Stop it, or choose another --data folder or --database",
            ) from error
        yield


def run(url: str, settings: Settings, listening: Listening, *, api: bool, otlp: bool) -> None:
    """Run the asked parts until a signal; prints the ``ready`` line once everything listens.

    Raises:
        CliError: an address or the store cannot be used.
    """
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with only_writer(url) if otlp else contextlib.nullcontext(), runner:
        try:
            runner.run(_Process(url, settings, listening, api=api, otlp=otlp).run())
        except StoreError as error:
            raise CliError(str(error)) from error
        except OSError as error:
            raise CliError(str(error), "Choose another port or address") from error


class _Process:
    """One listening process."""

    def __init__(
        self, url: str, settings: Settings, listening: Listening, *, api: bool, otlp: bool
    ) -> None:
        self._url = url
        self._settings = settings
        self._listening = listening
        self._api = api
        self._otlp = otlp
        host = listening.host.strip("[]")
        self._hosts = LOOPBACK_HOSTS | {host} if is_loopback(host) else None

    async def run(self) -> None:
        """Listen, announce, serve until a signal, drain."""
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        from tracefoundry.store.engine import make_engine
        from tracefoundry.store.reader import TraceReader

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        reader = TraceReader(make_engine(self._url))
        pool: WorkerPool | None = None
        grpc_server: aio.Server | None = None
        otlp_app: OtlpHttp | None = None
        grpc_port = 0
        if self._otlp:
            pool, otlp_app, grpc_server, grpc_port = self._make_ingest(registry)
        rest = (
            self._make_api(reader, registry) if self._api else self._make_health(reader, registry)
        )
        app = Dispatcher(
            rest, otlp_app, allowed_hosts=self._hosts, cors_origins=self._settings.cors_origins
        )
        sockets = {}
        for name, port in (("api", self._listening.api_port), ("otlp", self._listening.otlp_port)):
            if port is not None:
                sockets[name] = listen(self._listening.host, port)
        servers = [(make_server(app), listener) for listener in sockets.values()]
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers
        ]
        if grpc_server is not None:
            await grpc_server.start()
        for (server, _), task in zip(servers, tasks, strict=True):
            await server.listening_or(task)
        self._announce(sockets, grpc_port)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for server, _ in servers:
            server.should_exit = True
        draining = [grpc_server.stop(DRAIN_S)] if grpc_server is not None else []
        await asyncio.gather(*tasks, *draining)
        if pool is not None:
            await pool.close()
        await asyncio.to_thread(reader.close)

    def _make_ingest(
        self, registry: CollectorRegistry
    ) -> tuple[WorkerPool, OtlpHttp, aio.Server | None, int]:
        from tracefoundry.ingest.admission import Admission
        from tracefoundry.ingest.grpc import make_server
        from tracefoundry.ingest.messages import WorkerConfig
        from tracefoundry.ingest.metrics import IngestMetrics
        from tracefoundry.ingest.pool import WorkerPool
        from tracefoundry.ingest.service import IngestService

        settings = self._settings
        pool = WorkerPool(
            WorkerConfig(
                self._url,
                settings.retention_spans_ns,
                WINDOW_AHEAD_NS,
                MAX_BODY_BYTES,
                settings.ingest_worker_memory,
            ),
            1 if single_writer(self._url) else settings.ingest_workers,
        )
        service = IngestService(
            Admission(settings.ingest_bytes_in_flight), pool, IngestMetrics(registry)
        )
        app = OtlpHttp(service, max_body_bytes=MAX_BODY_BYTES)
        if self._listening.grpc_port is None:
            return pool, app, None, 0
        server, port = make_server(service, self._listening.host, self._listening.grpc_port)
        return pool, app, server, port

    def _make_api(self, reader: TraceReader, registry: CollectorRegistry) -> ASGIApp:
        from tracefoundry.query.app import create_app
        from tracefoundry.query.settings import QuerySettings

        app: ASGIApp = create_app(
            reader,
            QuerySettings(
                span_retention_ns=self._settings.retention_spans_ns,
                cors_origins=self._settings.cors_origins,
                allowed_hosts=self._hosts,
                schema_head=migrations.head(),
                older_schemas=migrations.older(),
            ),
            registry=registry,
        )
        return app

    def _make_health(self, reader: TraceReader, registry: CollectorRegistry) -> ASGIApp:
        from tracefoundry.ingest.health import Health

        head, older = migrations.head(), migrations.older()

        def readiness() -> dict[str, dict[str, object]]:
            try:
                reader.check()
                reader.check_schema(head, older=older)
            except StoreError as error:
                return {"database": {"ok": False, "reason": str(error)}}
            return {"database": {"ok": True, "reason": None}}

        return Health(readiness, registry)

    def _announce(self, sockets: dict[str, socket.socket], grpc_port: int) -> None:
        host = self._listening.host
        shown = f"[{host}]" if ":" in host else host
        parts = [
            f"{name}=http://{shown}:{listener.getsockname()[1]}"
            for name, listener in sockets.items()
        ]
        if grpc_port:
            parts.append(f"grpc={shown}:{grpc_port}")
        print("ready", *parts, flush=True)  # noqa: T201 - the line that callers wait for
