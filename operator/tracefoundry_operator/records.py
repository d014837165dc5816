"""Records: the few facts that the operator keeps of each Kubernetes object.

Whole objects would take ten times the memory, and these facts are all that plans and statuses need:
which children exist, whether they differ from what is rendered, how many pods are ready, which
Secrets exist in which version. Values of Secrets are never kept, only the names of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracefoundry_operator import ownership
from tracefoundry_operator.api import export, instance
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.manifests.rendering import TEMPLATE_CHECKSUM
from tracefoundry_operator.pod_records import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """The pods of a Deployment or StatefulSet, as counted by its controller."""

    generation: int
    observed_generation: int
    desired: int
    updated: int
    ready: int
    problem: str | None
    """Why its pods cannot be created or do not become ready: reason and message of Kubernetes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """The progress of a Job."""

    complete: bool
    failed: bool
    message: str
    finished_at: str | None
    """RFC 3339; the transition time of its Complete or Failed condition."""
    started_at: str | None = None
    """RFC 3339; when its controller began to create pods."""
    active: int = 0
    """Pods that have not terminated."""
    ended: int = 0
    """Pods that have terminated, successfully or not."""
    reason: str = ""
    """Reason of its Failed condition, one word."""

    @property
    def running(self) -> bool:
        """Whether it has neither completed nor failed."""
        return not (self.complete or self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An object whose controller is a TraceFoundry or a TraceExport."""

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
    """A Job's annotation with the checksum of its pod template; None when it has none."""
    suspended: bool = False
    """A CronJob's ``spec.suspend``: it starts no Jobs."""
    owner_kind: str = instance.KIND
    expires: bool = False
    """A Job that has a time to live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret: its version, and the keys with a value that is not empty."""

    uid: str
    resource_version: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """A ConfigMap of the user: its version, and the keys with a value that is not empty."""

    resource_version: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A TraceFoundry or TraceExport; each pass reads it again, so only its version is kept."""

    resource_version: str


Record = Child | Pod | Secret | Resource


def read_child(kind: str, body: Mapping[str, Any]) -> Child | None:
    """The record of an object; None when its controller is not one of our resources."""
    metadata = body["metadata"]
    owner = controller_of(metadata)
    if owner is None or owner.get("kind") not in (instance.KIND, export.KIND):
        return None
    return Child(
        key=ObjectKey(kind, metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        owner_uid=owner["uid"],
        owner_name=owner["name"],
        owner_kind=owner["kind"],
        resource_version=metadata["resourceVersion"],
        owned_digest=ownership.owned_digest(body),
        owns_replicas=ownership.owns_replicas(body),
        deleting="deletionTimestamp" in metadata,
        state=_state(kind, body),
        template=metadata.get("annotations", {}).get(TEMPLATE_CHECKSUM),
        suspended=kind == "CronJob" and bool(body.get("spec", {}).get("suspend")),
        expires=kind == "Job" and "ttlSecondsAfterFinished" in body.get("spec", {}),
    )


def controller_of(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference with ``controller: true``; None when there is none."""
    for owner in metadata.get("ownerReferences", ()):
        if owner.get("controller"):
            found: Mapping[str, Any] = owner
            return found
    return None


def read_secret(body: Mapping[str, Any]) -> Secret:
    """The record of a Secret, without its values."""
    data = body.get("data") or {}
    return Secret(
        uid=body["metadata"]["uid"],
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
        reason=last.get("reason", ""),
        finished_at=last.get("lastTransitionTime"),
        started_at=status.get("startTime"),
        active=status.get("active", 0) + status.get("terminating", 0),
        ended=status.get("failed", 0)
        + status.get("succeeded", 0)
        + sum(len(uncounted.get(outcome) or ()) for outcome in ("failed", "succeeded")),
    )
