"""The processes behind ``serve``, ``ingest`` and ``query``: their parts, from start to end.

``serve`` runs the query API and OTLP in one process (its workers are processes of their own),
``ingest`` and ``query`` one of the two each. Everything listens before anything is announced.
SIGTERM and Ctrl-C stop listening, let what was admitted commit and be answered, and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tracefoundry.model.limits import MAX_BODY_BYTES, WINDOW_AHEAD_NS
from tracefoundry.server.configuration import database_url, payload_url, read_settings
from tracefoundry.server.connections import ConnectionLimits, within_open_files
from tracefoundry.server.errors import CommandError
from tracefoundry.server.http import (
    api_app,
    ingest_health_app,
    otlp_behind_checks,
    with_otlp,
)
from tracefoundry.server.listening import (
    NO_GRPC_HINT,
    Listening,
    allowed_hosts,
    authority,
    listen,
    run_to_end,
    serve_until_signal,
)
from tracefoundry.server.retention import HourlyRetention
from tracefoundry.server.stores import (
    OpenStores,
    StoreConfiguration,
    check_database_url,
    check_stores,
    only_writer,
    opened,
    prepare_database,
)
from tracefoundry.server.tokens import hint_at_first_token
from tracefoundry.settings import Settings
from tracefoundry.store.api import StoreError

if TYPE_CHECKING:
    from grpc import aio
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp

    from tracefoundry.auth.gate import Gate
    from tracefoundry.ingest.service import IngestService
    from tracefoundry.server.grpc_front import GrpcFront


def run(
    listening: Listening,
    *,
    data: Path | None,
    database: str | None,
    payloads: str | None,
    migrate: bool = False,
) -> None:
    """Run a process until a signal; prints the ``ready`` line once everything listens.

    Args:
        listening: the ports, and with them the parts that run.
        data: folder of the SQLite database; None for the default.
        database: the database's URL; None for that of the environment or of ``data``.
        payloads: the payload store's URL; None for that of the environment or a folder.
        migrate: bring the database to this version's schema before anything listens.

    Raises:
        CommandError: a setting, a store or an address cannot be used.
    """
    settings = read_settings()
    url = database_url(settings, database, data)
    check_database_url(url)
    stores = check_stores(url, payload_url(settings, payloads, url), settings)
    if migrate:
        prepare_database(url, settings)
    writes = listening.otlp_port is not None
    with only_writer(url) if writes else contextlib.nullcontext():
        try:
            run_to_end(_Process(stores, settings, listening).run())
        except StoreError as error:
            raise CommandError(str(error)) from error


class _Process:
    """One listening process."""

    def __init__(
        self, stores: StoreConfiguration, settings: Settings, listening: Listening
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._listening = listening
        limits = listening.limits or ConnectionLimits(per_address=settings.connections_per_address)
        self._limits = within_open_files(limits)
        self._allowed_hosts = allowed_hosts(listening.host, ask_tokens=listening.ask_tokens)
        if "*" in settings.cors_origins and not listening.ask_tokens:
            raise CommandError(
                "TRACEFOUNDRY_CORS_ORIGINS=* would let every web page read and delete traces,"
                " because no login is asked for",
                "Name the origins, or ask for tokens with --require-token",
            )

    async def run(self) -> None:
        """Open the stores, listen, announce, serve until a signal, close."""
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        async with contextlib.AsyncExitStack() as stack:
            stores = stack.enter_context(
                opened(
                    self._stores,
                    self._settings,
                    ask_tokens=self._listening.ask_tokens,
                    writes_spans=self._listening.otlp_port is not None,
                )
            )
            if stores.access.gate.asks:
                await asyncio.to_thread(hint_at_first_token, stores.access.tokens)
            retention = HourlyRetention(self._stores, self._settings)
            stack.push_async_callback(asyncio.to_thread, retention.stop)
            listeners = self._listen()
            app, grpc = await self._make(stores, registry, stack, listeners)

            def ready() -> None:
                self._announce(listeners)
                if "api" in listeners and "otlp" in listeners:
                    retention.start()

            await serve_until_signal(
                app,
                list(dict.fromkeys(each for name, each in listeners.items() if name != "grpc")),
                ready=ready,
                limits=self._limits,
                grpc=grpc,
                grpc_hint=(
                    f"OTLP/gRPC is served on {self._address_of(listeners['grpc'])}"
                    if "grpc" in listeners
                    else NO_GRPC_HINT
                ),
            )

    async def _make(
        self,
        stores: OpenStores,
        registry: CollectorRegistry,
        stack: contextlib.AsyncExitStack,
        listeners: dict[str, socket.socket],
    ) -> tuple[ASGIApp, tuple[GrpcFront, aio.Server] | None]:
        """The HTTP application, and what serves gRPC where there is a port for it."""
        if self._listening.api_port is not None:
            rest = api_app(
                stores,
                self._stores,
                self._settings,
                allowed_hosts=self._allowed_hosts,
                registry=registry,
            )
        else:
            rest = ingest_health_app(stores, allowed_hosts=self._allowed_hosts, registry=registry)
        if self._listening.otlp_port is None:
            return rest, None
        gate = stores.access.gate
        service = self._make_ingest(registry, stack)
        otlp = otlp_behind_checks(
            service,
            gate,
            allowed_hosts=self._allowed_hosts,
            cors_origins=self._settings.cors_origins,
        )
        grpc = self._make_grpc(service, gate, stack, listeners) if "grpc" in listeners else None
        return with_otlp(rest, otlp), grpc

    def _make_ingest(
        self, registry: CollectorRegistry, stack: contextlib.AsyncExitStack
    ) -> IngestService:
        from tracefoundry.auth.project_rules import ProjectRules
        from tracefoundry.ingest.admission import Admission
        from tracefoundry.ingest.messages import WorkerConfig
        from tracefoundry.ingest.metrics import IngestMetrics
        from tracefoundry.ingest.pool import WorkerPool
        from tracefoundry.ingest.quota_ledger import QuotaLedger
        from tracefoundry.ingest.quota_metrics import QuotaMetrics
        from tracefoundry.ingest.service import IngestService

        settings = self._settings
        pool = WorkerPool(
            WorkerConfig(
                database_url=self._stores.database_url,
                rules=ProjectRules.of(settings),
                ahead_ns=WINDOW_AHEAD_NS,
                max_body_bytes=MAX_BODY_BYTES,
                memory_bytes=settings.ingest_worker_memory,
                payload_url=self._stores.payload_url,
                encryption_keys=settings.encryption_keys,
                patterns=self._stores.patterns,
            ),
            1 if self._stores.single_writer else settings.ingest_workers,
        )
        stack.push_async_callback(pool.close)
        quotas = QuotaLedger(settings.quota_processes)
        QuotaMetrics(quotas, registry)
        return IngestService(
            Admission(settings.ingest_bytes_in_flight), pool, IngestMetrics(registry), quotas
        )

    def _make_grpc(
        self,
        service: IngestService,
        gate: Gate,
        stack: contextlib.AsyncExitStack,
        listeners: dict[str, socket.socket],
    ) -> tuple[GrpcFront, aio.Server]:
        from tracefoundry.ingest.grpc import make_server
        from tracefoundry.server.grpc_front import GrpcFront

        hint = f"OTLP/HTTP is served on http://{self._address_of(listeners['otlp'])}/v1/traces"
        front = GrpcFront(listeners["grpc"], self._limits, hint)
        stack.callback(front.close)
        server, _ = make_server(service, front.target, 0, gate, address_of=front.address_of)
        return front, server

    def _listen(self) -> dict[str, socket.socket]:
        ports = {
            "api": self._listening.api_port,
            "otlp": self._listening.otlp_port,
            "grpc": self._listening.grpc_port,
        }
        if ports["grpc"] and ports["grpc"] in (ports["api"], ports["otlp"]):
            raise CommandError(
                f"port {ports['grpc']} is given for OTLP/gRPC and for HTTP",
                "Choose another --grpc-port",
            )
        listeners: dict[str, socket.socket] = {}
        for name, port in ports.items():
            if name == "otlp" and port and port == ports["api"]:
                # All HTTP paths are answered on both ports, so one socket can be both.
                listeners[name] = listeners["api"]
            elif port is not None:
                listeners[name] = listen(self._listening.host, port)
        return listeners

    def _address_of(self, listener: socket.socket) -> str:
        return authority(self._listening.host, listener.getsockname()[1])

    def _announce(self, listeners: dict[str, socket.socket]) -> None:
        parts = [
            f"{name}={'' if name == 'grpc' else 'http://'}{self._address_of(listener)}"
            for name, listener in listeners.items()
        ]
        print("ready", *parts, flush=True)  # noqa: T201 - the line that callers wait for
