"""Composition: which parts run in which process, on which ports, and how they end.

``serve`` runs the query API and OTLP in one process (workers apart), ``ingest`` and ``query`` one
of the two each. Everything listens before anything is announced; SIGTERM and Ctrl-C stop
listening, let what was admitted commit and be answered, and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from tracefoundry.cli.doors import hint_at_first_token, is_loopback
from tracefoundry.cli.errors import CliError
from tracefoundry.cli.hourly_retention import HourlyRetention
from tracefoundry.cli.listening import DRAIN_S, Dispatcher, listen, make_server
from tracefoundry.cli.object_store_health import ObjectStoreHealth
from tracefoundry.ingest.http import OtlpHttp
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.keys import parse_keys
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.open import open_object_store
from tracefoundry.query.origin import LOOPBACK_HOSTS
from tracefoundry.redaction.policy import UserPatterns
from tracefoundry.settings import MAX_BODY_BYTES, WINDOW_AHEAD_NS, Settings
from tracefoundry.store import migrations
from tracefoundry.store.contract import StoreError, StoreMisconfigured, StoreUnavailable
from tracefoundry.store.open import open_writer, single_writer

if TYPE_CHECKING:
    from grpc import aio
    from prometheus_client import CollectorRegistry

    from tracefoundry.auth.access import Access
    from tracefoundry.auth.gate import Gate
    from tracefoundry.ingest.pool import WorkerPool
    from tracefoundry.store.api import Store

DATABASE_WAIT_S = 30.0
"""How long ``serve`` and ``migrate`` wait at start for a database that cannot be reached."""
ACCESS_CONNECTIONS = 3
"""Database connections for tokens and the audit log."""

_log = logging.getLogger("tracefoundry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where to listen, and whether tokens are asked for there.

    Port 0 picks a free one; None does not listen there.
    """

    host: str
    ask_tokens: bool = True
    api_port: int | None = None
    otlp_port: int | None = None
    grpc_port: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where a process keeps and finds things, and what it takes out before.

    Attributes:
        patterns: what the pattern file adds to redaction.
    """

    database_url: str
    payload_url: str
    patterns: UserPatterns


def check_database(url: str) -> None:
    """Find what is wrong with a database URL without connecting, before anything else is looked at:
    a wrong one must not leave a folder of payloads behind.

    Raises:
        CliError: it can never work.
    """
    from tracefoundry.store.sql.engine import make_engine
    from tracefoundry.store.sqlite.connection import database_path

    try:
        make_engine(url).dispose()
        if single_writer(url):
            database_path(url)
    except StoreMisconfigured as error:
        raise CliError(str(error)) from error


def check_stores(database_url: str, payload_url: str, settings: Settings) -> Stores:
    """Read what can be wrong in the settings of payloads and redaction, before anything listens.

    Raises:
        CliError: a pattern file, key or URL that can never work; the message names the place.
    """
    patterns = UserPatterns()
    try:
        if settings.redaction_patterns is not None:
            # The pattern engine is large; without a file this process needs none of it.
            from tracefoundry.redaction.pattern_file import load_patterns

            patterns = load_patterns(settings.redaction_patterns)
        parse_keys(settings.encryption_keys)
        open_object_store(payload_url).close()
    except ValueError as error:  # PatternFileError, InvalidKeys, ObjectStoreMisconfigured
        raise CliError(str(error)) from error
    except ObjectStoreUnavailable as error:
        raise CliError(str(error), "Choose another --payloads") from error
    return Stores(database_url=database_url, payload_url=payload_url, patterns=patterns)


def run(stores: Stores, settings: Settings, listening: Listening, *, api: bool, otlp: bool) -> None:
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
    with only_writer(stores.database_url) if otlp else contextlib.nullcontext(), runner:
        try:
            runner.run(_Process(stores, settings, listening, api=api, otlp=otlp).run())
        except StoreError as error:
            raise CliError(str(error)) from error
        except OSError as error:
            raise CliError(str(error), "Choose another port or address") from error


class _Process:
    """One listening process."""

    def __init__(
        self, stores: Stores, settings: Settings, listening: Listening, *, api: bool, otlp: bool
    ) -> None:
        self._stores = stores
        self._url = stores.database_url
        self._settings = settings
        self._listening = listening
        self._api = api
        self._otlp = otlp
        host = listening.host.strip("[]")
        self._hosts = LOOPBACK_HOSTS | {host} if is_loopback(host) else None

    async def run(self) -> None:
        """Listen, announce, serve until a signal, drain."""
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        from tracefoundry.auth.access import open_access
        from tracefoundry.store.api import open_store
        from tracefoundry.store.sql.engine import make_engine

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        store = open_store(self._url)
        # An engine of its own: a login must not wait behind eight slow searches.
        access_engine = make_engine(self._url, pool_size=ACCESS_CONNECTIONS)
        access = open_access(access_engine, self._settings, ask_tokens=self._listening.ask_tokens)
        if access.gate.asks:
            await asyncio.to_thread(hint_at_first_token, access.tokens)
        objects = open_object_store(self._stores.payload_url)
        pool: WorkerPool | None = None
        grpc_server: aio.Server | None = None
        otlp_app: OtlpHttp | None = None
        grpc_port = 0
        if self._otlp:
            pool, otlp_app, grpc_server, grpc_port = self._make_ingest(registry, access.gate)
        rest = (
            self._make_api(store, objects, registry, access)
            if self._api
            else self._make_health(store, objects, registry)
        )
        app = Dispatcher(
            rest,
            otlp_app,
            gate=access.gate,
            allowed_hosts=self._hosts,
            cors_origins=self._settings.cors_origins,
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
        retention = None
        if self._api and self._otlp:
            retention = HourlyRetention(self._url, self._stores.payload_url, self._settings)
            retention.start()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for server, _ in servers:
            server.should_exit = True
        draining = [grpc_server.stop(DRAIN_S)] if grpc_server is not None else []
        await asyncio.gather(*tasks, *draining)
        if pool is not None:
            await pool.close()
        await asyncio.to_thread(access.close)
        access_engine.dispose()
        if retention is not None:
            await asyncio.to_thread(retention.stop)
        await asyncio.to_thread(store.close)
        objects.close()

    def _make_ingest(
        self, registry: CollectorRegistry, gate: Gate
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
                database_url=self._url,
                retention_ns=settings.retention_spans_ns,
                payload_retention_ns=settings.retention_payloads_ns,
                ahead_ns=WINDOW_AHEAD_NS,
                max_body_bytes=MAX_BODY_BYTES,
                memory_bytes=settings.ingest_worker_memory,
                payload_url=self._stores.payload_url,
                encryption_keys=settings.encryption_keys,
                redaction=settings.redaction,
                patterns=self._stores.patterns,
            ),
            1 if single_writer(self._url) else settings.ingest_workers,
        )
        service = IngestService(
            Admission(settings.ingest_bytes_in_flight), pool, IngestMetrics(registry)
        )
        app = OtlpHttp(service, gate=gate, max_body_bytes=MAX_BODY_BYTES)
        if self._listening.grpc_port is None:
            return pool, app, None, 0
        server, port = make_server(service, self._listening.host, self._listening.grpc_port, gate)
        return pool, app, server, port

    def _make_api(
        self,
        store: Store,
        objects: ObjectStore,
        registry: CollectorRegistry,
        access: Access,
    ) -> ASGIApp:
        from tracefoundry.query.app import create_app
        from tracefoundry.query.settings import QuerySettings

        app: ASGIApp = create_app(
            store,
            QuerySettings(
                span_retention_ns=self._settings.retention_spans_ns,
                cors_origins=self._settings.cors_origins,
                allowed_hosts=self._hosts,
                check_schema=True,
            ),
            access=access,
            objects=objects,
            keys=parse_keys(self._settings.encryption_keys),
            registry=registry,
            checks={"object_store": ObjectStoreHealth(objects).check},
        )
        return app

    def _make_health(
        self, store: Store, objects: ObjectStore, registry: CollectorRegistry
    ) -> ASGIApp:
        from tracefoundry.ingest.health import Health

        def check_database() -> None:
            store.check()
            store.check_schema()

        checks: dict[str, Callable[[], None]] = {
            "database": check_database,
            "object_store": ObjectStoreHealth(objects).check,
        }

        def readiness() -> dict[str, dict[str, object]]:
            found: dict[str, dict[str, object]] = {}
            for name, check in checks.items():
                try:
                    check()
                except StoreError as error:
                    found[name] = {"ok": False, "reason": str(error)}
                else:
                    found[name] = {"ok": True, "reason": None}
            return found

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
