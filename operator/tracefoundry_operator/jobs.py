"""Jobs: work that runs once for given inputs.

A Job is named by a hash of its inputs (:mod:`~tracefoundry_operator.manifests.jobs`). It is created
once and never updated: other inputs make another Job, and a restarted operator creates no second
one. A finished Job does not run again for the same inputs. Why a Job fails is read from its pods.

Migrations, exports and replays use this. Everything here is
pure: it decides from what is known, and returns actions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tracefoundry_operator.actions import Action, Create, Delete
from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests.rendering import TEMPLATE_CHECKSUM, Manifest
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.records import (
    Child,
    JobState,
)

PODS_CREATED_WITHIN = dt.timedelta(minutes=1)
"""If a Job has no pod after this time, the cluster refuses to create it (quota, admission)."""


class Known(Protocol):
    """What is known of a resource's children; a snapshot of a resource."""

    @property
    def children(self) -> Mapping[ObjectKey, Child]:
        """Objects of the resource."""

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Pods of the resource."""

    @property
    def now(self) -> dt.datetime:
        """The time of the pass."""


class Phase(StrEnum):
    """The progress of the Job for the present inputs."""

    BLOCKED = "blocked"  # something that it needs does not exist
    SUSPENDED = "suspended"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETE = "complete"
    FINISHED = "finished"  # earlier, and the Job was deleted since


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What to do about a Job.

    Attributes:
        name: of the Job.
        phase: its progress.
        actions: what to do now, if anything.
    """

    name: str
    phase: Phase
    actions: tuple[Action, ...]


def run(
    manifest: Manifest,
    known: Known,
    *,
    blocked: bool = False,
    suspended: bool = False,
    retry_after: dt.timedelta | None = None,
    finished: Collection[str] = (),
) -> Run:
    """What to do about the Job for the present inputs.

    Args:
        manifest: the Job as it would be created now.
        known: children and pods of the resource.
        blocked: something that the Job needs does not exist.
        suspended: no Job may be created.
        retry_after: a failed Job is deleted after this time, and the next pass creates it again;
            None: it stays failed.
        finished: names of Jobs that are recorded as finished. They are not created again, so that
            a Job can be deleted after its time to live.
    """
    key = key_of(manifest)
    job = known.children.get(key)
    phase = _phase(job, blocked=blocked, suspended=suspended, finished=key.name in finished)
    return Run(
        name=key.name,
        phase=phase,
        actions=tuple(_actions(manifest, job, phase, known, suspended, retry_after)),
    )


def _phase(job: Child | None, *, blocked: bool, suspended: bool, finished: bool) -> Phase:
    if blocked:
        return Phase.BLOCKED
    if job is not None and not job.deleting and isinstance(job.state, JobState):
        if job.state.complete:
            return Phase.COMPLETE
        return Phase.FAILED if job.state.failed else Phase.RUNNING
    if finished:
        return Phase.FINISHED
    return Phase.SUSPENDED if suspended else Phase.RUNNING


def _actions(
    manifest: Manifest,
    job: Child | None,
    phase: Phase,
    known: Known,
    suspended: bool,
    retry_after: dt.timedelta | None,
) -> list[Action]:
    if job is None:
        return [Create(manifest)] if phase is Phase.RUNNING else []
    if job.deleting:
        return []
    if phase is Phase.RUNNING:
        # What prevents pods from starting (a pull secret, a toleration) is not part of the hash of
        # the inputs: a finished Job must not run again for it. The template's checksum covers it.
        changed = job.template != manifest["metadata"]["annotations"][TEMPLATE_CHECKSUM]
        if changed and not suspended and never_started(job, known):
            return [Delete(job)]
    if phase is Phase.FAILED and retry_after is not None:
        assert isinstance(job.state, JobState)  # noqa: S101 - for the type checker: it has failed
        finished_at = job.state.finished_at
        if finished_at is not None and _age(finished_at, known.now) > retry_after:
            return [Delete(job)]
    return []


def never_started(job: Child, known: Known) -> bool:
    """Whether it is certain that no container of a running Job ever started."""
    state = job.state
    if not isinstance(state, JobState) or not state.running or state.ended:
        return False
    pods = [pod for pod in known.pods if pod.job == job.key.name]
    if pods:
        return not any(pod.started for pod in pods)
    return (
        not state.active
        and state.started_at is not None
        and _age(state.started_at, known.now) > PODS_CREATED_WITHIN
    )


def pod_failure(name: str, known: Known) -> str | None:
    """Termination message of the newest failed pod of a Job; None when no pod left one.

    It is reported after the first failed attempt, not only when the Job gives up: a wrong password
    can then be corrected at once.
    """
    messages = [
        (pod.created_at, pod.message) for pod in known.pods if pod.job == name and pod.message
    ]
    return max(messages)[1].strip() if messages else None


def job_failure(name: str, known: Known) -> str | None:
    """Why a Job failed: the message of its pods, else of its Failed condition."""
    message = pod_failure(name, known)
    if message is not None:
        return message
    for key, child in known.children.items():
        if key.name == name and isinstance(child.state, JobState):
            return child.state.message
    return None


def _age(timestamp: str, now: dt.datetime) -> dt.timedelta:
    return now - dt.datetime.fromisoformat(timestamp)
