"""What the status reports about the migration: its progress, and what it waits for."""

from __future__ import annotations

from tracefoundry_operator import jobs
from tracefoundry_operator.conditions import Condition, ConditionType, sentences
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.reconcile import Plan
from tracefoundry_operator.snapshot import Snapshot


def why_waiting(plan: Plan) -> tuple[str, str] | None:
    """Reason and message while the roll-out waits; None when it does not."""
    match plan.migration:
        case None:
            return "Unmanaged", "managementState is Unmanaged."
        case Phase.BLOCKED:
            return "ReferenceMissing", sentences(plan.missing)
        case Phase.SUSPENDED:
            return "Suspended", "suspend is true, so the migration Job is not started."
        case Phase.FAILED:
            return "MigrationFailed", f"Job {plan.migration_job!r} failed; see SchemaMigrated."
        case Phase.RUNNING:
            return "MigrationRunning", f"Job {plan.migration_job!r} has not ended yet."
    return None


def schema(plan: Plan, snapshot: Snapshot) -> Condition:
    """The condition SchemaMigrated."""
    kind = ConditionType.SCHEMA_MIGRATED
    if plan.migration is Phase.COMPLETE:
        return Condition(kind, "True", "Migrated", f"Job {plan.migration_job!r} is complete.")
    if plan.migration is Phase.FAILED:
        return Condition(kind, "False", "MigrationFailed", failure(plan, snapshot))
    failing = failed_attempt(plan, snapshot)
    if failing is not None:
        return Condition(kind, "False", "MigrationFailing", failing)
    waiting = why_waiting(plan)
    reason, message = waiting if waiting is not None else ("MigrationRunning", "")
    status = "Unknown" if plan.migration is None else "False"
    return Condition(kind, status, reason, message)


def failed_attempt(plan: Plan, snapshot: Snapshot) -> str | None:
    """Why the last attempt of a running migration failed; None if none did."""
    if plan.migration is not Phase.RUNNING:
        return None
    message = jobs.pod_failure(plan.migration_job, snapshot)
    if message is None:
        return None
    return f"Job {plan.migration_job!r} tries again; its last attempt failed: {message}"


def failure(plan: Plan, snapshot: Snapshot) -> str:
    """Why the migration failed for good."""
    message = jobs.job_failure(plan.migration_job, snapshot)
    detail = "." if message is None else f": {message}"
    return f"Job {plan.migration_job!r} failed{detail}"
