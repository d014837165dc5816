"""The status of an instance: conditions that a person can act on, pods, version and addresses.

Conditions are independent of each other: an instance can be Ready, on its old version, and
Degraded, because the migration to the new one failed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.conditions import (
    CHECK_FAILED,
    REACHABLE,
    Check,
    Checks,
    Condition,
    ConditionType,
    timed,
)
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.names import Component
from tracefoundry_operator.observed import Pod, View, WorkloadState
from tracefoundry_operator.reconcile import Migration, Plan

WORKLOADS = {
    Component.COLLECTOR: "StatefulSet",
    Component.INGEST: "Deployment",
    Component.QUERY: "Deployment",
    Component.UI: "Deployment",
}
"""Components whose pods make an instance ready, with their kinds."""


def compute(
    instance: Instance,
    plan: Plan,
    view: View,
    *,
    checks: Checks,
    errors: Sequence[str],
    previous: Mapping[str, Any],
    now: dt.datetime,
) -> dict[str, Any]:
    """The whole status.

    Args:
        instance: the resource.
        plan: what the last pass found.
        view: children and pods after it.
        checks: what pods of ingest say.
        errors: what could not be applied, one sentence each.
        previous: the status that the resource has.
        now: time of conditions that change.
    """
    workloads = _workloads(instance, view)
    found = [
        _ready(plan, workloads, errors),
        _progressing(plan, workloads),
        _degraded(plan, workloads, view, checks, errors),
        _from_check(
            ConditionType.DATABASE_READY, checks.get("database"), _without_database(plan, view)
        ),
        _schema(plan, view),
        _from_check(ConditionType.OBJECT_STORE_READY, checks.get("object_store"), _NOT_ASKED),
    ]
    addresses = names.endpoints(instance.name, instance.namespace)
    status: dict[str, Any] = {
        "observedGeneration": instance.generation,
        "conditions": timed(found, previous.get("conditions", ()), instance.generation, now=now),
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
    rolled_out = plan.migration is Migration.COMPLETE and not errors and not _unfinished(workloads)
    version = plan.version if rolled_out else previous.get("version")
    if version:
        status["version"] = version
    return status


def invalid(
    generation: int, message: str, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of a resource that cannot be read or rendered: only conditions change."""
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


def _workloads(instance: Instance, view: View) -> dict[Component, WorkloadState | None]:
    found: dict[Component, WorkloadState | None] = {}
    for component, kind in WORKLOADS.items():
        name = names.child_name(instance.name, component)
        child = view.children.get(ObjectKey(kind, instance.namespace, name))
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
    waiting = _why_waiting(plan)
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
    if plan.migration is Migration.RUNNING:
        return Condition(
            ConditionType.PROGRESSING,
            "True",
            "MigrationRunning",
            f"Job {plan.migration_job!r} brings the database to version {plan.version}.",
        )
    waiting = _why_waiting(plan)
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


def _why_waiting(plan: Plan) -> tuple[str, str] | None:
    """Reason and message when the roll-out waits for something that does not come by itself."""
    match plan.migration:
        case None:
            return "Unmanaged", "managementState is Unmanaged."
        case Migration.WAITING:
            return "ReferenceMissing", _sentences(plan.missing)
        case Migration.SUSPENDED:
            return "Suspended", "suspend is true, so the migration Job is not started."
        case Migration.FAILED:
            return "MigrationFailed", f"Job {plan.migration_job!r} failed; see SchemaMigrated."
        case Migration.RUNNING:
            return "MigrationRunning", f"Job {plan.migration_job!r} has not ended yet."
    return None


def _degraded(
    plan: Plan,
    workloads: Mapping[Component, WorkloadState | None],
    view: View,
    checks: Checks,
    errors: Sequence[str],
) -> Condition:
    if plan.migration is None:
        return Condition(
            ConditionType.DEGRADED, "Unknown", "Unmanaged", "managementState is Unmanaged."
        )
    pods = _pod_problems(view.pods)
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
            ["The migration failed; see SchemaMigrated"]
            if plan.migration is Migration.FAILED
            else (),
        ),
        (CHECK_FAILED, failed),
        ("RolloutStuck", stuck),
        ("PodsFailing", pods),
        ("KindUnavailable", unavailable),
    ]
    found = [(reason, each) for reason, each in causes if each]
    if not found:
        return Condition(ConditionType.DEGRADED, "False", "AsExpected", "Nothing is wrong.")
    message = _sentences([sentence for _, each in found for sentence in each])
    return Condition(ConditionType.DEGRADED, "True", found[0][0], message)


_NOT_ASKED = ("Unknown", "NoPodAnswered", "No pod of ingest could be asked yet.")


def _from_check(
    kind: ConditionType, check: Check | None, otherwise: tuple[str, str, str]
) -> Condition:
    if check is None:
        return Condition(kind, *otherwise)
    if check.ok:
        return Condition(kind, "True", REACHABLE, "Pods of ingest reach it.")
    return Condition(kind, "False", CHECK_FAILED, check.reason)


def _without_database(plan: Plan, view: View) -> tuple[str, str, str]:
    """What the migration says of the database, when no pod of ingest could be asked."""
    if plan.migration is Migration.FAILED:
        return "False", "MigrationFailed", _migration_message(plan, view)
    if plan.migration is Migration.COMPLETE:
        return "True", "Migrated", "The migration reached it."
    return _NOT_ASKED


def _schema(plan: Plan, view: View) -> Condition:
    kind = ConditionType.SCHEMA_MIGRATED
    if plan.migration is Migration.COMPLETE:
        return Condition(kind, "True", "Migrated", f"Job {plan.migration_job!r} is complete.")
    if plan.migration is Migration.FAILED:
        return Condition(kind, "False", "MigrationFailed", _migration_message(plan, view))
    waiting = _why_waiting(plan)
    reason, message = waiting if waiting is not None else ("MigrationRunning", "")
    status = "Unknown" if plan.migration is None else "False"
    return Condition(kind, status, reason, message)


def _migration_message(plan: Plan, view: View) -> str:
    said = [pod.message for pod in view.pods if pod.job == plan.migration_job and pod.message]
    if said:
        return f"Job {plan.migration_job!r} failed: {said[-1].strip()}"
    for child in view.children.values():
        if child.key.name == plan.migration_job and child.state is not None:
            return f"Job {plan.migration_job!r} failed: {getattr(child.state, 'message', '')}"
    return f"Job {plan.migration_job!r} failed."


def _pod_problems(pods: Iterable[Pod]) -> list[str]:
    return [f"pod {pod.name}: {pod.problem}" for pod in pods if pod.problem is not None][:5]


def _sentences(parts: Sequence[str]) -> str:
    return ". ".join(part.rstrip(".") for part in parts) + "."
