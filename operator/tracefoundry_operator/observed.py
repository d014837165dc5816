"""What the operator knows of the cluster: slim records, kept up to date by its watches.

Whole objects would take ten times the memory and nothing more is needed: which children there are,
whether they differ, how many pods are ready, which Secrets exist in which version. Values of
Secrets are never kept, only the names of their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracefoundry_operator import ownership
from tracefoundry_operator.api.instance import KIND
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.manifests.rendering import TEMPLATE_CHECKSUM

INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """Pods of a Deployment or StatefulSet, as its controller counted them."""

    generation: int
    observed_generation: int
    desired: int
    updated: int
    ready: int
    problem: str | None
    """Why its pods cannot be made or do not become ready, in words of Kubernetes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How far a Job is."""

    complete: bool
    failed: bool
    message: str
    finished_at: str | None
    """RFC 3339; of the condition that ended it."""
    started_at: str | None = None
    """RFC 3339; since when its controller makes pods."""
    active: int = 0
    """Pods that have not ended."""
    ended: int = 0
    """Pods that have ended, however."""

    @property
    def running(self) -> bool:
        """It has neither succeeded nor failed for good."""
        return not (self.complete or self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An object that belongs to an instance."""

    key: ObjectKey
    uid: str
    owner_uid: str
    owner_name: str
    resource_version: str
    owned_digest: str | None
    owns_replicas: bool
    deleting: bool
    state: WorkloadState | JobState | None
    template: str | None = None
    """Checksum of the pod template that a Job was made with; None when it does not say."""
    suspended: bool = False
    """Of a CronJob: it starts no Jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of an instance."""

    namespace: str
    name: str
    resource_version: str
    instance_label: str
    component: str
    job: str | None
    address: str | None
    problem: str | None
    """Why it does not run, in words of Kubernetes."""
    message: str | None
    """What its failed container left as termination message."""
    created_at: str = ""
    """RFC 3339."""
    started: bool = True
    """A container of it runs or ran; False only where that is certain."""

    @property
    def told(self) -> tuple[str | None, ...]:
        """What a status may tell of it; other changes concern nobody."""
        return self.address, self.problem, self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret: its version, and the keys that hold something."""

    resource_version: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """A ConfigMap of the user: its version, and the keys that hold something."""

    resource_version: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What concerns one instance, at one moment."""

    children: Mapping[ObjectKey, Child]
    pods: tuple[Pod, ...]
    secrets: Mapping[str, Secret]
    config_maps: Mapping[str, ConfigMap]
    """By name, of those that the spec names and that exist."""


class Observed:
    """The records of all instances."""

    def __init__(self) -> None:
        self.children: dict[ObjectKey, Child] = {}
        self.pods: dict[ObjectKey, Pod] = {}
        self.secrets: defaultdict[str, dict[str, Secret]] = defaultdict(dict)
        self._by_owner: defaultdict[str, set[ObjectKey]] = defaultdict(set)

    def put_child(self, child: Child) -> bool:
        """Take a child in; False when it is known in this very version."""
        known = self.children.get(child.key)
        if known is not None and known.owner_uid != child.owner_uid:
            self.drop_child(child.key)
        self.children[child.key] = child
        self._by_owner[child.owner_uid].add(child.key)
        return known is None or known.resource_version != child.resource_version

    def drop_child(self, key: ObjectKey) -> Child | None:
        """Forget a child; the record that was known."""
        known = self.children.pop(key, None)
        if known is not None:
            keys = self._by_owner[known.owner_uid]
            keys.discard(key)
            if not keys:
                del self._by_owner[known.owner_uid]
        return known

    def view(
        self, *, uid: str, namespace: str, label: str, config_maps: Mapping[str, ConfigMap]
    ) -> View:
        """What concerns the instance with this uid and value of the instance label."""
        return View(
            children={key: self.children[key] for key in sorted(self._by_owner.get(uid, ()))},
            pods=tuple(
                pod
                for key, pod in sorted(self.pods.items())
                if key.namespace == namespace and pod.instance_label == label
            ),
            secrets=dict(self.secrets.get(namespace, {})),
            config_maps=config_maps,
        )


