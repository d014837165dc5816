"""One pass over a resource: read it, plan, carry out, write its status if that changed."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from tracefoundry_operator import events, exports, names, reconcile, references, status
from tracefoundry_operator.api import API_VERSION
from tracefoundry_operator.api.export import read_export
from tracefoundry_operator.api.instance import Instance, InvalidSpec, read_instance
from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.conditions import Checks, remembered
from tracefoundry_operator.execute import Executor, Outcome
from tracefoundry_operator.kinds import CONFIG_MAP, EVENT, EXPORT, INSTANCE, InstanceKey, Kind
from tracefoundry_operator.loops import Result
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.names import Component, InvalidName
from tracefoundry_operator.observed import (
    INSTANCE_LABEL,
    ConfigMap,
    Observed,
    View,
    read_config_map,
)
from tracefoundry_operator.ownership import MANAGER
from tracefoundry_operator.settings import Settings

STATUS_MANAGER = "tracefoundry-operator-status"
"""Field manager of the status; apart, so that applying an object never drops its status."""

_log = logging.getLogger(__name__)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Passes:
    """Passes over TraceFoundry and TraceExport resources, with what they need and remember."""

    def __init__(
        self,
        cluster: Cluster,
        observed: Observed,
        settings: Settings,
        metrics: Metrics,
        *,
        known_kinds: frozenset[str],
        now: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._cluster = cluster
        self._observed = observed
        self._settings = settings
        self._metrics = metrics
        self._known_kinds = known_kinds
        self._now = now
        self._executor = Executor(cluster, observed, metrics)
        self.instances: dict[InstanceKey, Instance] = {}
        """Each instance as the last pass read it."""
        self.export_targets: dict[InstanceKey, InstanceKey] = {}
        """The instance that each TraceExport is about."""
        self.checks: dict[InstanceKey, Checks] = {}
        """What pods of ingest said last; none as long as they were not asked."""
        self.written: dict[tuple[str, InstanceKey], str] = {}
        """resourceVersion after our last write of a status, by kind and resource."""

    async def over_instance(self, key: InstanceKey) -> Result:
        """One pass over a TraceFoundry."""
        started = time.perf_counter()
        result = await self._counted("TraceFoundry", self._over_instance, key)
        self._metrics.seconds.observe(time.perf_counter() - started)
        return result

    async def over_export(self, key: InstanceKey) -> Result:
        """One pass over a TraceExport."""
        return await self._counted("TraceExport", self._over_export, key)

    async def _counted(self, kind: str, pass_over: Any, key: InstanceKey) -> Result:
        try:
            result: Result = await pass_over(key)
        except ApiError as error:
            _log.warning("%s %s/%s: %s", kind, *key, error)
            result = Result.RETRY
        except Exception:
            self._metrics.reconciles.labels(kind, "error").inc()
            raise
        self._metrics.reconciles.labels(kind, result.value).inc()
        return result

    async def _over_instance(self, key: InstanceKey) -> Result:
        body = await self._cluster.get(INSTANCE, *key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            # Its children go by their owner reference; touching them would bring them back.
            self._forget(key)
            return Result.GONE
        previous: Mapping[str, Any] = body.get("status") or {}
        try:
            instance = read_instance(body)
            self.instances[key] = instance
            present, outcome = await self._converge(instance, previous)
        except (InvalidSpec, InvalidName) as error:
            generation = body["metadata"].get("generation", 1)
            present = status.invalid(generation, str(error), previous, now=self._now())
            outcome = Outcome()
        if outcome.terminating:
            return Result.DONE
        for sentence in outcome.errors:
            _log.warning("TraceFoundry %s/%s: %s", *key, sentence)
        self._metrics.show_conditions(key, present["conditions"])
        await self._write_status(INSTANCE, body, present)
        return Result.RETRY if outcome.transient else Result.DONE

    async def _converge(
        self, instance: Instance, previous: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Outcome]:
        key = InstanceKey(instance.namespace, instance.name)
        config_maps = await self._config_maps(instance)
        now = self._now()
        plan = reconcile.plan(
            instance,
            self._settings,
            self._view(instance, config_maps),
            applied=self._executor.applied,
            known_kinds=self._known_kinds,
            now=now,
        )
        outcome = await self._executor.execute(instance, plan.actions)
        checks = self.checks.get(key)
        present = status.compute(
            instance,
            plan,
            self._view(instance, config_maps),
            checks=remembered(previous) if checks is None else checks,
            asked=checks is not None,
            errors=outcome.errors,
            previous=previous,
            now=now,
        )
        return present, outcome

    async def _over_export(self, key: InstanceKey) -> Result:
        body = await self._cluster.get(EXPORT, *key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self.export_targets.pop(key, None)
            self.written.pop((EXPORT.name, key), None)
            return Result.GONE
        previous: Mapping[str, Any] = body.get("status") or {}
        generation, now = body["metadata"].get("generation", 1), self._now()
        try:
            export = read_export(body)
        except InvalidSpec as error:
            self.export_targets.pop(key, None)
            present = exports.invalid(generation, "InvalidSpec", str(error), previous, now=now)
        else:
            target = InstanceKey(key.namespace, export.spec.instance_ref.name)
            self.export_targets[key] = target
            found = await self._cluster.get(INSTANCE, *target)
            try:
                instance = None if found is None else read_instance(found)
            except InvalidSpec as error:
                message = str(error)
                present = exports.invalid(generation, "InstanceInvalid", message, previous, now=now)
            else:
                present = exports.compute(export, instance, previous, now=now)
        await self._write_status(EXPORT, body, present)
        return Result.DONE

    async def _write_status(self, kind: Kind, body: Body, present: dict[str, Any]) -> None:
        previous = body.get("status") or {}
        if present == previous:
            return
        metadata = body["metadata"]
        key = InstanceKey(metadata["namespace"], metadata["name"])
        written = await self._cluster.apply(
            kind,
            {
                "apiVersion": API_VERSION,
                "kind": kind.name,
                # With the uid, the status of a resource made anew meanwhile is left alone.
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "uid": metadata["uid"],
                },
                "status": present,
            },
            manager=STATUS_MANAGER,
            force=True,
            status=True,
        )
        self.written[kind.name, key] = written["metadata"]["resourceVersion"]
        for condition in events.transitions(previous.get("conditions", ()), present["conditions"]):
            try:
                event = events.event(body, condition, self._now())
                await self._cluster.create(EVENT, event, manager=MANAGER)
            except ApiError as error:
                if error.terminating:
                    return
                # The condition says the same; nothing depends on the event.
                _log.warning("event for %s %s/%s: %s", kind.name, *key, error)

    async def _config_maps(self, instance: Instance) -> dict[str, ConfigMap]:
        found = {}
        for name in references.config_maps(instance.spec):
            body = await self._cluster.get(CONFIG_MAP, instance.namespace, name)
            if body is not None:
                found[name] = read_config_map(body)
        return found

    def _view(self, instance: Instance, config_maps: Mapping[str, ConfigMap]) -> View:
        return self._observed.view(
            uid=instance.uid,
            namespace=instance.namespace,
            label=instance_label(instance.name),
            config_maps=config_maps,
        )

    def _forget(self, key: InstanceKey) -> None:
        instance = self.instances.pop(key, None)
        self.checks.pop(key, None)
        self.written.pop((INSTANCE.name, key), None)
        self._metrics.forget(key)
        if instance is not None:
            self._executor.forget(self._view(instance, {}).children)


def instance_label(name: str) -> str:
    """Value of the instance label on an instance's objects and pods.

    Raises:
        InvalidName: the name cannot be used.
    """
    return names.selector_labels(name, Component.INGEST)[INSTANCE_LABEL]
