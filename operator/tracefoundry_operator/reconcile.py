"""What has to be done so that an instance is as its spec says: a pure function of both.

The order is: what pods need, then the migration Job, then the roll-out. As long as the roll-out
waits, for a Secret or for the migration, nothing that runs is touched: the old pods go on serving.
A second pass over the same state asks for nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracefoundry_operator import kinds, ownership, references
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests import instance as manifests
from tracefoundry_operator.manifests.rendering import TEMPLATE_CHECKSUM, Manifest, Rendering
from tracefoundry_operator.observed import Child, JobState, View, WorkloadState
from tracefoundry_operator.settings import Settings

PODS_COME_WITHIN = dt.timedelta(minutes=1)
"""A Job without a pod after this long has none because the cluster refuses to make it."""

RETRY_MIGRATION_AFTER = dt.timedelta(minutes=10)
"""A failed migration Job is made again after this long: a database may be away for a while, and
nobody should have to delete a Job by hand."""

_BASE_KINDS = frozenset(kind.name for kind in kinds.BASE)


@dataclass(frozen=True, slots=True)
class Apply:
    """Make the object like this. ``known``: it was seen, and belongs to the instance."""

    manifest: Manifest
    known: bool


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give the number of pods to an autoscaler, keeping the present number."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Suspend:
    """Let this very CronJob start no more Jobs; all else of it stays as it is."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Create:
    """Make the object if there is none; it is never changed."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete this very object."""

    child: Child


Action = Apply | HandOver | Suspend | Create | Delete


