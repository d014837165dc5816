"""Carries out the actions of a plan, one after the other, and takes in what the server answers.

An error with one object is kept and the others are done: a policy that a cluster refuses must not
keep spans from being taken. What the server answers goes into the records at once, so that the
watch's later event of the same version wakes nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tracefoundry_operator import ownership
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.kinds import BY_NAME, ObjectKey, key_of
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.observed import Observed, controller_of, read_child
from tracefoundry_operator.reconcile import Action, Apply, Create, Delete, HandOver, Suspend

HANDOVER_MANAGER = "tracefoundry-operator-handover"
"""Field manager that holds the number of pods until an autoscaler changes it."""

SUSPEND_MANAGER = "tracefoundry-operator-suspend"
"""Field manager that holds ``suspend`` of a CronJob until the next roll-out takes it back."""


@dataclass(slots=True)
class Outcome:
    """What became of the actions."""

    errors: list[str] = field(default_factory=list)
    transient: bool = False
    """At least one error may pass by itself."""
    terminating: bool = False
    """The namespace is being deleted: the rest was left undone, and there is nothing to tell."""
    changed: int = 0
    """Requests that changed something."""


class Executor:
    """Does what plans ask for."""

    def __init__(self, cluster: Cluster, observed: Observed, metrics: Metrics) -> None:
        self._cluster = cluster
        self._observed = observed
        self._metrics = metrics
        self.applied: dict[ObjectKey, tuple[str, str]] = {}
        """Digest and resourceVersion of what was applied last, by object."""

    async def execute(self, instance: Instance, actions: Iterable[Action]) -> Outcome:
        """Carry the actions out."""
        outcome = Outcome()
        for action in actions:
            try:
                changed = await self._do(instance, action)
            except ApiError as error:
                if error.terminating:
                    # Its children go first and the instance last; all of them are to go.
                    outcome.terminating = True
                    break
                self._count(action, "error")
                outcome.errors.append(_sentence(action, error))
                outcome.transient |= not error.permanent
                if error.status == 0:
                    # Nobody answers: each further request would only wait for its time limit.
                    break
            else:
                self._count(action, "changed" if changed else "unchanged")
                outcome.changed += changed
        return outcome

    def forget(self, keys: Iterable[ObjectKey]) -> None:
        """Forget what was applied to these objects."""
        for key in keys:
            self.applied.pop(key, None)

    async def _do(self, instance: Instance, action: Action) -> bool:
        match action:
            case Apply():
                return await self._apply(instance, action)
            case HandOver(manifest):
                await self._cluster.apply(
                    BY_NAME[manifest["kind"]], manifest, manager=HANDOVER_MANAGER, force=True
                )
                return True
            case Suspend(manifest):
                kind = BY_NAME[manifest["kind"]]
                body = await self._cluster.apply(
                    kind, manifest, manager=SUSPEND_MANAGER, force=True
                )
                self._take_in(kind.name, body)
                return True
            case Create(manifest):
                return await self._create(instance, manifest)
            case Delete(child):
                key = child.key
                deleted = await self._cluster.delete(
                    BY_NAME[key.kind], key.namespace, key.name, uid=child.uid
                )
                self.applied.pop(key, None)
                return deleted

    async def _apply(self, instance: Instance, action: Apply) -> bool:
        manifest = action.manifest
        kind, key = BY_NAME[manifest["kind"]], key_of(manifest)
        before = self._observed.children.get(key)
        if before is not None and before.owner_uid != instance.uid:
            raise ApiError(
                f"it still belongs to an earlier TraceFoundry {before.owner_name!r}", status=409
            )
        # Applied to somebody else's object it would make it ours, and delete it with the instance,
        # wherever the two do not contradict each other.
        ours = action.known or await self._is_ours(instance, key)
        try:
            body = await self._cluster.apply(kind, manifest, manager=ownership.MANAGER, force=ours)
        except ApiError as error:
            # Somebody made it in this moment.
            if error.status != 409 or ours or not await self._is_ours(instance, key):
                raise
            body = await self._cluster.apply(kind, manifest, manager=ownership.MANAGER, force=True)
        version = body["metadata"]["resourceVersion"]
        self.applied[key] = (ownership.rendered_digest(manifest), version)
        self._take_in(key.kind, body)
        return before is None or before.resource_version != version

    async def _create(self, instance: Instance, manifest: Manifest) -> bool:
        kind, key = BY_NAME[manifest["kind"]], key_of(manifest)
        try:
            body = await self._cluster.create(kind, manifest, manager=ownership.MANAGER)
        except ApiError as error:
            if error.status != 409:
                raise
            # A pass before this one made it, and the watch has not told yet.
            if not await self._is_ours(instance, key):
                raise
            return False
        self._take_in(key.kind, body)
        return True

    async def _is_ours(self, instance: Instance, key: ObjectKey) -> bool:
        """Whether the object is there, of the instance; raises when it is somebody else's."""
        found = await self._cluster.get(BY_NAME[key.kind], key.namespace, key.name)
        if found is None:
            return False
        owner = controller_of(found["metadata"])
        if owner is None or owner.get("uid") != instance.uid:
            raise ApiError(
                "there is one already that the operator did not make; rename or delete it",
                status=409,
            )
        self._take_in(key.kind, found)
        return True

    def _take_in(self, kind: str, body: Body) -> None:
        child = read_child(kind, body)
        if child is not None:
            self._observed.put_child(child)

    def _count(self, action: Action, result: str) -> None:
        kind = action.child.key.kind if isinstance(action, Delete) else action.manifest["kind"]
        self._metrics.applies.labels(kind, type(action).__name__.lower(), result).inc()


def _sentence(action: Action, error: ApiError) -> str:
    key = action.child.key if isinstance(action, Delete) else key_of(action.manifest)
    return f"{key.kind} {key.name!r}: {error}"
