"""The status of an instance: conditions, pods, version and addresses. Pure functions.

Conditions are independent of each other: an instance can be Ready with its old version and at the
same time Degraded, because the migration to the new version failed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracefoundry_operator import migration_status, names
from tracefoundry_operator.conditions import (
    CHECK_FAILED,
    REACHABLE,
    Check,
    Checks,
    Condition,
    ConditionType,
    remembered,
    sentences,
    timed,
)
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.names import Component
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.reconcile import Plan
from tracefoundry_operator.records import (
    WorkloadState,
)
from tracefoundry_operator.snapshot import Snapshot

WORKLOADS = {
    Component.COLLECTOR: "StatefulSet",
    Component.INGEST: "Deployment",
    Component.QUERY: "Deployment",
    Component.UI: "Deployment",
}
"""The components that Ready depends on, with the kind of their workload."""


def compute(snapshot: Snapshot, plan: Plan, *, errors: Sequence[str]) -> dict[str, Any]:
    """The whole status.

    Args:
        snapshot: what is known of the instance after the plan was executed.
        plan: of this pass.
        errors: one sentence for each object that could not be applied.
    """
    instance, previous = snapshot.instance, snapshot.status
    asked = snapshot.checks is not None
    checks = remembered(previous) if snapshot.checks is None else snapshot.checks
    workloads = _workloads(snapshot)
    found = [
        _ready(plan, workloads, errors),
        _progressing(plan, workloads),
        _degraded(plan, workloads, snapshot, checks, errors),
        _from_check(
            ConditionType.DATABASE_READY,
            checks.get("database"),
            _without_answer(plan, snapshot, asked=asked or _was_without_answer(previous)),
        ),
        migration_status.schema(plan, snapshot),
        _from_check(ConditionType.OBJECT_STORE_READY, checks.get("object_store"), _NOT_ASKED),
    ]
    addresses = names.endpoints(instance.name, instance.namespace)
    status: dict[str, Any] = {
        "observedGeneration": instance.generation,
        "conditions": timed(
            found, previous.get("conditions", ()), instance.generation, now=snapshot.now
        ),
        "components": {
            component.value: {
                "desired": state.desired if state else 0,
                "ready": state.ready if state else 0,
            }
            for component, state in workloads.items()
        },
        "endpoints": {
            "otlpGrpc": addresses.otlp_grpc,
            "otlpHttp": addresses.otlp_http,
            "query": addresses.query,
            "ui": addresses.ui,
        },
    }
    rolled_out = plan.migration is Phase.COMPLETE and not errors and not _unfinished(workloads)
    version = plan.version if rolled_out else previous.get("version")
    if version:
        status["version"] = version
    return status


def invalid(
    generation: int, message: str, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of a resource that cannot be read or rendered: only its conditions change."""
    found = [
        Condition(ConditionType.READY, "False", "InvalidSpec", message),
        Condition(ConditionType.DEGRADED, "True", "InvalidSpec", message),
    ]
    kept = [
        condition
        for condition in previous.get("conditions", ())
        if condition["type"] not in (ConditionType.READY, ConditionType.DEGRADED)
    ]
    rest = {name: value for name, value in previous.items() if name != "conditions"}
    return {
        **rest,
        "observedGeneration": generation,
        "conditions": [*timed(found, previous.get("conditions", ()), generation, now=now), *kept],
    }


def _workloads(snapshot: Snapshot) -> dict[Component, WorkloadState | None]:
    instance = snapshot.instance
    found: dict[Component, WorkloadState | None] = {}
    for component, kind in WORKLOADS.items():
        name = names.child_name(instance.name, component)
        child = snapshot.children.get(ObjectKey(kind, instance.namespace, name))
        state = child.state if child is not None else None
        found[component] = state if isinstance(state, WorkloadState) else None
    return found


def _unfinished(workloads: Mapping[Component, WorkloadState | None]) -> list[str]:
    return [
        component.value
        for component, state in workloads.items()
        if state is None
        or state.observed_generation < state.generation
        or state.updated < state.desired
    ]


def _ready(
    plan: Plan, workloads: Mapping[Component, WorkloadState | None], errors: Sequence[str]
) -> Condition:
    short = [
        f"{component} has {state.ready if state else 0} of {state.desired if state else 'its'}"
        for component, state in workloads.items()
        if state is None or state.ready < max(state.desired, 1)
    ]
    if not short:
        return Condition(
            ConditionType.READY, "True", "AllPodsReady", "All components have their pods."
        )
    waiting = migration_status.why_waiting(plan)
    if waiting is not None and all(state is None for state in workloads.values()):
        return Condition(ConditionType.READY, "False", *waiting)
    reason = "ApplyFailed" if errors else "PodsNotReady"
    return Condition(
        ConditionType.READY, "False", reason, f"Not all pods are ready: {', '.join(short)}."
    )


