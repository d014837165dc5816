"""Runs the operator under kopf: the only module that imports it.

kopf keeps the watches and nothing else: there are event handlers only, no change handlers and no
daemons. So it writes nothing on any object and needs no finalizer, and a resource can be deleted
while the operator is not running.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import kopf

from tracefoundry_operator import kinds
from tracefoundry_operator.apply import KubernetesApi, in_cluster
from tracefoundry_operator.cluster import ApiError
from tracefoundry_operator.kinds import EXPORT, INSTANCE, POD, RESOURCES, SECRET, Kind
from tracefoundry_operator.loops import Loops
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.passes import Passes
from tracefoundry_operator.probing import Prober
from tracefoundry_operator.resync import START_RETRY_S, Resync
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.state import State
from tracefoundry_operator.watches import SELECTOR, Watches

FAILED_RESYNCS_ALLOWED = 4
"""Comparisons that may fail in a row before the process is restarted."""

WATCH_PAGE = kinds.SECRET_PAGE
"""Objects in one page of a watch's first list: kopf has one size for all kinds."""

_log = logging.getLogger(__name__)

_Handler = Callable[..., Awaitable[None]]


async def run(settings: Settings) -> None:
    """Run the operator until a signal."""
    api = await KubernetesApi.connect()
    try:
        await _run(settings, api)
    finally:
        await api.close()


async def _run(settings: Settings, api: KubernetesApi) -> None:
    metrics, state = Metrics(), State()
    owned = (*kinds.OWNED, *await _monitoring(api))
    # Resources last: their passes need the records of everything else.
    watched = (SECRET, POD, *owned, INSTANCE, EXPORT)
    known_kinds = frozenset(kind.name for kind in owned)
    passes = Passes(api, state, settings, metrics, known_kinds=known_kinds)
    loops = {
        INSTANCE.name: Loops(passes.over_instance, resync_s=settings.resync_s),
        EXPORT.name: Loops(passes.over_export, resync_s=settings.resync_s),
    }
    watches = Watches(state, kinds=watched, loops=loops)
    resync = Resync(
        api, state, watches, metrics, kinds=watched, namespaces=settings.watch_namespaces
    )
    prober = Prober(state, wake=watches.wake, interval_s=settings.probe_s)
    ages = {kind: age.seconds for kind, age in watches.ages.items()}
    metrics.follow(event_ages=ages, resync_age=resync.age.seconds)
    started = False

    def alive() -> str | None:
        if not started:
            return None
        return resync.problem(resync_s=settings.resync_s, failures_allowed=FAILED_RESYNCS_ALLOWED)

    def ready() -> str | None:
        return None if started else "the first lists are not complete"

    runner = await serve(
        application(metrics, alive=alive, ready=ready),
        "0.0.0.0",  # noqa: S104 - in a pod
        settings.http_port,
    )
    background: list[asyncio.Task[None]] = []
    try:
        await resync.start()
        started = True
        for each in loops.values():
            each.release()
        _log.info("%d TraceFoundry resources", len(loops[INSTANCE.name]))
        background += [
            asyncio.create_task(resync.run(settings.resync_s), name="resync"),
            asyncio.create_task(prober.run(), name="prober"),
        ]
        await watch(
            watches,
            watched,
            watch_settings(watched),
            namespaces=settings.watch_namespaces,
            stop=lambda: stop(loops),
        )
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await stop(loops)
        await runner.cleanup()


async def stop(loops: dict[str, Loops]) -> None:
    """End all passes."""
    for each in loops.values():
        await each.stop()


def watch_settings(watched: tuple[Kind, ...]) -> kopf.OperatorSettings:
    """kopf's settings for watches of these kinds."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 600
    settings.watching.chunk_size = WATCH_PAGE
    # Handlers only update records: at the end there is nothing to wait for.
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 0.5
    # With the longer default delays kopf would react late when the API server is back.
    settings.networking.error_backoffs = (1, 1, 2, 3, 5)
    for kind in watched:
        if kind not in (SECRET, *RESOURCES):
            settings.watching.label_selectors[_selector(kind)] = SELECTOR
        if kind.fields is not None:
            settings.watching.field_selectors[_selector(kind)] = kind.fields
    return settings


async def watch(
    watches: Watches,
    watched: tuple[Kind, ...],
    settings: kopf.OperatorSettings,
    *,
    namespaces: tuple[str, ...] = (),
    stop: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Let kopf watch these kinds until a signal.

    Args:
        watches: gets the events.
        watched: kinds.
        settings: of kopf.
        namespaces: that are watched; empty means all.
        stop: called before kopf ends; kopf waits 5 s for tasks that it did not start.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    if stop is not None:
        ending = stop

        async def cleanup(**_: Any) -> None:
            await ending()

        kopf.on.cleanup(registry=registry)(cleanup)
    for kind in watched:
        kopf.on.event(*_selector(kind), registry=registry)(_handler(watches, kind))
    scope: dict[str, Any] = (
        {"namespaces": list(namespaces)} if namespaces else {"clusterwide": True}
    )
    await kopf.operator(registry=registry, settings=settings, standalone=True, **scope)


def _selector(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.api_version.rpartition("/")[2], kind.plural


def _handler(watches: Watches, kind: Kind) -> _Handler:
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        body = cast("dict[str, Any]", event["object"])
        watches.event(kind, event["type"], body)
        if kind == SECRET:
            # kopf keeps the last event of an object for a while. The annotations of kubectl apply
            # contain the values too.
            body.pop("data", None)
            body["metadata"].pop("annotations", None)

    on_event.__name__ = f"on_{kind.plural}"
    return on_event


async def _login(**given: Any) -> kopf.ConnectionInfo | None:
    # The same choice as for our own requests, or watches would use another cluster.
    if in_cluster():
        return kopf.login_with_service_account(**given)
    return kopf.login_with_kubeconfig(**given)


async def _monitoring(api: KubernetesApi) -> tuple[Kind, ...]:
    """The kinds of the Prometheus operator that this cluster has."""
    while True:
        with contextlib.suppress(ApiError):
            return tuple([kind for kind in kinds.MONITORING if await api.knows(kind)])
        _log.warning("the API server cannot be reached yet")
        await asyncio.sleep(START_RETRY_S)
