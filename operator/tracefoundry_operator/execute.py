"""Execution of a plan: one action after the other.

An error with one object is recorded and the other actions are still executed: a policy that the
cluster refuses must not stop ingest. The API server's answers go into the state at once, so the
watch's later event with the same version starts no pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracefoundry_operator import ownership
from tracefoundry_operator.actions import (
    Action,
    Apply,
    Create,
    Delete,
    Expire,
    HandOver,
    Outcome,
    Suspend,
)
from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.kinds import BY_NAME, ObjectKey, key_of
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.records import controller_of
from tracefoundry_operator.snapshot import Applied
from tracefoundry_operator.state import State

HANDOVER_MANAGER = "tracefoundry-operator-handover"
"""Field manager that owns the number of pods until an autoscaler changes it."""

SUSPEND_MANAGER = "tracefoundry-operator-suspend"
"""Field manager that owns ``suspend`` of a CronJob until the next roll-out applies it."""

EXPIRE_MANAGER = "tracefoundry-operator-expire"
"""Field manager that owns the time to live of a finished Job."""


class Executor:
    """Executes the actions of plans."""

    def __init__(self, cluster: Cluster, state: State, metrics: Metrics) -> None:
        self._cluster = cluster
        self._state = state
        self._metrics = metrics

    async def execute(self, owner_uid: str, actions: Iterable[Action]) -> Outcome:
        """Execute the actions of a plan. Objects of another owner than the resource with this uid
        are left alone."""
        outcome = Outcome()
        for action in actions:
            try:
                changed = await self._do(owner_uid, action, outcome)
            except ApiError as error:
                if error.terminating:
                    # The namespace's objects are deleted one by one; do not create them again.
                    outcome.terminating = True
                    break
                self._count(action, "error")
                outcome.errors.append(f"{action.key.kind} {action.key.name!r}: {error}")
                outcome.transient |= not error.permanent
                if error.status == 0:
                    # The API server is unreachable: each further request would only time out.
                    break
            else:
                self._count(action, "changed" if changed else "unchanged")
                outcome.changed += changed
        return outcome

    async def _do(self, owner_uid: str, action: Action, outcome: Outcome) -> bool:
        kind, key = BY_NAME[action.key.kind], action.key
        match action:
            case Apply():
                return await self._apply(owner_uid, action, outcome)
            case HandOver(manifest):
                await self._cluster.apply(kind, manifest, manager=HANDOVER_MANAGER, force=True)
                return True
            case Suspend(manifest) | Expire(manifest):
                manager = SUSPEND_MANAGER if isinstance(action, Suspend) else EXPIRE_MANAGER
                body = await self._cluster.apply(kind, manifest, manager=manager, force=True)
                self._take_in(key, body, outcome)
                return True
            case Create(manifest, requires):
                if requires is not None and not self._has(owner_uid, requires):
                    return False
                return await self._create(owner_uid, manifest, outcome)
            case Delete(child):
                return await self._cluster.delete(kind, key.namespace, key.name, uid=child.uid)

    async def _apply(self, owner_uid: str, action: Apply, outcome: Outcome) -> bool:
        manifest, key = action.manifest, action.key
        kind = BY_NAME[key.kind]
        before = self._state.child(key)
        if before is not None and before.owner_uid != owner_uid:
            raise ApiError(
                f"it still belongs to an earlier {before.owner_kind} {before.owner_name!r}",
                status=409,
            )
        # Applying to an object that the operator did not create would make it a child of the
        # instance, to be deleted with it, wherever the two do not conflict. So ask first.
        ours = action.known or await self._is_ours(owner_uid, key, outcome)
        try:
            body = await self._cluster.apply(kind, manifest, manager=ownership.MANAGER, force=ours)
        except ApiError as error:
            # Another client created it between the two requests.
            if error.status != 409 or ours or not await self._is_ours(owner_uid, key, outcome):
                raise
            body = await self._cluster.apply(kind, manifest, manager=ownership.MANAGER, force=True)
        version = body["metadata"]["resourceVersion"]
        self._take_in(key, body, outcome)
        self._state.record_apply(key, Applied(ownership.rendered_digest(manifest), version))
        return before is None or before.resource_version != version

    async def _create(self, owner_uid: str, manifest: Manifest, outcome: Outcome) -> bool:
        key = key_of(manifest)
        try:
            body = await self._cluster.create(
                BY_NAME[key.kind], manifest, manager=ownership.MANAGER
            )
        except ApiError as error:
            # After a 409: an earlier pass may have created it, and its watch event is not here yet.
            if error.status != 409 or not await self._is_ours(owner_uid, key, outcome):
                raise
            # The plan was made without it, and its event may cause no pass: it is known by now.
            outcome.transient = True
            return False
        self._take_in(key, body, outcome)
        return True

    def _has(self, owner_uid: str, key: ObjectKey) -> bool:
        """Whether the resource has this child."""
        child = self._state.child(key)
        return child is not None and child.owner_uid == owner_uid and not child.deleting

    async def _is_ours(self, owner_uid: str, key: ObjectKey, outcome: Outcome) -> bool:
        """Whether the object exists and belongs to the resource.

        Raises:
            ApiError: it exists and is not.
        """
        found = await self._cluster.get(BY_NAME[key.kind], key.namespace, key.name)
        if found is None:
            return False
        owner = controller_of(found["metadata"])
        if owner is None or owner.get("uid") != owner_uid:
            raise ApiError(
                "there is one already that the operator did not make; rename or delete it",
                status=409,
            )
        self._take_in(key, found, outcome)
        return True

    def _take_in(self, key: ObjectKey, body: Body, outcome: Outcome) -> None:
        child = self._state.record_answer(key.kind, body)
        if child is not None:
            outcome.children[key] = child

    def _count(self, action: Action, result: str) -> None:
        self._metrics.applies.labels(action.key.kind, type(action).__name__.lower(), result).inc()