def _progressing(plan: Plan, workloads: Mapping[Component, WorkloadState | None]) -> Condition:
    if plan.migration is None:
        return Condition(
            ConditionType.PROGRESSING, "False", "Unmanaged", "managementState is Unmanaged."
        )
    if plan.migration is Phase.RUNNING:
        return Condition(
            ConditionType.PROGRESSING,
            "True",
            "MigrationRunning",
            f"Job {plan.migration_job!r} brings the database to version {plan.version}.",
        )
    waiting = migration_status.why_waiting(plan)
    if waiting is not None:
        return Condition(ConditionType.PROGRESSING, "False", *waiting)
    unfinished = _unfinished(workloads)
    if unfinished:
        return Condition(
            ConditionType.PROGRESSING,
            "True",
            "RollingOut",
            f"Version {plan.version} is rolled out to {', '.join(unfinished)}.",
        )
    return Condition(
        ConditionType.PROGRESSING, "False", "RolledOut", f"Version {plan.version} is rolled out."
    )


def _degraded(
    plan: Plan,
    workloads: Mapping[Component, WorkloadState | None],
    snapshot: Snapshot,
    checks: Checks,
    errors: Sequence[str],
) -> Condition:
    if plan.migration is None:
        return Condition(
            ConditionType.DEGRADED, "Unknown", "Unmanaged", "managementState is Unmanaged."
        )
    failing = migration_status.failed_attempt(plan, snapshot)
    pods = _pod_problems(snapshot.pods, plan.migration_job)
    stuck = [
        f"{component}: {state.problem}"
        for component, state in workloads.items()
        if state is not None and state.problem is not None
    ]
    failed = [
        f"{name.replace('_', ' ')}: {check.reason}"
        for name, check in sorted(checks.items())
        if not check.ok
    ]
    unavailable = [
        f"{kind} was asked for, but the cluster did not know it when the operator started"
        for kind in plan.unavailable
    ]
    causes: list[tuple[str, Sequence[str]]] = [
        ("ReferenceMissing", plan.missing),
        ("ApplyFailed", errors),
        (
            "MigrationFailed",
            ["The migration failed; see SchemaMigrated"] if plan.migration is Phase.FAILED else (),
        ),
        ("MigrationFailing", [failing] if failing is not None else ()),
        (CHECK_FAILED, failed),
        ("RolloutStuck", stuck),
        ("PodsFailing", pods),
        ("KindUnavailable", unavailable),
    ]
    found = [(reason, each) for reason, each in causes if each]
    if not found:
        return Condition(ConditionType.DEGRADED, "False", "AsExpected", "Nothing is wrong.")
    message = sentences([sentence for _, each in found for sentence in each])
    return Condition(ConditionType.DEGRADED, "True", found[0][0], message)


_NOT_ASKED = ("Unknown", "NoPodAnswered", "No pod of ingest could be asked yet.")
_NO_ANSWER = ("Unknown", "IngestSilent", "The migration reached it, but no pod of ingest answers.")


def _from_check(
    kind: ConditionType, check: Check | None, otherwise: tuple[str, str, str]
) -> Condition:
    if check is None:
        return Condition(kind, *otherwise)
    if check.ok:
        return Condition(kind, "True", REACHABLE, "Pods of ingest reach it.")
    return Condition(kind, "False", CHECK_FAILED, check.reason)


def _without_answer(plan: Plan, snapshot: Snapshot, *, asked: bool) -> tuple[str, str, str]:
    """DatabaseReady when no ingest pod reported on the database: what the migration shows.

    A complete migration shows that the database was reachable at that time. If ingest pods were
    asked later and none answered, the present state is unknown.
    """
    if plan.migration is Phase.FAILED:
        return "False", "MigrationFailed", migration_status.failure(plan, snapshot)
    if plan.migration is Phase.COMPLETE:
        return _NO_ANSWER if asked else ("True", "Migrated", "The migration reached it.")
    return _NOT_ASKED


def _was_without_answer(previous: Mapping[str, Any]) -> bool:
    """Whether an earlier process asked and got no answer. This process keeps that status until it
    has asked too; otherwise each start would change it."""
    return any(
        condition["type"] == ConditionType.DATABASE_READY and condition["reason"] == _NO_ANSWER[1]
        for condition in previous.get("conditions", ())
    )


def _pod_problems(pods: Iterable[Pod], migration_job: str) -> list[str]:
    """Why pods do not run; pods of superseded migrations are left out."""
    return [
        f"pod {pod.name}: {pod.problem}"
        for pod in pods
        if pod.problem is not None
        and (pod.component != Component.MIGRATE or pod.job == migration_job)
    ][:5]
