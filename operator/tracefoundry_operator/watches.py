"""Turns what watches and lists deliver into records, and wakes the resources that it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tracefoundry_operator import references
from tracefoundry_operator.cluster import Body
from tracefoundry_operator.kinds import (
    EXPORT,
    INSTANCE,
    POD,
    SECRET,
    InstanceKey,
    Kind,
    ObjectKey,
)
from tracefoundry_operator.metrics import Stopwatch
from tracefoundry_operator.names import APPLICATION, MANAGER, InvalidName
from tracefoundry_operator.observed import (
    Child,
    Observed,
    Pod,
    Secret,
    read_child,
    read_pod,
    read_secret,
)
from tracefoundry_operator.passes import Passes, instance_label
from tracefoundry_operator.resync import Watched

SELECTOR = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/part-of={APPLICATION}"
"""Labels of all children; watches and lists of other people's objects would cost memory."""


class Wakes(Protocol):
    """What can be told that a resource needs a pass."""

    def wake(self, key: InstanceKey) -> None:
        """Run a pass over this resource soon."""


class Watches:
    """The records, and whom their changes concern."""

    def __init__(
        self, observed: Observed, passes: Passes, *, instances: Wakes, exports: Wakes
    ) -> None:
        self._observed = observed
        self._passes = passes
        self._wakes = {INSTANCE.name: instances, EXPORT.name: exports}
        self._resources: dict[ObjectKey, str] = {}
        self.ages: dict[str, Stopwatch] = {}
        """Since a watch delivered anything, by kind."""
        self.told: Callable[[Kind, str], None] = lambda kind, namespace: None
        """Called for what a watch delivered, with its kind and namespace."""

    def event(self, kind: Kind, type_: str | None, body: Body) -> None:
        """Take in what a watch delivered. ``type_`` is None for what was there at its start."""
        self.ages[kind.name].reset()
        self.told(kind, body["metadata"]["namespace"])
        if type_ == "DELETED":
            self.drop(kind, _key(kind, body))
        else:
            self.take_in(kind, body)

    def take_in(self, kind: Kind, body: Body) -> None:
        """Note an object, and wake whom it concerns if it is new or changed."""
        if kind in (INSTANCE, EXPORT):
            self._take_in_resource(kind, body)
        elif kind == SECRET:
            self._take_in_secret(body)
        elif kind == POD:
            self._take_in_pod(body)
        else:
            child = read_child(kind.name, body)
            if child is not None and self._observed.put_child(child):
                self._wake_instance(InstanceKey(child.key.namespace, child.owner_name))

    def drop(self, kind: Kind, key: ObjectKey) -> None:
        """Forget an object, and wake whom it concerns."""
        if kind in (INSTANCE, EXPORT):
            self._resources.pop(key, None)
            self._wake_resource(kind, InstanceKey(key.namespace, key.name))
        elif kind == SECRET:
            if self._observed.secrets[key.namespace].pop(key.name, None) is not None:
                self._wake_users(key.namespace, key.name)
        elif kind == POD:
            pod = self._observed.pods.pop(key, None)
            if pod is not None:
                self._wake_labelled(key.namespace, pod.instance_label)
        else:
            child = self._observed.drop_child(key)
            if child is not None:
                self._wake_instance(InstanceKey(key.namespace, child.owner_name))

    def watched(self, kinds: tuple[Kind, ...]) -> tuple[Watched, ...]:
        """All kinds with their records, for comparison; resources last, when all else is known."""
        everything = (SECRET, POD, *kinds, INSTANCE, EXPORT)
        self.ages.update({kind.name: Stopwatch() for kind in everything})
        return tuple(self._watched(kind) for kind in everything)

    def _watched(self, kind: Kind) -> Watched:
        return Watched(
            kind=kind,
            selector=None if kind in (SECRET, INSTANCE, EXPORT) else SELECTOR,
            concerns=lambda body: (
                kind in (SECRET, POD, INSTANCE, EXPORT) or read_child(kind.name, body) is not None
            ),
            versions=lambda: self._versions(kind),
            version=self._version,
            take_in=lambda body: self.take_in(kind, body),
            drop=lambda key: self.drop(kind, key),
        )

    def _versions(self, kind: Kind) -> dict[ObjectKey, str]:
        if kind in (INSTANCE, EXPORT):
            return {
                key: version for key, version in self._resources.items() if key.kind == kind.name
            }
        if kind == SECRET:
            return {
                ObjectKey(kind.name, namespace, name): secret.resource_version
                for namespace, secrets in self._observed.secrets.items()
                for name, secret in secrets.items()
            }
        if kind == POD:
            return {key: pod.resource_version for key, pod in self._observed.pods.items()}
        return {
            key: child.resource_version
            for key, child in self._observed.children.items()
            if key.kind == kind.name
        }

    def _version(self, key: ObjectKey) -> str | None:
        if key.kind in (INSTANCE.name, EXPORT.name):
            return self._resources.get(key)
        record: Secret | Pod | Child | None
        if key.kind == SECRET.name:
            record = self._observed.secrets.get(key.namespace, {}).get(key.name)
        elif key.kind == POD.name:
            record = self._observed.pods.get(key)
        else:
            record = self._observed.children.get(key)
        return record.resource_version if record is not None else None

    def _take_in_resource(self, kind: Kind, body: Body) -> None:
        key = _key(kind, body)
        version = body["metadata"]["resourceVersion"]
        resource = InstanceKey(key.namespace, key.name)
        if self._resources.get(key) == version:
            return
        self._resources[key] = version
        if self._passes.written.get((kind.name, resource)) != version:
            self._wake_resource(kind, resource)

    def _take_in_secret(self, body: Body) -> None:
        metadata = body["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        secret = read_secret(body)
        if self._observed.secrets[namespace].get(name) != secret:
            self._observed.secrets[namespace][name] = secret
            self._wake_users(namespace, name)

    def _take_in_pod(self, body: Body) -> None:
        pod = read_pod(body)
        key = ObjectKey(POD.name, pod.namespace, pod.name)
        before = self._observed.pods.get(key)
        self._observed.pods[key] = pod
        if before is None or before.told != pod.told:
            self._wake_labelled(pod.namespace, pod.instance_label)

    def _wake_resource(self, kind: Kind, key: InstanceKey) -> None:
        self._wakes[kind.name].wake(key)
        if kind == INSTANCE:
            for export, target in self._passes.export_targets.items():
                if target == key:
                    self._wakes[EXPORT.name].wake(export)

    def _wake_instance(self, key: InstanceKey) -> None:
        self._wakes[INSTANCE.name].wake(key)

    def _wake_users(self, namespace: str, secret: str) -> None:
        for key, instance in self._passes.instances.items():
            if key.namespace == namespace and any(
                name == secret for name, _, _ in references.secret_keys(instance.spec)
            ):
                self._wake_instance(key)

    def _wake_labelled(self, namespace: str, label: str) -> None:
        for key in self._passes.instances:
            if key.namespace == namespace and _has_label(key.name, label):
                self._wake_instance(key)


def _has_label(name: str, label: str) -> bool:
    try:
        return instance_label(name) == label
    except InvalidName:
        return False


def _key(kind: Kind, body: Body) -> ObjectKey:
    return ObjectKey(kind.name, body["metadata"]["namespace"], body["metadata"]["name"])
