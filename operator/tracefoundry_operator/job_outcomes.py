"""Sentences about a Job of a TraceExport: what it does, or why it failed. Pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from tracefoundry_operator import export_plan, jobs
from tracefoundry_operator.conditions import Condition, sentences
from tracefoundry_operator.records import JobState
from tracefoundry_operator.snapshot import ExportSnapshot

RESULT_WITHIN = dt.timedelta(minutes=1)
"""The pod of a complete Job is usually known before the Job is; after this time its result is
lost, because somebody deleted the pod or its node."""

AGAIN = "Make a new TraceExport to try again"


def state_of(job: str, snapshot: ExportSnapshot) -> JobState | None:
    """The progress of the Job with this name; None when there is none."""
    found = export_plan.job_of(job, snapshot)
    return found.state if found is not None and isinstance(found.state, JobState) else None


def running(
    snapshot: ExportSnapshot, job: str, errors: Sequence[str], *, action: str
) -> tuple[str, str]:
    """Reason and message while a Job runs or is about to.

    Args:
        snapshot: of the export.
        job: its name.
        errors: sentences about objects that could not be created.
        action: what it does, as the end of a sentence.
    """
    if errors:
        return "ApplyFailed", sentences(errors)
    failing = jobs.pod_failure(job, snapshot)
    if failing is not None:
        return "ExportFailing", f"Job {job!r} tries again; its last attempt failed: {failing}"
    for pod in snapshot.pods:
        if pod.job == job and pod.problem is not None:
            return "PodsFailing", f"Pod {pod.name!r} does not start: {pod.problem}"
    return "ExportRunning", f"Job {job!r} {action}."


def failure(job: str, snapshot: ExportSnapshot, state: JobState | None) -> str | None:
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


def result_lost(job: str) -> tuple[str, str]:
    """Reason and message of a Job whose result nobody has read."""
    return "ResultLost", (
        f"Job {job!r} is complete, but its pod was deleted before its result could be read. "
        f"{AGAIN}."
    )


def too_late(state: JobState | None, snapshot: ExportSnapshot) -> bool:
    """Whether a Job ended so long ago that its result will not come any more."""
    if state is None or state.finished_at is None:
        return False
    return snapshot.now - dt.datetime.fromisoformat(state.finished_at) > RESULT_WITHIN


def kept(snapshot: ExportSnapshot, kind: str) -> Condition:
    """A condition as the status has it."""
    for each in snapshot.status.get("conditions", ()):
        if each["type"] == kind:
            return Condition(kind, each["status"], each["reason"], each["message"])
    return Condition(kind, "Unknown", "NotRecorded", "It is not in the status any more.")
