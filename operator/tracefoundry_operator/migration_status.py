"""What the status tells of the migration: how far it is, and why it does not get on.

The words of its pods are told as soon as one attempt has failed: whoever gave a wrong password
should not have to wait until all attempts are used up.
"""

from __future__ import annotations

from tracefoundry_operator.conditions import Condition, ConditionType, sentences
from tracefoundry_operator.observed import View
from tracefoundry_operator.reconcile import Migration, Plan


def why_waiting(plan: Plan) -> tuple[str, str] | None:
    """Reason and message when the roll-out waits for something that does not come by itself."""
    match plan.migration:
        case None:
            return "Unmanaged", "managementState is Unmanaged."
        case Migration.WAITING:
            return "ReferenceMissing", sentences(plan.missing)
        case Migration.SUSPENDED:
            return "Suspended", "suspend is true, so the migration Job is not started."
        case Migration.FAILED:
            return "MigrationFailed", f"Job {plan.migration_job!r} failed; see SchemaMigrated."
        case Migration.RUNNING:
            return "MigrationRunning", f"Job {plan.migration_job!r} has not ended yet."
    return None


def schema(plan: Plan, view: View) -> Condition:
    """The condition SchemaMigrated."""
    kind = ConditionType.SCHEMA_MIGRATED
    if plan.migration is Migration.COMPLETE:
        return Condition(kind, "True", "Migrated", f"Job {plan.migration_job!r} is complete.")
    if plan.migration is Migration.FAILED:
        return Condition(kind, "False", "MigrationFailed", failure(plan, view))
    failing = last_attempt(plan, view)
    if failing is not None:
        return Condition(kind, "False", "MigrationFailing", failing)
    waiting = why_waiting(plan)
    reason, message = waiting if waiting is not None else ("MigrationRunning", "")
    status = "Unknown" if plan.migration is None else "False"
    return Condition(kind, status, reason, message)


def last_attempt(plan: Plan, view: View) -> str | None:
    """Why the last attempt of a migration that has not ended yet failed; None if none did."""
    if plan.migration is not Migration.RUNNING:
        return None
    said = _last_words(plan, view)
    if said is None:
        return None
    return f"Job {plan.migration_job!r} tries again; its last attempt failed: {said}"


def failure(plan: Plan, view: View) -> str:
    """Why a migration failed for good."""
    said = _last_words(plan, view)
    if said is not None:
        return f"Job {plan.migration_job!r} failed: {said}"
    for child in view.children.values():
        if child.key.name == plan.migration_job and child.state is not None:
            return f"Job {plan.migration_job!r} failed: {getattr(child.state, 'message', '')}"
    return f"Job {plan.migration_job!r} failed."


def _last_words(plan: Plan, view: View) -> str | None:
    said = [
        (pod.created_at, pod.message)
        for pod in view.pods
        if pod.job == plan.migration_job and pod.message
    ]
    return max(said)[1].strip() if said else None