class Migration(StrEnum):
    """How far the migration for the present inputs is."""

    WAITING = "waiting"  # for something that is missing
    SUSPENDED = "suspended"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, and what was found on the way.

    Attributes:
        actions: in this order.
        missing: what the spec refers to and is not there.
        migration: how far it is; None when the instance is not managed.
        migration_job: the Job for the present inputs.
        version: that the spec asks for.
        unavailable: kinds that were asked for and that the cluster does not know.
        rendered: keys of all objects that the spec asks for.
    """

    actions: tuple[Action, ...]
    missing: tuple[str, ...]
    migration: Migration | None
    migration_job: str
    version: str
    unavailable: tuple[str, ...]
    rendered: frozenset[ObjectKey]


def make_rendering(instance: Instance, settings: Settings, view: View) -> Rendering:
    """What the renderers get."""
    return Rendering(
        instance=instance,
        version=settings.version(instance.spec),
        services=settings.services_image(instance.spec),
        collector=settings.collector(instance.spec),
        secret_versions={name: secret.resource_version for name, secret in view.secrets.items()},
        config_map_versions={
            name: each.resource_version for name, each in view.config_maps.items()
        },
        operator_namespace=settings.namespace,
    )


def plan(
    instance: Instance,
    settings: Settings,
    view: View,
    *,
    applied: Mapping[ObjectKey, tuple[str, str]],
    known_kinds: frozenset[str],
    now: dt.datetime,
) -> Plan:
    """What to do for an instance.

    Args:
        instance: the resource.
        settings: of the operator.
        view: what is known of its children, Secrets and ConfigMaps.
        applied: digest and resourceVersion of what this process applied last, by object.
        known_kinds: kinds that the cluster knows and the operator watches.
        now: to tell when a failed Job is made again.

    Raises:
        InvalidName: the instance's name or version cannot be used.
    """
    stages = manifests.render(make_rendering(instance, settings, view))
    rollout = [each for each in stages.rollout if each["kind"] in known_kinds]
    unavailable = sorted({each["kind"] for each in stages.rollout} - known_kinds)
    rendered = frozenset(map(key_of, (*stages.base, stages.migration, *rollout)))
    absent = references.missing(instance.spec, view)
    job_key = key_of(stages.migration)

    def plan_of(actions: tuple[Action, ...], migration: Migration | None) -> Plan:
        return Plan(
            actions=actions,
            missing=absent,
            migration=migration,
            migration_job=job_key.name,
            version=settings.version(instance.spec),
            unavailable=tuple(unavailable),
            rendered=rendered,
        )

    if instance.spec.management_state == "Unmanaged":
        return plan_of((), None)

    suspensions = _suspend(view) if instance.spec.suspend else []
    base = [action for manifest in stages.base for action in _converge(manifest, view, applied)]
    job = view.children.get(job_key)
    migration = _migration(job, missing=bool(absent), suspended=instance.spec.suspend)
    remake = not instance.spec.suspend and _can_be_remade(stages.migration, job, view, now)
    actions: list[Action] = [
        *suspensions,
        *base,
        *_job_actions(stages.migration, job, migration, now, remake=remake),
    ]
    if migration is Migration.COMPLETE:
        for manifest in rollout:
            actions += _converge(manifest, view, applied)
    actions += _prune(view, rendered, rolled_out=migration is Migration.COMPLETE, now=now)
    return plan_of(tuple(actions), migration)


def _converge(
    manifest: Manifest, view: View, applied: Mapping[ObjectKey, tuple[str, str]]
) -> list[Action]:
    key = key_of(manifest)
    child = view.children.get(key)
    if child is None:
        return [Apply(manifest, known=False)]
    if child.deleting:
        # It will be made anew when it is gone; what is applied now would go with it.
        return []
    digest = ownership.rendered_digest(manifest)
    if child.owned_digest == digest or applied.get(key) == (digest, child.resource_version):
        return []
    actions: list[Action] = []
    state = child.state
    if (
        isinstance(state, WorkloadState)
        and child.owns_replicas
        and "replicas" not in manifest["spec"]
    ):
        # Dropping the field at once would set it to 1 before the autoscaler acts.
        actions.append(
            HandOver(
                {
                    "apiVersion": manifest["apiVersion"],
                    "kind": manifest["kind"],
                    "metadata": {"name": key.name, "namespace": key.namespace},
                    "spec": {"replicas": state.desired},
                }
            )
        )
    return [*actions, Apply(manifest, known=True)]


def _suspend(view: View) -> list[Action]:
    """Retention is to stop whatever the roll-out waits for, and as it is: not in a new version."""
    return [
        Suspend(
            {
                "apiVersion": kinds.BY_NAME[key.kind].api_version,
                "kind": key.kind,
                # With the uid, nothing is made where the CronJob was deleted meanwhile.
                "metadata": {"name": key.name, "namespace": key.namespace, "uid": child.uid},
                "spec": {"suspend": True},
            }
        )
        for key, child in view.children.items()
        if key.kind == "CronJob" and not child.suspended and not child.deleting
    ]


def _migration(job: Child | None, *, missing: bool, suspended: bool) -> Migration:
    state = job.state if job is not None and not job.deleting else None
    if missing:
        return Migration.WAITING
    if isinstance(state, JobState):
        if state.complete:
            return Migration.COMPLETE
        return Migration.FAILED if state.failed else Migration.RUNNING
    return Migration.SUSPENDED if suspended else Migration.RUNNING


def _job_actions(
    manifest: Manifest,
    job: Child | None,
    migration: Migration,
    now: dt.datetime,
    *,
    remake: bool,
) -> list[Action]:
    if job is None:
        return [Create(manifest)] if migration is Migration.RUNNING else []
    if migration is Migration.RUNNING and remake:
        return [Delete(job)]
    state = job.state
    if (
        migration is Migration.FAILED
        and isinstance(state, JobState)
        and state.finished_at is not None
        and now - dt.datetime.fromisoformat(state.finished_at) > RETRY_MIGRATION_AFTER
    ):
        return [Delete(job)]
    return []


def _can_be_remade(manifest: Manifest, job: Child | None, view: View, now: dt.datetime) -> bool:
    """Whether the Job never started, and another one would be made now.

    What keeps its pods from starting (a pull secret, a toleration) is not part of its name, since
    a finished migration must not run again for it.
    """
    return (
        job is not None
        and not job.deleting
        and job.template != manifest["metadata"]["annotations"][TEMPLATE_CHECKSUM]
        and _never_started(job, view, now)
    )


def _never_started(job: Child, view: View, now: dt.datetime) -> bool:
    """Whether no container of a running Job ever started, as far as that is certain."""
    state = job.state
    if not isinstance(state, JobState) or not state.running or state.ended:
        return False
    pods = [pod for pod in view.pods if pod.job == job.key.name]
    if pods:
        return not any(pod.started for pod in pods)
    return (
        not state.active
        and state.started_at is not None
        and now - dt.datetime.fromisoformat(state.started_at) > PODS_COME_WITHIN
    )


def _prune(
    view: View, rendered: frozenset[ObjectKey], *, rolled_out: bool, now: dt.datetime
) -> list[Action]:
    """Children that the spec asks for no more.

    A running Job is left to end unless it never started. While the roll-out waits, only what no
    pod runs from is pruned.
    """
    found: list[Action] = []
    for key, child in view.children.items():
        if key in rendered or child.deleting:
            continue
        if isinstance(child.state, JobState) and child.state.running:
            if _never_started(child, view, now):
                found.append(Delete(child))
            continue
        if rolled_out or key.kind in _BASE_KINDS:
            found.append(Delete(child))
    return found
