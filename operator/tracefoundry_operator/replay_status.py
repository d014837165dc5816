"""The condition ReplayPassed of a TraceExport, and ``status.dryReplay``. Pure functions.

Names of calls are part of the message, arguments and results are not: whoever may read the
resource may not be one who may read content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracefoundry_operator import export_plan, export_results, job_outcomes, jobs
from tracefoundry_operator.conditions import Condition, sentences
from tracefoundry_operator.export_plan import ExportPlan
from tracefoundry_operator.export_results import RerunResult
from tracefoundry_operator.jobs import Phase, Run
from tracefoundry_operator.manifests import rerun_job
from tracefoundry_operator.pod_records import Exit
from tracefoundry_operator.snapshot import ExportSnapshot

KIND = "ReplayPassed"

Found = tuple[Condition, dict[str, Any] | None]
"""The condition, and the result if it is known."""

PAYLOADS = ("missing", "expired", "dangling", "redacted", "excluded")
"""Counts of the check in ``status.dryReplay``."""


def compute(snapshot: ExportSnapshot, plan: ExportPlan, errors: Sequence[str]) -> Found:
    """Condition and result after the plan was executed.

    Args:
        snapshot: what is known after the plan was executed.
        plan: that was executed.
        errors: sentences about objects that could not be created.
    """
    if plan.replay_waiting is not None:
        status = "False" if plan.replay_waiting[0] == "ImageNotAllowed" else "Unknown"
        return Condition(KIND, status, *plan.replay_waiting), None
    if plan.rerun is not None:
        return _rerun(snapshot, plan.rerun, plan.replay, errors)
    if plan.replay is not None:
        return _check(snapshot, plan.replay, errors, action="checks the bundle")
    if snapshot.export.spec.dry_replay.mode == "None":
        return Condition(KIND, "Unknown", "NotAsked", "spec.dryReplay.mode is None."), None
    return Condition(KIND, "Unknown", "NotComplete", "There is no bundle yet."), None


def _check(snapshot: ExportSnapshot, run: Run, errors: Sequence[str], *, action: str) -> Found:
    """The result of the Job that checks the bundle."""
    state = job_outcomes.state_of(run.name, snapshot)
    if run.phase is Phase.FINISHED and export_plan.job_of(run.name, snapshot) is None:
        return job_outcomes.kept(snapshot, KIND), None
    if run.phase is Phase.FAILED:
        detail = job_outcomes.failure(run.name, snapshot, state) or _previous(snapshot)
        return Condition(KIND, "False", "ReplayFailed", detail), None
    if run.phase is not Phase.COMPLETE:
        return _running(snapshot, run.name, errors, action=action), None
    found = export_results.replay(run.name, snapshot) or snapshot.status.get("dryReplay")
    if found is None:
        if job_outcomes.too_late(state, snapshot):
            return Condition(KIND, "False", *job_outcomes.result_lost(run.name)), None
        return Condition(KIND, "Unknown", "ReadingResult", f"Job {run.name!r} is complete."), None
    counts = ", ".join(f"{found[each]} {each}" for each in PAYLOADS)
    if found["ok"]:
        return Condition(KIND, "True", "Passed", f"Payloads: {counts}."), found
    message = f"The bundle does not hold all that its spans refer to. Payloads: {counts}."
    return Condition(KIND, "False", "ContentMissing", message), found


def _rerun(snapshot: ExportSnapshot, agent: Run, check: Run | None, errors: Sequence[str]) -> Found:
    """The result of both Jobs of a re-run."""
    if agent.phase is Phase.FINISHED and export_plan.job_of(agent.name, snapshot) is None:
        return job_outcomes.kept(snapshot, KIND), None
    recorded = agent.name in export_plan.finished_jobs(snapshot)
    if recorded and job_outcomes.kept(snapshot, KIND).status != "Unknown":
        return job_outcomes.kept(snapshot, KIND), None
    if check is not None and check.phase is Phase.FAILED:
        return _check(snapshot, check, errors, action="")
    if agent.phase not in (Phase.COMPLETE, Phase.FAILED):
        if check is None or check.phase is Phase.COMPLETE:
            action = "waits for its pod" if check is None else "runs the agent"
            return _running(snapshot, agent.name, errors, action=action), None
        action = "checks the bundle and hands it to the pod of the agent"
        return _running(snapshot, check.name, errors, action=action), None
    return _ended(snapshot, agent, check, errors)


def _ended(snapshot: ExportSnapshot, agent: Run, check: Run | None, errors: Sequence[str]) -> Found:
    """The result when the agent has ended."""
    state = job_outcomes.state_of(agent.name, snapshot)
    called = export_results.rerun(agent.name, snapshot)
    left = next((pod.exit for pod in snapshot.pods if pod.job == agent.name and pod.exit), None)
    late = state is not None and state.reason == "DeadlineExceeded"
    if called is None or left is None or late:
        return _without_report(snapshot, agent, left), None
    checked, payloads = (
        (None, None)
        if check is None
        else _check(snapshot, check, errors, action="checks the bundle")
    )
    if payloads is None:
        if checked is not None and not job_outcomes.too_late(state, snapshot):
            return Condition(KIND, "Unknown", "ReadingResult", "The check has not ended."), None
        payloads = {"ok": True}
    result = {
        **payloads,
        "ok": payloads["ok"] and not called.missed and left.status == 0,
        "exitStatus": left.status,
        **{name: getattr(called, name) for name in ("matched", "missed", "diverged", "unused")},
        "guards": list(called.guards),
    }
    if called.missed or left.status:
        return Condition(KIND, "False", *_not_passed(agent.name, called, left)), result
    if checked is not None and checked.status == "False":
        return Condition(KIND, "False", checked.reason, checked.message), result
    return Condition(KIND, "True", "Passed", _passed(called)), result


def _without_report(snapshot: ExportSnapshot, agent: Run, left: Exit | None) -> Condition:
    """The agent has ended, and there is no report of its calls."""
    state = job_outcomes.state_of(agent.name, snapshot)
    if left is not None and left.message:
        message = f"The agent's container could not be started: {left.message}"
        return Condition(KIND, "False", "AgentNotStarted", sentences([message, _logs(agent.name)]))
    if state is not None and state.reason == "DeadlineExceeded":
        before = job_outcomes.kept(snapshot, KIND)
        told = [
            job_outcomes.failure(agent.name, snapshot, state) or "",
            # The pod that did not start is gone now.
            *([before.message] if before.reason == "PodsFailing" else []),
            job_outcomes.AGAIN,
        ]
        return Condition(KIND, "False", "DeadlineExceeded", sentences(told))
    sidecar = jobs.pod_failure(agent.name, snapshot)
    if sidecar is not None:
        message = f"The container {rerun_job.SIDECAR!r} of Job {agent.name!r} failed: {sidecar}"
        return Condition(KIND, "False", "ReplayFailed", sentences([message, job_outcomes.AGAIN]))
    if not job_outcomes.too_late(state, snapshot):
        message = f"Job {agent.name!r} has ended; the report of its pod is not known yet."
        return Condition(KIND, "Unknown", "ReadingResult", message)
    if agent.phase is Phase.COMPLETE:
        return Condition(KIND, "False", *job_outcomes.result_lost(agent.name))
    detail = job_outcomes.failure(agent.name, snapshot, state) or _previous(snapshot)
    return Condition(KIND, "False", "ReplayFailed", sentences([detail, job_outcomes.AGAIN]))


def _not_passed(job: str, called: RerunResult, left: Exit) -> tuple[str, str]:
    """Reason and message of a re-run that did not pass."""
    ending = f"The agent ended with status {left.status}"
    if left.reason == "OOMKilled":
        ending += " because it needed more memory: raise spec.exports.resources of the TraceFoundry"
    if not called.missed:
        told = [f"{ending}, although no call missed ({called.matched} matched)", *called.notes]
        return "AgentFailed", sentences([*told, _logs(job)])
    asked = called.matched + called.missed
    told = [
        f"{called.missed} of {asked} calls were not answered from the recording",
        *called.unanswered,
        ending,
        *called.notes,
    ]
    return "CallsMissed", sentences([*told, _logs(job)])


def _passed(called: RerunResult) -> str:
    guards = ", ".join(called.guards) or "none"
    counts = f"Calls: {called.matched} matched, {called.unused} recorded and not made"
    return sentences([counts, f"Guards: {guards}", *called.notes])


def _logs(job: str) -> str:
    return (
        f"See kubectl logs job/{job} -c {rerun_job.SIDECAR} for the differences, and"
        f" -c {rerun_job.AGENT} for what the agent wrote"
    )


def _running(
    snapshot: ExportSnapshot, job: str, errors: Sequence[str], *, action: str
) -> Condition:
    reason, message = job_outcomes.running(snapshot, job, errors, action=action)
    return Condition(KIND, "Unknown", reason.replace("Export", "Replay"), message)


def _previous(snapshot: ExportSnapshot) -> str:
    return job_outcomes.kept(snapshot, KIND).message
