"""The plan: what to do so that an instance becomes what its spec asks for. A pure function.

The order is: what pods need, then the migration Job, then the roll-out. While the roll-out waits
for a Secret or for the migration, running pods are not touched and go on serving. A second pass
over the same state plans nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from tracefoundry_operator import jobs, kinds, ownership, references
from tracefoundry_operator.actions import Action, Apply, Delete, HandOver, Suspend
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests import instance as manifests
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.records import JobState, WorkloadState
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.snapshot import Applied, Snapshot

RETRY_MIGRATION_AFTER = dt.timedelta(minutes=10)
"""A failed migration Job is created again after this time: a database may be unavailable for a
while, and no Job should have to be deleted by hand."""

_BASE_KINDS = frozenset(kind.name for kind in kinds.BASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, and the findings that the status reports.

    Attributes:
        actions: in the order of their execution.
        missing: objects and keys that the spec refers to and that do not exist, as sentences.
        migration: progress of the migration; None when the instance is not managed.
        migration_job: name of the Job for the present inputs.
        version: that the spec asks for.
        unavailable: kinds that the spec asks for and that the cluster does not have.
        rendered: keys of all objects that the spec asks for.
    """

    actions: tuple[Action, ...]
    missing: tuple[str, ...]
    migration: Phase | None
    migration_job: str
    version: str
    unavailable: tuple[str, ...]
    rendered: frozenset[ObjectKey]


def make_rendering(snapshot: Snapshot, settings: Settings) -> Rendering:
    """The input of the renderers."""
    spec = snapshot.instance.spec
    return Rendering(
        instance=snapshot.instance,
        version=settings.version(spec),
        services=settings.services_image(spec),
        collector=settings.collector(spec),
        secret_versions={name: each.resource_version for name, each in snapshot.secrets.items()},
        config_map_versions={
            name: each.resource_version for name, each in snapshot.config_maps.items()
        },
        operator_namespace=settings.namespace,
    )


def plan(snapshot: Snapshot, settings: Settings, *, known_kinds: frozenset[str]) -> Plan:
    """The plan for an instance.

    Args:
        snapshot: what is known of the instance.
        settings: of the operator.
        known_kinds: kinds that the cluster has and the operator watches.

    Raises:
        InvalidName: the instance's name or version cannot be used.
    """
    spec = snapshot.instance.spec
    stages = manifests.render(make_rendering(snapshot, settings))
    rollout = [each for each in stages.rollout if each["kind"] in known_kinds]
    rendered = frozenset(map(key_of, (*stages.base, stages.migration, *rollout)))
    absent = references.missing(spec, snapshot.secrets, snapshot.config_maps)
    migration = jobs.run(
        stages.migration,
        snapshot,
        blocked=bool(absent),
        suspended=spec.suspend,
        retry_after=RETRY_MIGRATION_AFTER,
    )
    managed = spec.management_state == "Managed"
    actions: list[Action] = []
    if managed:
        rolled_out = migration.phase is Phase.COMPLETE
        actions += _suspend(snapshot) if spec.suspend else []
        for manifest in stages.base:
            actions += _converge(manifest, snapshot)
        actions += migration.actions
        for manifest in rollout if rolled_out else ():
            actions += _converge(manifest, snapshot)
        actions += _prune(snapshot, rendered, rolled_out=rolled_out)
    return Plan(
        actions=tuple(actions),
        missing=absent,
        migration=migration.phase if managed else None,
        migration_job=migration.name,
        version=settings.version(spec),
        unavailable=tuple(sorted({each["kind"] for each in stages.rollout} - known_kinds)),
        rendered=rendered,
    )


def _converge(manifest: Manifest, snapshot: Snapshot) -> list[Action]:
    key = key_of(manifest)
    child = snapshot.children.get(key)
    if child is None:
        return [Apply(manifest, known=False)]
    if child.deleting:
        # It is created again when it is gone; a change now would be lost with it.
        return []
    digest = ownership.rendered_digest(manifest)
    unchanged = Applied(digest, child.resource_version)
    if child.owned_digest == digest or snapshot.applied.get(key) == unchanged:
        return []
    actions: list[Action] = []
    state = child.state
    if (
        isinstance(state, WorkloadState)
        and child.owns_replicas
        and "replicas" not in manifest["spec"]
    ):
        # If the field lost its only manager, it would fall to 1 before the autoscaler acts.
        actions.append(HandOver(_partial(key, {"replicas": state.desired})))
    return [*actions, Apply(manifest, known=True)]


def _suspend(snapshot: Snapshot) -> list[Action]:
    """Suspend retention at once, even while the roll-out waits; the rest of it stays as it is."""
    return [
        # The uid prevents that a CronJob deleted in between is created.
        Suspend(_partial(key, {"suspend": True}, uid=child.uid))
        for key, child in snapshot.children.items()
        if key.kind == "CronJob" and not child.suspended and not child.deleting
    ]


def _partial(key: ObjectKey, spec: Mapping[str, object], *, uid: str | None = None) -> Manifest:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {
        "apiVersion": kinds.BY_NAME[key.kind].api_version,
        "kind": key.kind,
        "metadata": metadata if uid is None else {**metadata, "uid": uid},
        "spec": dict(spec),
    }


def _prune(snapshot: Snapshot, rendered: frozenset[ObjectKey], *, rolled_out: bool) -> list[Action]:
    """Delete children that the spec no longer asks for.

    A running Job is left to finish unless it never started. While the roll-out waits, only objects
    that no pod runs from are deleted.
    """
    found: list[Action] = []
    for key, child in snapshot.children.items():
        if key in rendered or child.deleting:
            continue
        if isinstance(child.state, JobState) and child.state.running:
            if jobs.never_started(child, snapshot):
                found.append(Delete(child))
        elif rolled_out or key.kind in _BASE_KINDS:
            found.append(Delete(child))
    return found
