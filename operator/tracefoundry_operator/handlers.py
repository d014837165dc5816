"""Runs the operator under kopf: the one module that knows it.

kopf keeps the watches, and nothing else: there are event handlers only, no change handlers and no
daemons. So it writes nothing on any object, needs no finalizer, and a resource can be deleted while
the operator is away.
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
from tracefoundry_operator.kinds import EXPORT, INSTANCE, POD, SECRET, Kind
from tracefoundry_operator.loops import Loops
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.observed import Observed
from tracefoundry_operator.passes import Passes
from tracefoundry_operator.probing import Prober
from tracefoundry_operator.resync import START_RETRY_S, Resync
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.watches import SELECTOR, Watches

RESYNCS_MISSED = 4
"""Comparisons that may fail in a row before the process is started anew."""

WATCH_PAGE = kinds.SECRET_PAGE
"""Objects of one page of the list that a watch begins with: kopf has one size for all kinds."""

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
    metrics, observed = Metrics(), Observed()
    owned = (*kinds.OWNED, *await _monitoring(api))
    known = frozenset(kind.name for kind in owned)
    passes = Passes(api, observed, settings, metrics, known_kinds=known)
    instances = Loops(passes.over_instance, resync_s=settings.resync_s)
    exports = Loops(passes.over_export, resync_s=settings.resync_s)
    watches = Watches(observed, passes, instances=instances, exports=exports)
    resync = Resync(api, watches.watched(owned), metrics, namespaces=settings.watch_namespaces)
    prober = Prober(passes, observed, wake=instances.wake, interval_s=settings.probe_s)
    watches.told = resync.told
    ages = {kind: age.seconds for kind, age in watches.ages.items()}
    metrics.follow(event_ages=ages, resync_age=resync.age.seconds)
    started = False

    def alive() -> str | None:
        return problem(resync, resync_s=settings.resync_s) if started else None

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
        instances.release()
        exports.release()
        _log.info("%d TraceFoundry resources", len(instances))
        background += [
            asyncio.create_task(resync.run(settings.resync_s), name="resync"),
            asyncio.create_task(prober.run(), name="prober"),
        ]
        await _watch(settings, watches, owned, (instances, exports))
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await instances.stop()
        await exports.stop()
        await runner.cleanup()


def problem(resync: Resync, *, resync_s: float) -> str | None:
    """Why the process should be started anew; None when it is well.

    How long ago a watch delivered anything is no reason: of most kinds nothing changes for days.
    """
    if resync.silent:
        return f"no watch tells of changes in: {', '.join(sorted(resync.silent))}"
    if resync.age.seconds() > RESYNCS_MISSED * resync_s:
        return f"no comparison with the API server for {resync.age.seconds():.0f} s"
    return None


async def _watch(
    settings: Settings, watches: Watches, owned: tuple[Kind, ...], loops: tuple[Loops, ...]
) -> None:
    """Let kopf watch all kinds until a signal."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)

    async def stop(**_: Any) -> None:
        for each in loops:
            await each.stop()

    # Before kopf ends: it would wait 5 s for tasks that it did not start.
    kopf.on.cleanup(registry=registry)(stop)
    kopf_settings = kopf.OperatorSettings()
    kopf_settings.scanning.disabled = True
    kopf_settings.posting.enabled = False
    kopf_settings.watching.server_timeout = 600
    kopf_settings.watching.chunk_size = WATCH_PAGE
    # Handlers only take notes: nothing is worth waiting for when the operator ends.
    kopf_settings.queueing.idle_timeout = 0.5
    kopf_settings.queueing.exit_timeout = 0.5
    # While the API server is away kopf would wait ever longer, and react late when it is back.
    kopf_settings.networking.error_backoffs = (1, 1, 2, 3, 5)
    for kind in (INSTANCE, EXPORT, SECRET, POD, *owned):
        version = kind.api_version.rpartition("/")[2]
        selector = (kind.group, version, kind.plural)
        if kind not in (INSTANCE, EXPORT, SECRET):
            kopf_settings.watching.label_selectors[selector] = SELECTOR
        if kind.fields is not None:
            kopf_settings.watching.field_selectors[selector] = kind.fields
        kopf.on.event(kind.group, version, kind.plural, registry=registry)(_handler(watches, kind))
    namespaces: dict[str, Any] = (
        {"namespaces": list(settings.watch_namespaces)}
        if settings.watch_namespaces
        else {"clusterwide": True}
    )
    await kopf.operator(registry=registry, settings=kopf_settings, standalone=True, **namespaces)


def _handler(watches: Watches, kind: Kind) -> _Handler:
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        body = cast("dict[str, Any]", event["object"])
        watches.event(kind, event["type"], body)
        if kind == SECRET:
            # kopf holds an event until its object was quiet for a while. What kubectl applied
            # stands among the annotations once more.
            body.pop("data", None)
            body["metadata"].pop("annotations", None)

    seen.__name__ = f"seen_{kind.plural}"
    return seen


async def _login(**given: Any) -> kopf.ConnectionInfo | None:
    # The same choice as for our own requests, or watches would ask another cluster.
    if in_cluster():
        return kopf.login_with_service_account(**given)
    return kopf.login_with_kubeconfig(**given)


async def _monitoring(api: KubernetesApi) -> tuple[Kind, ...]:
    """Kinds of the Prometheus operator that this cluster has."""
    while True:
        with contextlib.suppress(ApiError):
            return tuple([kind for kind in kinds.MONITORING if await api.knows(kind)])
        _log.warning("cannot ask the API server yet")
        await asyncio.sleep(START_RETRY_S)
