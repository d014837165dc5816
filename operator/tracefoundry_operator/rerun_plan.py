"""The plan for running the agent of a TraceExport again: its policy, its Job, and the Job that
checks the bundle and hands it over. A pure function.

The order is fixed by what each part needs. The pod of the agent is not created before its
NetworkPolicy. The Job that checks the bundle needs the address of that pod. If the check fails, the
agent's Job would wait for a bundle that never comes, so it is deleted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracefoundry_operator import acceptance, jobs, kinds, ownership
from tracefoundry_operator.actions import Action, Apply, Create, Delete
from tracefoundry_operator.jobs import Phase, Run
from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests import export_jobs, rerun_job
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.records import Child, JobState
from tracefoundry_operator.snapshot import ExportSnapshot

POLICY = "NetworkPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunPlan:
    """What to do about a re-run.

    Attributes:
        actions: in the order of their execution.
        agent: the Job that runs the agent; None when it is not created, and was not.
        check: the Job that checks the bundle and hands it over; None when there is none yet.
        refused: why the agent may not run (any more): reason and sentence.
    """

    actions: tuple[Action, ...]
    agent: Run | None
    check: Run | None
    refused: tuple[str, str] | None = None


def plan(
    snapshot: ExportSnapshot,
    rendering: Rendering | None,
    bundle: Mapping[str, Any],
    *,
    blocked: bool,
) -> RerunPlan:
    """What to do now.

    Args:
        snapshot: an export with the mode Rerun and a bundle.
        rendering: its instance; None when that no longer exists.
        bundle: ``status.bundle``.
        blocked: no Job may be created now.
    """
    finished = snapshot.status.get("finishedJobs", ())
    agent_name = rerun_job.rerun_job_name(snapshot.export, bundle["sha256"])
    check_name = export_jobs.replay_job_name(snapshot.export, bundle["sha256"])
    agent, check = _job(agent_name, snapshot), _job(check_name, snapshot)
    if agent_name in finished or (agent is not None and not _runs(agent)):
        return RerunPlan(
            # The policy has no pod any more.
            actions=_deletions(_policy(agent_name, snapshot)) if agent_name in finished else (),
            agent=_ended(agent_name, agent),
            check=_ended(check_name, check),
        )
    if agent is not None and _sidecar_failed(agent_name, snapshot):
        return RerunPlan(
            actions=_deletions(agent),
            agent=Run(name=agent_name, phase=Phase.FAILED, actions=()),
            check=None if check is None else _ended(check_name, check),
        )
    if check is not None and _failed(check):
        return RerunPlan(
            actions=_deletions(agent),
            agent=Run(name=agent_name, phase=Phase.RUNNING, actions=()),
            check=_ended(check_name, check),
        )
    if rendering is None:
        return RerunPlan(actions=_deletions(agent, check), agent=None, check=None)
    refused = acceptance.image_refusal(snapshot.export, rendering.instance)
    if refused is not None:
        return RerunPlan(actions=_deletions(agent, check), agent=None, check=None, refused=refused)
    return _running(snapshot, rendering, bundle, agent, check, blocked=blocked)


def _running(
    snapshot: ExportSnapshot,
    rendering: Rendering,
    bundle: Mapping[str, Any],
    agent: Child | None,
    check: Child | None,
    *,
    blocked: bool,
) -> RerunPlan:
    export = snapshot.export
    run = jobs.run(
        rerun_job.rerun_job(rendering, export, bundle),
        snapshot,
        blocked=blocked and agent is None,
        suspended=export.spec.suspend,
    )
    if agent is None and check is not None:
        # It has handed the bundle to a pod that is gone.
        return RerunPlan(actions=_deletions(check), agent=run, check=None)
    if run.phase is not Phase.RUNNING:
        return RerunPlan(actions=(), agent=run, check=None)
    policy = rerun_job.network_policy(rendering, export, bundle)
    handing = _hand_over(snapshot, rendering, bundle, agent, check)
    return RerunPlan(
        actions=(
            *_converge(policy, snapshot),
            *(
                dataclasses.replace(each, requires=key_of(policy))
                if isinstance(each, Create)
                else each
                for each in run.actions
            ),
            *(handing.actions if handing is not None else ()),
        ),
        agent=run,
        check=handing,
    )


def _hand_over(
    snapshot: ExportSnapshot,
    rendering: Rendering,
    bundle: Mapping[str, Any],
    agent: Child | None,
    check: Child | None,
) -> Run | None:
    """The Job that checks the bundle and hands it to the pod of the agent."""
    address = None
    if agent is not None and not agent.deleting:
        pods = (pod for pod in snapshot.pods if pod.job == agent.key.name)
        address = next((pod.address for pod in pods if pod.address), None)
    if address is None:
        return None if check is None else _ended(check.key.name, check)
    manifest = export_jobs.replay_job(rendering, snapshot.export, bundle, rerun_address=address)
    return jobs.run(manifest, snapshot)


def _sidecar_failed(job: str, snapshot: ExportSnapshot) -> bool:
    """Whether the sidecar of a pod that goes on has failed: recording and report are gone with it.

    A pod that is being deleted has no address. Its sidecar may say that it was ended too early, and
    the Job will say why.
    """
    return any(pod.message and pod.address for pod in snapshot.pods if pod.job == job)


def _converge(policy: Manifest, snapshot: ExportSnapshot) -> list[Action]:
    child = snapshot.children.get(key_of(policy))
    if child is not None and child.deleting:
        return []
    if child is not None and child.owned_digest == ownership.rendered_digest(policy):
        return []
    return [Apply(policy, known=child is not None)]


def _ended(name: str, job: Child | None) -> Run:
    """A Job about which there is nothing to do, as it is."""
    if job is None or not isinstance(job.state, JobState):
        return Run(name=name, phase=Phase.FINISHED, actions=())
    if job.state.running:
        return Run(name=name, phase=Phase.RUNNING, actions=())
    phase = Phase.FAILED if job.state.failed else Phase.COMPLETE
    return Run(name=name, phase=phase, actions=())


def _deletions(*children: Child | None) -> tuple[Action, ...]:
    return tuple(Delete(each) for each in children if each is not None and not each.deleting)


def _runs(job: Child) -> bool:
    return isinstance(job.state, JobState) and job.state.running


def _failed(job: Child) -> bool:
    return isinstance(job.state, JobState) and job.state.failed


def _job(name: str, snapshot: ExportSnapshot) -> Child | None:
    return snapshot.children.get(ObjectKey(kinds.JOB.name, snapshot.export.namespace, name))


def _policy(name: str, snapshot: ExportSnapshot) -> Child | None:
    return snapshot.children.get(ObjectKey(POLICY, snapshot.export.namespace, name))
