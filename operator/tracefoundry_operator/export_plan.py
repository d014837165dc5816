"""The plan for a TraceExport: which of its Jobs to create, and why not. A pure function.

The Job that writes the bundle comes first. It waits until the instance allows the export, all
Secrets exist and the database has the schema of the instance's version. The Job that checks the
bundle follows. What was decided once stays: the bounds, the Secrets and the instance itself no
longer matter to an export that has finished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracefoundry_operator import (
    acceptance,
    export_results,
    jobs,
    kinds,
    references,
    rerun_plan,
)
from tracefoundry_operator.actions import Action, Delete, Expire
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.conditions import ConditionType, sentences
from tracefoundry_operator.jobs import Phase, Run
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.manifests import export_jobs
from tracefoundry_operator.manifests.rendering import Rendering
from tracefoundry_operator.records import Child, JobState
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.snapshot import ExportSnapshot

Reason = tuple[str, str]
"""A reason in one word, and a sentence."""

_INSTANCE_GONE: Reason = ("InstanceMissing", "Its TraceFoundry no longer exists.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPlan:
    """What to do, and the findings that the status reports.

    Attributes:
        actions: in the order of their execution.
        refused: why the export is not accepted; None when it is, or when that no longer matters.
        waiting: why the Job for the bundle is not created; None when it is, or was.
        export_job: name of that Job.
        export: its progress; None when it is not even considered.
        bundle: ``status.bundle``, as known now.
        replay: the Job that checks the bundle; None when there is none yet.
        rerun: the Job that runs the agent again; None when there is none yet.
        replay_waiting: why these Jobs are not created.
    """

    actions: tuple[Action, ...]
    refused: Reason | None
    waiting: Reason | None
    export_job: str
    export: Phase | None
    bundle: Mapping[str, Any] | None
    replay: Run | None = None
    rerun: Run | None = None
    replay_waiting: Reason | None = None


def plan(snapshot: ExportSnapshot, settings: Settings) -> ExportPlan:
    """The plan for an export.

    Raises:
        InvalidName: the instance's name or version cannot be used.
    """
    export, instance = snapshot.export, snapshot.instance
    name = export_jobs.export_job_name(export)
    job = job_of(name, snapshot)
    decided = name in finished_jobs(snapshot) or (job is not None and not running(job))
    refused = None if decided else _refused(snapshot)
    if refused is not None or (instance is None and not decided):
        # A Job that was allowed and is not any more must not go on reading.
        actions = (Delete(job),) if job is not None and not job.deleting else ()
        return _plan(snapshot, name, actions=actions, refused=refused)
    phase, waiting, found = _export(snapshot, settings, name, job)
    bundle = export_results.bundle(name, snapshot) or snapshot.status.get("bundle")
    made = ExportPlan(
        actions=found,
        refused=None,
        waiting=waiting,
        export_job=name,
        export=phase,
        bundle=bundle,
    )
    if phase in (Phase.COMPLETE, Phase.FINISHED) and bundle is not None:
        return _with_replay(made, snapshot, settings, bundle)
    return made


def expirations(snapshot: ExportSnapshot, status: Mapping[str, Any]) -> tuple[Action, ...]:
    """Set the time to live of Jobs whose result is in the status.

    A Job with a time to live from the beginning could be deleted with its result while the operator
    does not run.
    """
    finished = status.get("finishedJobs", ())
    return tuple(
        Expire(
            {
                "apiVersion": kinds.JOB.api_version,
                "kind": key.kind,
                # With the uid, a Job that was deleted in between is not created.
                "metadata": {"name": key.name, "namespace": key.namespace, "uid": child.uid},
                "spec": {
                    "ttlSecondsAfterFinished": snapshot.export.spec.ttl_seconds_after_finished
                },
            }
        )
        for key, child in snapshot.children.items()
        if key.name in finished
        and not child.expires
        and not child.deleting
        and isinstance(child.state, JobState)
        and not child.state.running
    )


def finished_jobs(snapshot: ExportSnapshot) -> tuple[str, ...]:
    """Names of Jobs that the status records as finished."""
    return tuple(snapshot.status.get("finishedJobs", ()))


def job_of(name: str, snapshot: ExportSnapshot) -> Child | None:
    """The record of a Job of the export."""
    return snapshot.children.get(ObjectKey(kinds.JOB.name, snapshot.export.namespace, name))


def running(job: Child) -> bool:
    """Whether a Job has neither completed nor failed."""
    return isinstance(job.state, JobState) and job.state.running


def _plan(
    snapshot: ExportSnapshot, name: str, *, actions: tuple[Action, ...], refused: Reason | None
) -> ExportPlan:
    return ExportPlan(
        actions=actions,
        refused=refused,
        waiting=None,
        export_job=name,
        export=None,
        bundle=snapshot.status.get("bundle"),
    )


def _refused(snapshot: ExportSnapshot) -> Reason | None:
    export, instance = snapshot.export, snapshot.instance
    if instance is None:
        return (
            "InstanceMissing",
            f"There is no TraceFoundry {export.spec.instance_ref.name!r} in this namespace.",
        )
    found = acceptance.refusals(export, instance)
    if not found:
        return None
    return (
        found[0][0],
        f"TraceFoundry {instance.name!r} does not allow it (spec.exports): "
        f"{'; '.join(sentence for _, sentence in found)}.",
    )


def _export(
    snapshot: ExportSnapshot, settings: Settings, name: str, job: Child | None
) -> tuple[Phase, Reason | None, tuple[Action, ...]]:
    """Progress of the Job for the bundle, why it is not created, and what to do about it."""
    instance = snapshot.instance
    if instance is None or name in finished_jobs(snapshot):
        # Decided: it has ended, and nothing is left to do about it.
        if job is None or not isinstance(job.state, JobState):
            failed = snapshot.status.get("bundle") is None
            return Phase.FAILED if failed else Phase.FINISHED, None, ()
        return Phase.FAILED if job.state.failed else Phase.COMPLETE, None, ()
    waiting = _waiting(snapshot, instance) if job is None else None
    run = jobs.run(
        export_jobs.export_job(_rendering(instance, settings), snapshot.export),
        snapshot,
        blocked=waiting is not None and waiting[0] != "Suspended",
        suspended=snapshot.export.spec.suspend,
    )
    return run.phase, waiting, run.actions


def _with_replay(
    made: ExportPlan, snapshot: ExportSnapshot, settings: Settings, bundle: Mapping[str, Any]
) -> ExportPlan:
    """The plan with what is to be done about the bundle, which is there."""
    mode = snapshot.export.spec.dry_replay.mode
    if mode == "None":
        waiting = ("NotAsked", "spec.dryReplay.mode is None.")
        return dataclasses.replace(made, replay_waiting=waiting)
    if mode == "Rerun":
        return _with_rerun(made, snapshot, settings, bundle)
    run, reason = _replay(snapshot, settings, bundle)
    return dataclasses.replace(
        made,
        actions=(*made.actions, *(run.actions if run is not None else ())),
        replay=run,
        replay_waiting=reason,
    )


def _with_rerun(
    made: ExportPlan, snapshot: ExportSnapshot, settings: Settings, bundle: Mapping[str, Any]
) -> ExportPlan:
    instance = snapshot.instance
    waiting = _INSTANCE_GONE if instance is None else _waiting(snapshot, instance)
    found = rerun_plan.plan(
        snapshot,
        None if instance is None else _rendering(instance, settings),
        bundle,
        blocked=waiting is not None and waiting[0] != "Suspended",
    )
    reason = None
    if found.refused is not None and instance is not None:
        sentence = f"TraceFoundry {instance.name!r} does not allow it (spec.exports)"
        reason = (found.refused[0], f"{sentence}: {found.refused[1]}.")
    elif found.agent is None or found.agent.phase in (Phase.BLOCKED, Phase.SUSPENDED):
        reason = waiting
    return dataclasses.replace(
        made,
        actions=(*made.actions, *found.actions),
        replay=found.check,
        rerun=found.agent,
        replay_waiting=reason,
    )


def _replay(
    snapshot: ExportSnapshot, settings: Settings, bundle: Mapping[str, Any]
) -> tuple[Run | None, Reason | None]:
    """The Job that checks the bundle, or why there is none."""
    instance = snapshot.instance
    name = export_jobs.replay_job_name(snapshot.export, bundle["sha256"])
    job = job_of(name, snapshot)
    if name in finished_jobs(snapshot) or (job is not None and not running(job)):
        state = job.state if job is not None else None
        failed = isinstance(state, JobState) and state.failed
        phase = Phase.FINISHED if job is None else Phase.FAILED if failed else Phase.COMPLETE
        return Run(name=name, phase=phase, actions=()), None
    if instance is None:
        return None, _INSTANCE_GONE
    waiting = _waiting(snapshot, instance) if job is None else None
    run = jobs.run(
        export_jobs.replay_job(_rendering(instance, settings), snapshot.export, bundle),
        snapshot,
        blocked=waiting is not None and waiting[0] != "Suspended",
        suspended=snapshot.export.spec.suspend,
    )
    return run, waiting


def _waiting(snapshot: ExportSnapshot, instance: Instance) -> Reason | None:
    """Why no Job of the export may be created now."""
    if instance.spec.management_state != "Managed":
        return "InstanceUnmanaged", "managementState of its TraceFoundry is Unmanaged."
    if instance.spec.suspend:
        return "InstanceSuspended", "suspend of its TraceFoundry is true."
    if snapshot.export.spec.suspend:
        return "Suspended", "suspend is true, so its Job is not started."
    missing = references.missing(
        instance.spec, snapshot.secrets, snapshot.config_maps, for_exports=True
    )
    if missing:
        return "ReferenceMissing", sentences(missing)
    migrated = any(
        condition.get("type") == ConditionType.SCHEMA_MIGRATED and condition.get("status") == "True"
        for condition in snapshot.instance_status.get("conditions", ())
    )
    # Without the version an upgrade was just asked for, and its migration is not known yet.
    current = snapshot.instance_status.get("observedGeneration") == instance.generation
    if not (migrated and current):
        return (
            "InstanceNotReady",
            f"The database of TraceFoundry {instance.name!r} is not migrated yet.",
        )
    return None


def _rendering(instance: Instance, settings: Settings) -> Rendering:
    """The input of the renderers. Jobs are not changed when a Secret changes: no versions."""
    return Rendering(
        instance=instance,
        version=settings.version(instance.spec),
        services=settings.services_image(instance.spec),
        collector=settings.collector(instance.spec),
        secret_versions={},
        config_map_versions={},
        operator_namespace=settings.namespace,
    )