def read_child(kind: str, body: Mapping[str, Any]) -> Child | None:
    """The record of an object; None when no TraceFoundry is its controller."""
    metadata = body["metadata"]
    owner = controller_of(metadata)
    if owner is None or owner.get("kind") != KIND:
        return None
    return Child(
        key=ObjectKey(kind, metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        owner_uid=owner["uid"],
        owner_name=owner["name"],
        resource_version=metadata["resourceVersion"],
        owned_digest=ownership.owned_digest(body),
        owns_replicas=ownership.owns_replicas(body),
        deleting="deletionTimestamp" in metadata,
        state=_state(kind, body),
        template=metadata.get("annotations", {}).get(TEMPLATE_CHECKSUM),
        suspended=kind == "CronJob" and bool(body.get("spec", {}).get("suspend")),
    )


def controller_of(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner that controls an object."""
    for owner in metadata.get("ownerReferences", ()):
        if owner.get("controller"):
            found: Mapping[str, Any] = owner
            return found
    return None


def read_pod(body: Mapping[str, Any]) -> Pod:
    """The record of a pod."""
    metadata = body["metadata"]
    labels = metadata.get("labels", {})
    status = body.get("status", {})
    gone = status.get("phase") in ("Succeeded", "Failed") or "deletionTimestamp" in metadata
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        instance_label=labels.get(INSTANCE_LABEL, ""),
        component=labels.get(COMPONENT_LABEL, ""),
        job=labels.get("batch.kubernetes.io/job-name") or labels.get("job-name"),
        address=None if gone else status.get("podIP"),
        problem=_pod_problem(status),
        message=_termination_message(status),
        created_at=metadata.get("creationTimestamp", ""),
        started=_started(status),
    )


def read_secret(body: Mapping[str, Any]) -> Secret:
    """The record of a Secret, without its values."""
    data = body.get("data") or {}
    return Secret(
        resource_version=body["metadata"]["resourceVersion"],
        keys=frozenset(key for key, value in data.items() if value),
    )


def read_config_map(body: Mapping[str, Any]) -> ConfigMap:
    """The record of a ConfigMap, without its values."""
    values = {**(body.get("data") or {}), **(body.get("binaryData") or {})}
    return ConfigMap(
        resource_version=body["metadata"]["resourceVersion"],
        keys=frozenset(key for key, value in values.items() if value),
    )


def _state(kind: str, body: Mapping[str, Any]) -> WorkloadState | JobState | None:
    if kind in ("Deployment", "StatefulSet"):
        return _workload(body)
    if kind == "Job":
        return _job(body)
    return None


def _workload(body: Mapping[str, Any]) -> WorkloadState:
    status = body.get("status", {})
    return WorkloadState(
        generation=body["metadata"].get("generation", 1),
        observed_generation=status.get("observedGeneration", 0),
        desired=body.get("spec", {}).get("replicas", 1),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        problem=next(_workload_problems(status.get("conditions", ())), None),
    )


def _workload_problems(conditions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for condition in conditions:
        kind, status = condition.get("type"), condition.get("status")
        if (kind == "ReplicaFailure" and status == "True") or (
            kind == "Progressing"
            and status == "False"
            and condition.get("reason") == "ProgressDeadlineExceeded"
        ):
            yield f"{condition.get('reason')}: {condition.get('message')}"


def _job(body: Mapping[str, Any]) -> JobState:
    status = body.get("status", {})
    uncounted = status.get("uncountedTerminatedPods") or {}
    ended = [
        condition
        for condition in status.get("conditions", ())
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True"
    ]
    last = ended[-1] if ended else {}
    return JobState(
        complete=last.get("type") == "Complete",
        failed=last.get("type") == "Failed",
        message=last.get("message", ""),
        finished_at=last.get("lastTransitionTime"),
        started_at=status.get("startTime"),
        active=status.get("active", 0) + status.get("terminating", 0),
        ended=status.get("failed", 0)
        + status.get("succeeded", 0)
        + sum(len(uncounted.get(outcome) or ()) for outcome in ("failed", "succeeded")),
    )


def _pod_problem(status: Mapping[str, Any]) -> str | None:
    for container in status.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing", None):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for condition in status.get("conditions", ()):
        if condition.get("reason") == "Unschedulable":
            return f"Unschedulable: {condition.get('message', '')}"
    return None


def _termination_message(status: Mapping[str, Any]) -> str | None:
    for container in status.get("containerStatuses", ()):
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated", {})
            if ended.get("message") and ended.get("exitCode") != 0:
                return str(ended["message"])
    return None


def _started(status: Mapping[str, Any]) -> bool:
    if status.get("phase", "Pending") != "Pending":
        return True
    return any(
        "running" in state or "terminated" in state
        for container in status.get("containerStatuses", ())
        for state in (container.get("state", {}), container.get("lastState", {}))
    )
