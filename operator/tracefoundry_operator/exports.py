"""The status of a TraceExport: conditions, bundle, result of the check. Pure functions.

A condition says what happened and what a person can do. While a finished Job exists the status is
computed from it; after that the status is the only record, and is kept as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from tracefoundry_operator import export_plan, export_results, jobs
from tracefoundry_operator.conditions import Condition, sentences, timed
from tracefoundry_operator.export_plan import ExportPlan
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.records import JobState
from tracefoundry_operator.snapshot import ExportSnapshot

RESULT_WITHIN = dt.timedelta(minutes=1)
"""The pod of a complete Job is usually known before the Job is; after this time its result is
lost, because somebody deleted the pod or its node."""

RECORDED_JOBS = 16
"""Names in ``finishedJobs``; there are two Jobs at most (schema: maxItems)."""

_AGAIN = "Make a new TraceExport to try again"


def compute(
    snapshot: ExportSnapshot, plan: ExportPlan, *, errors: Sequence[str] = ()
) -> dict[str, Any]:
    """The status of an export.

    Args:
        snapshot: what is known after the plan was executed.
        plan: that was executed.
        errors: sentences about objects that could not be created.
    """
    job = export_plan.job_of(plan.export_job, snapshot)
    state = job.state if job is not None and isinstance(job.state, JobState) else None
    finished = list(export_plan.finished_jobs(snapshot))
    status = dict(snapshot.status)
    if state is None and plan.export_job in finished:
        conditions = [_kept(snapshot, kind) for kind in ("Accepted", "Complete", "Failed")]
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
    replay, result = _replay(snapshot, plan, errors)
    if result is not None:
        status["dryReplay"] = result
    if plan.replay is not None and replay.status != "Unknown":
        finished = _with(finished, plan.replay.name)
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
        reason, message = _failure(snapshot, plan, state) if not lost else _result_lost(name)
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
    reason, message = _running(snapshot, name, errors, action="writes the bundle")
    return Condition("Complete", "False", reason, message), not_failed


def _replay(
    snapshot: ExportSnapshot, plan: ExportPlan, errors: Sequence[str]
) -> tuple[Condition, dict[str, Any] | None]:
    """The condition ReplayPassed, and ``status.dryReplay``."""
    kind, run = "ReplayPassed", plan.replay
    if plan.replay_waiting is not None:
        status = "False" if plan.replay_waiting[0] == "NotSupportedYet" else "Unknown"
        return Condition(kind, status, *plan.replay_waiting), None
    if run is None:
        if snapshot.export.spec.dry_replay.mode == "None":
            return Condition(kind, "Unknown", "NotAsked", "spec.dryReplay.mode is None."), None
        return Condition(kind, "Unknown", "NotComplete", "There is no bundle yet."), None
    job = export_plan.job_of(run.name, snapshot)
    if run.phase is Phase.FINISHED and job is None:
        return _kept(snapshot, kind), None
    state = job.state if job is not None and isinstance(job.state, JobState) else None
    if run.phase is Phase.FAILED:
        detail = _reported(run.name, snapshot, state) or _previous_message(snapshot, kind)
        return Condition(kind, "False", "ReplayFailed", detail), None
    if run.phase is not Phase.COMPLETE:
        reason, message = _running(snapshot, run.name, errors, action="checks the bundle")
        return Condition(kind, "Unknown", reason.replace("Export", "Replay"), message), None
    found = export_results.replay(run.name, snapshot) or snapshot.status.get("dryReplay")
    if found is None:
        if _too_late(state, snapshot):
            return Condition(kind, "False", *_result_lost(run.name)), None
        return Condition(kind, "Unknown", "ReadingResult", f"Job {run.name!r} is complete."), None
    counts = ", ".join(f"{found[each]} {each}" for each in found if each != "ok")
    if found["ok"]:
        return Condition(kind, "True", "Passed", f"Payloads: {counts}."), found
    message = f"The bundle does not hold all that its spans refer to. Payloads: {counts}."
    return Condition(kind, "False", "ContentMissing", message), found


def _running(
    snapshot: ExportSnapshot, job: str, errors: Sequence[str], *, action: str
) -> tuple[str, str]:
    """Reason and message while a Job runs or is about to."""
    if errors:
        return "ApplyFailed", sentences(errors)
    failing = jobs.pod_failure(job, snapshot)
    if failing is not None:
        return "ExportFailing", f"Job {job!r} tries again; its last attempt failed: {failing}"
    for pod in snapshot.pods:
        if pod.job == job and pod.problem is not None:
            return "PodsFailing", f"Pod {pod.name!r} does not start: {pod.problem}"
    return "ExportRunning", f"Job {job!r} {action}."


def _failure(snapshot: ExportSnapshot, plan: ExportPlan, state: JobState | None) -> tuple[str, str]:
    late = state is not None and state.reason == "DeadlineExceeded"
    detail = _reported(plan.export_job, snapshot, state)
    if detail is None:
        return "ExportFailed", _previous_message(snapshot, "Failed")
    return "DeadlineExceeded" if late else "ExportFailed", sentences([detail, _AGAIN])


def _reported(job: str, snapshot: ExportSnapshot, state: JobState | None) -> str | None:
    """Why a Job failed; None when that is only in the status."""
    message = jobs.pod_failure(job, snapshot)
    if state is None:
        return message
    if state.reason == "DeadlineExceeded":
        limit = snapshot.export.spec.active_deadline_seconds
        last = f"; its last attempt failed: {message}" if message else ""
        return f"Job {job!r} took longer than activeDeadlineSeconds ({limit} s){last}"
    if message is not None:
        return f"Job {job!r} failed: {message}"
    # The pods are gone; an earlier pass may have seen what they reported.
    known = job in export_plan.finished_jobs(snapshot)
    return None if known else f"Job {job!r} failed: {state.message or 'it left no message'}"


def _result_lost(job: str) -> tuple[str, str]:
    return "ResultLost", (
        f"Job {job!r} is complete, but its pod was deleted before its result could be read. "
        f"{_AGAIN}."
    )


def _lost(
    phase: Phase | None,
    result: Mapping[str, Any] | None,
    state: JobState | None,
    snapshot: ExportSnapshot,
) -> bool:
    return phase is Phase.COMPLETE and result is None and _too_late(state, snapshot)


def _too_late(state: JobState | None, snapshot: ExportSnapshot) -> bool:
    if state is None or state.finished_at is None:
        return False
    return snapshot.now - dt.datetime.fromisoformat(state.finished_at) > RESULT_WITHIN


def _kept(snapshot: ExportSnapshot, kind: str) -> Condition:
    """A condition as the status has it."""
    for each in snapshot.status.get("conditions", ()):
        if each["type"] == kind:
            return Condition(kind, each["status"], each["reason"], each["message"])
    return Condition(kind, "Unknown", "NotRecorded", "It is not in the status any more.")


def _previous_message(snapshot: ExportSnapshot, kind: str) -> str:
    return _kept(snapshot, kind).message


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
