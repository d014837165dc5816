"""The record of a pod: what a status reports of it.

In the pod of a re-run a sidecar of ours reports, and the other container is an agent of the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracefoundry_operator.manifests.rerun_job import AGENT, SIDECAR
from tracefoundry_operator.names import COMPONENT_LABEL, INSTANCE_LABEL

_NOT_STARTED = ("StartError", "ContainerCannotRun")
"""Reasons of containers whose process was never started: their message is that of the runtime."""


class Exit(NamedTuple):
    """The end of a container."""

    status: int
    reason: str
    """Of Kubernetes, such as ``Completed``, ``Error`` or ``OOMKilled``."""
    message: str = ""
    """Of Kubernetes, why it could not be started. What the container wrote itself may be content
    of traces, and is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of an instance."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    instance_label: str
    component: str
    job: str | None
    address: str | None
    problem: str | None
    """Why it does not run: reason and message of Kubernetes."""
    message: str | None
    """Termination message of its failed container, or why it was evicted."""
    result: str | None = None
    """Termination message of its container that succeeded."""
    created_at: str = ""
    """RFC 3339."""
    started: bool = True
    """Whether a container runs or ran; False only when certainly none ever did."""
    exit: Exit | None = None
    """How the agent of a re-run ended, if it has ended."""

    @property
    def reported(self) -> tuple[object, ...]:
        """The fields that a status depends on; a change of anything else needs no pass."""
        return self.address, self.problem, self.message, self.result, self.exit


def read_pod(body: Mapping[str, Any]) -> Pod:
    """The record of a pod."""
    metadata = body["metadata"]
    labels = metadata.get("labels", {})
    status = body.get("status", {})
    gone = status.get("phase") in ("Succeeded", "Failed") or "deletionTimestamp" in metadata
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        instance_label=labels.get(INSTANCE_LABEL, ""),
        component=labels.get(COMPONENT_LABEL, ""),
        job=labels.get("batch.kubernetes.io/job-name") or labels.get("job-name"),
        address=None if gone else status.get("podIP"),
        problem=_pod_problem(status),
        message=_failure_message(status),
        result=_termination_message(status, failed=False),
        created_at=metadata.get("creationTimestamp", ""),
        started=_started(status),
        exit=_exit(status),
    )


def _sidecar(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The container of ours beside an agent, if this is the pod of a re-run. Other init containers
    may be those of a service mesh."""
    return (each for each in status.get("initContainerStatuses", ()) if each.get("name") == SIDECAR)


def _exit(status: Mapping[str, Any]) -> Exit | None:
    for container in status.get("containerStatuses", ()):
        ended = container.get("state", {}).get("terminated")
        if ended and container.get("name") == AGENT:
            reason = ended.get("reason", "")
            message = ended.get("message", "") if reason in _NOT_STARTED else ""
            return Exit(ended.get("exitCode", 0), reason, message)
    return None


def _pod_problem(status: Mapping[str, Any]) -> str | None:
    for container in (*_sidecar(status), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing", None):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for condition in status.get("conditions", ()):
        if condition.get("reason") == "Unschedulable":
            return f"Unschedulable: {condition.get('message', '')}"
    return None


def _failure_message(status: Mapping[str, Any]) -> str | None:
    """Why the pod failed; a pod that was evicted has no termination message."""
    ended = _termination_message(status, failed=True)
    if ended is None and status.get("phase") == "Failed" and status.get("message"):
        return f"{status.get('reason', 'Failed')}: {status['message']}"
    return ended


def _termination_message(status: Mapping[str, Any], *, failed: bool) -> str | None:
    """What the pod reports. Where there is a sidecar of ours, the other container is the user's and
    its message could be anything."""
    for container in tuple(_sidecar(status)) or status.get("containerStatuses", ()):
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated", {})
            if ended.get("message") and (ended.get("exitCode") != 0) == failed:
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
