"""One pass over a resource: snapshot, plan, execute, status.

Each pass begins with a GET: a resource that was deleted while a watch was interrupted causes no
event, and its children must not be created again.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from tracefoundry_operator import (
    events,
    export_plan,
    exports,
    reconcile,
    references,
    status,
)
from tracefoundry_operator.api import API_VERSION
from tracefoundry_operator.api.export import Export, read_export
from tracefoundry_operator.api.instance import Instance, read_instance
from tracefoundry_operator.api.references import InvalidSpec
from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.execute import Executor
from tracefoundry_operator.kinds import BY_NAME, CONFIG_MAP, EVENT, INSTANCE, ObjectKey
from tracefoundry_operator.loops import Pass, Result
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.names import InvalidName
from tracefoundry_operator.ownership import MANAGER
from tracefoundry_operator.records import ConfigMap, read_config_map
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.snapshot import ExportSnapshot, Snapshot
from tracefoundry_operator.state import State

STATUS_MANAGER = "tracefoundry-operator-status"
"""Field manager of statuses. A separate one, so that applying an object never drops its status."""

_log = logging.getLogger(__name__)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Passes:
    """Passes over TraceFoundry and TraceExport resources."""

    def __init__(
        self,
        cluster: Cluster,
        state: State,
        settings: Settings,
        metrics: Metrics,
        *,
        known_kinds: frozenset[str],
        now: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._cluster = cluster
        self._state = state
        self._settings = settings
        self._metrics = metrics
        self._known_kinds = known_kinds
        self._now = now
        self._executor = Executor(cluster, state, metrics)

    async def over_instance(self, key: ObjectKey) -> Result:
        """One pass over a TraceFoundry."""
        started = time.perf_counter()
        result = await self._counted(self._over_instance, key)
        self._metrics.seconds.observe(time.perf_counter() - started)
        return result

    async def over_export(self, key: ObjectKey) -> Result:
        """One pass over a TraceExport."""
        return await self._counted(self._over_export, key)

    async def _counted(self, pass_over: Pass, key: ObjectKey) -> Result:
        try:
            result = await pass_over(key)
        except ApiError as error:
            _log.warning("%s %s/%s: %s", *key, error)
            result = Result.RETRY
        except Exception:
            self._metrics.reconciles.labels(key.kind, "error").inc()
            raise
        self._metrics.reconciles.labels(key.kind, result.value).inc()
        return result

    async def _over_instance(self, key: ObjectKey) -> Result:
        body = await self._get(key)
        if body is None:
            # The garbage collector deletes its children; a request of ours could create them again.
            self._state.forget_instance(key)
            self._metrics.forget(key)
            return Result.GONE
        try:
            snapshot = await self._snapshot(body)
            plan = reconcile.plan(snapshot, self._settings, known_kinds=self._known_kinds)
        except (InvalidSpec, InvalidName) as error:
            present = status.invalid(_generation(body), str(error), _status(body), now=self._now())
            await self._write_status(key, body, present)
            return Result.DONE
        outcome = await self._executor.execute(snapshot.instance.uid, plan.actions)
        if outcome.terminating:
            return Result.DONE
        for sentence in outcome.errors:
            _log.warning("%s %s/%s: %s", *key, sentence)
        present = status.compute(snapshot.after(outcome), plan, errors=outcome.errors)
        await self._write_status(key, body, present)
        return Result.RETRY if outcome.transient else Result.DONE

    async def _over_export(self, key: ObjectKey) -> Result:
        body = await self._get(key)
        if body is None:
            self._state.forget_export(key)
            self._metrics.forget_export(key)
            return Result.GONE
        try:
            export = read_export(body)
        except InvalidSpec as error:
            self._state.forget_export(key)
            return await self._cannot_export(key, body, "InvalidSpec", error)
        self._state.record_export(
            key, ObjectKey(INSTANCE.name, key.namespace, export.spec.instance_ref.name)
        )
        try:
            snapshot = await self._export_snapshot(export, _status(body))
            plan = export_plan.plan(snapshot, self._settings)
        except (InvalidSpec, InvalidName) as error:
            return await self._cannot_export(key, body, "InstanceInvalid", error)
        outcome = await self._executor.execute(export.uid, plan.actions)
        if outcome.terminating:
            return Result.DONE
        snapshot = snapshot.after(outcome)
        present = exports.compute(snapshot, plan, errors=outcome.errors)
        self._metrics.show_export(key, export.spec.instance_ref.name, present["conditions"])
        await self._write_status(key, body, present)
        # Only now: without the result in the status, the Jobs must stay.
        ended = await self._executor.execute(export.uid, export_plan.expirations(snapshot, present))
        for sentence in (*outcome.errors, *ended.errors):
            _log.warning("%s %s/%s: %s", *key, sentence)
        return Result.RETRY if outcome.transient or ended.transient else Result.DONE

    async def _cannot_export(
        self, key: ObjectKey, body: Body, reason: str, error: ValueError
    ) -> Result:
        present = exports.invalid(
            _generation(body), reason, str(error), _status(body), now=self._now()
        )
        await self._write_status(key, body, present)
        return Result.DONE

    async def _export_snapshot(self, export: Export, present: Mapping[str, Any]) -> ExportSnapshot:
        """What is known of an export.

        Raises:
            InvalidSpec: the instance does not match its schema.
        """
        name = export.spec.instance_ref.name
        found = await self._cluster.get(INSTANCE, export.namespace, name)
        instance = None if found is None else read_instance(found)
        return self._state.export_snapshot(
            export,
            instance,
            status=present,
            instance_status={} if found is None else _status(found),
            config_maps={} if instance is None else await self._config_maps(instance),
            now=self._now(),
        )

    async def _get(self, key: ObjectKey) -> Body | None:
        """The resource; None when it does not exist or is being deleted."""
        body = await self._cluster.get(BY_NAME[key.kind], key.namespace, key.name)
        return None if body is None or "deletionTimestamp" in body["metadata"] else body

    async def _snapshot(self, body: Body) -> Snapshot:
        """What is known of the instance in ``body``.

        Raises:
            InvalidSpec: the resource does not match its schema.
            InvalidName: its name cannot be used.
        """
        instance = read_instance(body)
        self._state.record_instance(instance)
        return self._state.snapshot(
            instance,
            status=_status(body),
            config_maps=await self._config_maps(instance),
            now=self._now(),
        )

    async def _config_maps(self, instance: Instance) -> dict[str, ConfigMap]:
        found = {}
        for name in references.config_map_names(instance.spec):
            body = await self._cluster.get(CONFIG_MAP, instance.namespace, name)
            if body is not None:
                found[name] = read_config_map(body)
        return found

    async def _write_status(self, key: ObjectKey, body: Body, present: dict[str, Any]) -> None:
        """Write a status if it changed, and create events for its transitions."""
        if key.kind == INSTANCE.name:
            self._metrics.show_conditions(key, present["conditions"])
        previous = _status(body)
        if present == previous:
            return
        manifest = {
            "apiVersion": API_VERSION,
            "kind": key.kind,
            # With the uid, the status of a resource created again in between is not written.
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "uid": body["metadata"]["uid"],
            },
            "status": present,
        }
        written = await self._cluster.apply(
            BY_NAME[key.kind], manifest, manager=STATUS_MANAGER, force=True, status=True
        )
        self._state.record_status(key, written["metadata"]["resourceVersion"])
        for condition in events.transitions(previous.get("conditions", ()), present["conditions"]):
            try:
                event = events.event(body, condition, self._now())
                await self._cluster.create(EVENT, event, manager=MANAGER)
            except ApiError as error:
                if error.terminating:
                    return
                # The condition reports the same, and nothing depends on the event.
                _log.warning("event for %s %s/%s: %s", *key, error)


def _status(body: Body) -> Mapping[str, Any]:
    return body.get("status") or {}


def _generation(body: Body) -> int:
    generation: int = body["metadata"].get("generation", 1)
    return generation
