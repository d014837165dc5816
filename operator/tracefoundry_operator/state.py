"""The state of the operator: everything it knows, and the only place where that is changed.

Watches, lists and answers of the API server are taken in by ``observe``, ``forget`` and the
``record_*`` methods; nothing else writes. Passes read a :class:`Snapshot` of one resource. All
fields are private, so a new fact needs a method here.

A change of an object affects some custom resources: the one whose child, pod or Secret it is, and
the exports of an instance. The methods return their keys, and the caller wakes their loops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from tracefoundry_operator import references
from tracefoundry_operator.api.export import Export
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.children import Children
from tracefoundry_operator.conditions import Checks
from tracefoundry_operator.kinds import (
    EXPORT,
    INSTANCE,
    JOB,
    POD,
    RESOURCES,
    SECRET,
    Kind,
    ObjectKey,
    key_of_body,
)
from tracefoundry_operator.names import OF_EXPORTS, Component, instance_label
from tracefoundry_operator.pod_records import Pod, read_pod
from tracefoundry_operator.records import (
    Child,
    ConfigMap,
    Record,
    Resource,
    Secret,
    read_child,
    read_secret,
)
from tracefoundry_operator.snapshot import Applied, ExportSnapshot, Snapshot

Body = Mapping[str, Any]
Affected = frozenset[ObjectKey]
"""Keys of the custom resources that need a pass."""

NO_RESOURCES: Affected = frozenset()


class State:
    """Records of all objects, and the results of passes and probes."""

    __slots__ = (
        "_checks",
        "_children",
        "_export_targets",
        "_instances",
        "_pods",
        "_resources",
        "_secrets",
        "_status_versions",
    )

    def __init__(self) -> None:
        self._resources: dict[ObjectKey, Resource] = {}
        self._secrets: dict[ObjectKey, Secret] = {}
        self._pods: dict[ObjectKey, Pod] = {}
        self._children = Children()
        # Each instance as the last pass read it.
        self._instances: dict[ObjectKey, Instance] = {}
        # The instance that each TraceExport refers to.
        self._export_targets: dict[ObjectKey, ObjectKey] = {}
        # The last answers of ingest pods, by instance.
        self._checks: dict[ObjectKey, Checks] = {}
        # resourceVersion of each custom resource after our last write of its status.
        self._status_versions: dict[ObjectKey, str] = {}

    # Objects of the cluster.

    def observe(self, kind: Kind, body: Body) -> Affected:
        """Take in an object as the API server has it; return what is affected by a change."""
        key = key_of_body(kind, body)
        if kind in RESOURCES:
            return self._observe_resource(key, body["metadata"]["resourceVersion"])
        if kind == SECRET:
            secret = read_secret(body)
            if self._secrets.get(key) == secret:
                return NO_RESOURCES
            self._secrets[key] = secret
            return self._users_of_secret(key)
        if kind == POD:
            pod, before = read_pod(body), self._pods.get(key)
            self._pods[key] = pod
            if before is not None and before.reported == pod.reported:
                return NO_RESOURCES
            return self._users_of_pod(pod)
        known = self._children.get(key)
        child = self.record_answer(kind.name, body)
        if child is None or (
            known is not None and known.resource_version == child.resource_version
        ):
            return NO_RESOURCES
        return _owner(child)

    def forget(self, key: ObjectKey, *, uid: str | None = None) -> Affected:
        """Drop the record of a deleted object; return what is affected.

        Events of two objects with one name may come out of order: an object that was created again
        may be known before the deletion of the earlier one. ``uid`` is that of the deleted object;
        the record of another one stays.
        """
        record = self._records(key.kind).get(key)
        if uid is not None and isinstance(record, Child | Pod | Secret) and record.uid != uid:
            return NO_RESOURCES
        if key.kind in (INSTANCE.name, EXPORT.name):
            self._resources.pop(key, None)
            return self._with_exports(key)
        if key.kind == SECRET.name:
            secret = self._secrets.pop(key, None)
            return NO_RESOURCES if secret is None else self._users_of_secret(key)
        if key.kind == POD.name:
            pod = self._pods.pop(key, None)
            return NO_RESOURCES if pod is None else self._users_of_pod(pod)
        child = self._children.drop(key)
        return NO_RESOURCES if child is None else _owner(child)

    def versions(self, kind: Kind) -> dict[ObjectKey, str]:
        """resourceVersion of each known object of a kind."""
        return {
            key: record.resource_version
            for key, record in self._records(kind.name).items()
            if key.kind == kind.name
        }

    def version(self, key: ObjectKey) -> str | None:
        """resourceVersion of an object; None when it is not known."""
        record = self._records(key.kind).get(key)
        return None if record is None else record.resource_version

    def child(self, key: ObjectKey) -> Child | None:
        """The record of a child."""
        return self._children.get(key)

    # Results of our own requests.

    def record_answer(self, kind: str, body: Body) -> Child | None:
        """Take in a child from the answer to a request; None when it belongs to no resource of
        ours.

        The watch's event with the same version then starts no pass.
        """
        child = read_child(kind, body)
        if child is not None:
            self._children.put(child)
        return child

    def record_apply(self, key: ObjectKey, applied: Applied) -> None:
        """Note what was applied to an object."""
        self._children.record_apply(key, applied)

    def record_status(self, key: ObjectKey, resource_version: str) -> None:
        """Note the version of a custom resource after a write of its status."""
        self._status_versions[key] = resource_version

    # Results of passes and probes.

    def record_instance(self, instance: Instance) -> None:
        """Note an instance as a pass read it.

        Raises:
            InvalidName: its name cannot be used.
        """
        instance_label(instance.name)
        self._instances[ObjectKey(INSTANCE.name, instance.namespace, instance.name)] = instance

    def forget_instance(self, key: ObjectKey) -> None:
        """Drop the results about an instance that no longer exists."""
        self._instances.pop(key, None)
        self._checks.pop(key, None)
        self._status_versions.pop(key, None)

    def record_export(self, key: ObjectKey, target: ObjectKey) -> None:
        """Note which instance a TraceExport refers to."""
        self._export_targets[key] = target

    def forget_export(self, key: ObjectKey) -> None:
        """Drop the results about a TraceExport that no longer exists or cannot be read."""
        self._export_targets.pop(key, None)
        self._status_versions.pop(key, None)

    def record_checks(self, key: ObjectKey, checks: Checks) -> Affected:
        """Note the answers of an instance's ingest pods; return what is affected by a change."""
        if key not in self._instances or self._checks.get(key) == checks:
            return NO_RESOURCES
        self._checks[key] = checks
        return frozenset({key})

    # Reading.

    def instances(self) -> tuple[ObjectKey, ...]:
        """Keys of all instances that a pass has read."""
        return tuple(self._instances)

    def ingest_addresses(self, key: ObjectKey) -> tuple[str, ...]:
        """IP addresses of an instance's running ingest pods."""
        label = instance_label(key.name)
        return tuple(
            pod.address
            for pod in self._pods.values()
            if pod.namespace == key.namespace
            and pod.instance_label == label
            and pod.component == Component.INGEST
            and pod.address is not None
        )

    def snapshot(
        self,
        instance: Instance,
        *,
        status: Mapping[str, Any],
        config_maps: Mapping[str, ConfigMap],
        now: dt.datetime,
    ) -> Snapshot:
        """What is known of an instance. ConfigMaps are not watched, so the caller reads them."""
        key = ObjectKey(INSTANCE.name, instance.namespace, instance.name)
        label = instance_label(instance.name)
        return Snapshot(
            instance=instance,
            status=status,
            children=self._children.of(instance.uid),
            pods=tuple(
                pod
                for _, pod in sorted(self._pods.items())
                if pod.namespace == instance.namespace
                and pod.instance_label == label
                and pod.component not in OF_EXPORTS
            ),
            secrets=self._secrets_of(instance, references.secret_keys(instance.spec)),
            config_maps=MappingProxyType(dict(config_maps)),
            applied=self._children.applied_of(instance.uid),
            checks=self._checks.get(key),
            now=now,
        )

    def export_snapshot(
        self,
        export: Export,
        instance: Instance | None,
        *,
        status: Mapping[str, Any],
        instance_status: Mapping[str, Any],
        config_maps: Mapping[str, ConfigMap],
        now: dt.datetime,
    ) -> ExportSnapshot:
        """What is known of a TraceExport."""
        children = self._children.of(export.uid)
        jobs = {key.name for key in children}
        return ExportSnapshot(
            export=export,
            instance=instance,
            instance_status=instance_status,
            status=status,
            children=children,
            pods=tuple(
                pod
                for _, pod in sorted(self._pods.items())
                if pod.namespace == export.namespace and pod.job in jobs
            ),
            secrets=MappingProxyType({})
            if instance is None
            else self._secrets_of(instance, references.export_secret_keys(instance.spec)),
            config_maps=MappingProxyType(dict(config_maps)),
            now=now,
        )

    def _secrets_of(
        self, instance: Instance, wanted: Iterable[tuple[str, str, str]]
    ) -> Mapping[str, Secret]:
        secrets = {
            name: self._secrets.get(ObjectKey(SECRET.name, instance.namespace, name))
            for name, _, _ in wanted
        }
        return MappingProxyType(
            {name: secret for name, secret in secrets.items() if secret is not None}
        )

    def _observe_resource(self, key: ObjectKey, version: str) -> Affected:
        before = self._resources.get(key)
        if before is not None and before.resource_version == version:
            return NO_RESOURCES
        self._resources[key] = Resource(resource_version=version)
        affected = self._with_exports(key)
        # Our own write of the status is no reason for another pass over the same resource. The
        # exports of an instance wait for its migration, which its status reports.
        return affected - {key} if self._status_versions.get(key) == version else affected

    def _records(self, kind: str) -> Mapping[ObjectKey, Record]:
        if kind in (INSTANCE.name, EXPORT.name):
            return self._resources
        if kind == SECRET.name:
            return self._secrets
        return self._pods if kind == POD.name else self._children.records

    def _with_exports(self, key: ObjectKey) -> Affected:
        exports = (export for export, target in self._export_targets.items() if target == key)
        return frozenset({key, *exports})

    def _users_of_secret(self, secret: ObjectKey) -> Affected:
        users = (
            self._with_exports(key)
            for key, instance in self._instances.items()
            if key.namespace == secret.namespace
            and any(
                name == secret.name for name, _, _ in references.export_secret_keys(instance.spec)
            )
        )
        return frozenset().union(*users)

    def _users_of_pod(self, pod: Pod) -> Affected:
        if pod.component in OF_EXPORTS:
            job = self._children.get(ObjectKey(JOB.name, pod.namespace, pod.job or ""))
            return NO_RESOURCES if job is None else _owner(job)
        return frozenset(
            key
            for key in self._instances
            if key.namespace == pod.namespace and instance_label(key.name) == pod.instance_label
        )


def _owner(child: Child) -> Affected:
    return frozenset({ObjectKey(child.owner_kind, child.key.namespace, child.owner_name)})
