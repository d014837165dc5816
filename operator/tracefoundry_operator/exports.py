"""The status of a TraceExport: conditions, bundle, result of the check. Pure functions.

A condition says what happened and what a person can do. While a finished Job exists the status is
computed from it; after that the status is the only record, and is kept as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from tracefoundry_operator import export_plan, job_outcomes, replay_status
from tracefoundry_operator.conditions import Condition, sentences, timed
from tracefoundry_operator.export_plan import ExportPlan
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.records import JobState
from tracefoundry_operator.snapshot import ExportSnapshot

RECORDED_JOBS = 16
"""Names in ``finishedJobs``; there are three Jobs at most (schema: maxItems)."""


def compute(
    snapshot: ExportSnapshot, plan: ExportPlan, *, errors: Sequence[str] = ()
) -> dict[str, Any]:
    """The status of an export.

    Args:
        snapshot: what is known after the plan was executed.
        plan: that was executed.
        errors: sentences about objects that could not be created.
    """
    state = job_outcomes.state_of(plan.export_job, snapshot)
    finished = list(export_plan.finished_jobs(snapshot))
    status = dict(snapshot.status)
    if state is None and plan.export_job in finished:
        conditions = [
            job_outcomes.kept(snapshot, kind) for kind in ("Accepted", "Complete", "Failed")
        ]
    else:
        lost = _lost(plan.export, plan.bundle, state, snapshot)
        complete, failed = _progress(snapshot, plan, state, errors, lost=lost)
        conditions = [_accepted(plan), complete, failed]
        if plan.export is Phase.FAILED or (
            plan.export is Phase.COMPLETE and (plan.bundle is not None or lost)
        ):
            finished = _with(finished, plan.export_job)
        if state is not None and state.started_at is not None:
            status["startTime"] = state.started_at
        if state is not None and state.finished_at is not None:
            status["completionTime"] = state.finished_at
        if plan.bundle is not None:
            status["bundle"] = dict(plan.bundle)
    replay, result = replay_status.compute(snapshot, plan, errors)
    if result is not None:
        status["dryReplay"] = result
    for run in (plan.replay, plan.rerun):
        if run is not None and replay.status != "Unknown":
            finished = _with(finished, run.name)
    if finished:
        status["finishedJobs"] = finished
    return _with_conditions([*conditions, replay], status, snapshot)


def invalid(
    generation: int, reason: str, message: str, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of an export when it, or its instance, cannot be read: conditions of what has
    finished stay."""
    before = previous.get("conditions", ())
    found = [Condition("Accepted", "False", reason, message)]
    kept = [each for each in before if each["type"] != "Accepted"]
    if not previous.get("finishedJobs"):
        found.append(Condition("Complete", "False", "NotAccepted", "It is not accepted."))
        kept = [each for each in kept if each["type"] != "Complete"]
    return {
        **previous,
        "observedGeneration": generation,
        "conditions": [*timed(found, before, generation, now=now), *kept],
    }


def _accepted(plan: ExportPlan) -> Condition:
    if plan.refused is not None:
        return Condition("Accepted", "False", *plan.refused)
    return Condition("Accepted", "True", "WithinBounds", "The instance allows it.")


def _progress(
    snapshot: ExportSnapshot,
    plan: ExportPlan,
    state: JobState | None,
    errors: Sequence[str],
    *,
    lost: bool,
) -> tuple[Condition, Condition]:
    """The conditions Complete and Failed."""
    name = plan.export_job
    not_failed = Condition("Failed", "False", "NotFailed", "No Job has failed.")
    if plan.refused is not None:
        return Condition("Complete", "False", "NotAccepted", "It is not accepted."), not_failed
    if plan.export is Phase.FAILED or lost:
        reason, message = (
            _failure(snapshot, plan, state) if not lost else job_outcomes.result_lost(name)
        )
        return (
            Condition("Complete", "False", "ExportFailed", "The export failed; see Failed."),
            Condition("Failed", "True", reason, message),
        )
    if plan.export is Phase.COMPLETE and plan.bundle is not None:
        made = plan.bundle
        message = f"{made['traces']} traces with {made['spans']} spans are in {made['uri']}."
        return Condition("Complete", "True", "Exported", message), not_failed
    if plan.export is Phase.COMPLETE:
        reading = ("ReadingResult", f"Job {name!r} is complete; its pod is not known yet.")
        return Condition("Complete", "False", *reading), not_failed
    if plan.waiting is not None:
        return Condition("Complete", "False", *plan.waiting), not_failed
    reason, message = job_outcomes.running(snapshot, name, errors, action="writes the bundle")
    return Condition("Complete", "False", reason, message), not_failed


def _failure(snapshot: ExportSnapshot, plan: ExportPlan, state: JobState | None) -> tuple[str, str]:
    late = state is not None and state.reason == "DeadlineExceeded"
    detail = job_outcomes.failure(plan.export_job, snapshot, state)
    if detail is None:
        return "ExportFailed", job_outcomes.kept(snapshot, "Failed").message
    return "DeadlineExceeded" if late else "ExportFailed", sentences([detail, job_outcomes.AGAIN])


def _lost(
    phase: Phase | None,
    result: Mapping[str, Any] | None,
    state: JobState | None,
    snapshot: ExportSnapshot,
) -> bool:
    return phase is Phase.COMPLETE and result is None and job_outcomes.too_late(state, snapshot)


def _with(finished: list[str], job: str) -> list[str]:
    return finished if job in finished else [*finished, job][-RECORDED_JOBS:]


def _with_conditions(
    found: Sequence[Condition], status: Mapping[str, Any], snapshot: ExportSnapshot
) -> dict[str, Any]:
    before = snapshot.status.get("conditions", ())
    generation = snapshot.export.generation
    return {
        **status,
        "observedGeneration": generation,
        "conditions": timed(found, before, generation, now=snapshot.now),
    }
