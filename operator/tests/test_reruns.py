"""The plan and the status of a TraceExport that runs an agent again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.exported import CALLED
from tests.instances import MINIMAL, RERUN, instance
from tests.test_exports import (
    BUNDLE,
    COUNTS,
    DONE,
    FAILED,
    NOW,
    RUNNING,
    SETTINGS,
    World,
)
from tests.test_reconcile import child
from tracefoundry_operator import export_plan, exports
from tracefoundry_operator.actions import Apply, Create, Delete, Outcome
from tracefoundry_operator.export_plan import ExportPlan
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.pod_records import Exit, Pod
from tracefoundry_operator.records import (
    JobState,
)

ALLOWED: Mapping[str, Any] = {**MINIMAL, "exports": {"rerunImages": [RERUN["image"]]}}
LATER = NOW + dt.timedelta(minutes=2)


class Rerun(World):
    """An export with a bundle. Its Jobs and its policy come and go as the cluster would do it."""

    def __init__(self, spec: Mapping[str, Any] = ALLOWED, **asked: Any) -> None:
        super().__init__(spec, dryReplay=RERUN, **asked)
        super().run()
        self.end(DONE, json.dumps(BUNDLE))
        self.refused: set[str] = set()

    def run(self) -> ExportPlan:
        """One pass. Objects of the kinds in ``refused`` cannot be made."""
        plan = export_plan.plan(self.seen, SETTINGS)
        outcome, children = Outcome(), dict(self.seen.children)
        for action in plan.actions:
            if action.key.kind in self.refused:
                outcome.errors.append(f"{action.key.kind}: forbidden")
            elif isinstance(action, Apply):
                self.created.append(f"policy {action.key.name}")
                owner = {"owner_kind": "TraceExport", "owner_name": "incident"}
                children[action.key] = child(action.manifest, **owner)
            elif isinstance(action, Delete):
                self.created.append(f"deleted {action.key.kind} {action.key.name}")
                del children[action.key]
            elif isinstance(action, Create) and (
                action.requires is None or action.requires in children
            ):
                self.created.append(action.key.name)
                children[action.key] = self.record(action.manifest, RUNNING)
        self.change(children=children)
        self.change(status=exports.compute(self.seen, plan, errors=outcome.errors))
        jobs = {key.name for key in self.jobs}
        self.change(pods=tuple(pod for pod in self.seen.pods if pod.job in jobs))
        return plan

    def name(self, component: str) -> str:
        """The name of the Job of a component."""
        found = [key.name for key in self.jobs if key.name.startswith(f"incident-{component}-")]
        return found[0] if found else ""

    @property
    def jobs(self) -> list[ObjectKey]:
        """Keys of its Jobs."""
        return [key for key in self.seen.children if key.kind == "Job"]

    @property
    def policies(self) -> list[str]:
        """Names of its policies."""
        return [key.name for key in self.seen.children if key.kind == "NetworkPolicy"]

    def show(self, component: str, **changed: Any) -> None:
        """The pod of a Job, as it is now."""
        job = self.name(component)
        others = tuple(pod for pod in self.seen.pods if pod.job != job)
        values: dict[str, Any] = {
            "namespace": "tracing", "name": f"{job}-x", "uid": f"uid-of-{job}",
            "resource_version": "1",
            "instance_label": "main", "component": component, "job": job, "address": None,
            "problem": None, "message": None, **changed,
        }  # fmt: skip
        self.change(pods=(*others, Pod(**values)))

    def finish(self, component: str, state: JobState, **pod: Any) -> None:
        """The Job of a component ends, and its pod."""
        key = next(key for key in self.jobs if key.name == self.name(component))
        ended = dataclasses.replace(self.seen.children[key], state=state)
        self.change(children={**self.seen.children, key: ended})
        if pod:
            self.show(component, **pod)

    def to_the_agent(self) -> None:
        """From the bundle to the agent that runs."""
        self.run()
        self.show("rerun", address="10.1.2.3")
        self.run()
        self.finish("replay", DONE, result=json.dumps(COUNTS))
        self.run()

    def end_agent(self, status: int = 0, **called: Any) -> None:
        """The agent ends, and its pod leaves the report."""
        self.finish(
            "rerun",
            FAILED if status else DONE,
            result=json.dumps({**CALLED, **called}),
            exit=Exit(status, "Error" if status else "Completed"),
        )
        self.run()


def test_an_agent_runs_again_and_its_result_is_kept() -> None:
    """From the bundle to the deletion of all Jobs, each of which is made once."""
    world = Rerun()
    world.run()
    agent = world.name("rerun")
    assert [f"policy {agent}", agent] == world.created[1:]
    assert ("Unknown", "ReplayRunning") == world.condition("ReplayPassed")
    assert "waits for its pod" in world.message("ReplayPassed")
    world.show("rerun", address="10.1.2.3")
    world.run()
    assert world.name("replay") == world.created[3]
    assert "hands it to the pod of the agent" in world.message("ReplayPassed")
    world.finish("replay", DONE, result=json.dumps(COUNTS))
    world.run()
    assert "runs the agent" in world.message("ReplayPassed")
    assert "dryReplay" not in world.seen.status
    world.end_agent()
    assert ("True", "Passed") == world.condition("ReplayPassed")
    assert (
        "Calls: 3 matched, 1 recorded and not made. Guards: network policy, sockets."
        == world.message("ReplayPassed")
    )
    expected = {
        **COUNTS, "exitStatus": 0, "matched": 3, "missed": 0, "diverged": 0, "unused": 1,
        "guards": ["network policy", "sockets"],
    }  # fmt: skip
    assert expected == world.seen.status["dryReplay"]
    assert sorted(key.name for key in world.jobs) == sorted(world.seen.status["finishedJobs"])
    assert "complete" == world.phase
    status = world.seen.status
    # The pod that the policy was for has ended.
    world.run()
    assert ([], f"deleted NetworkPolicy {agent}") == (world.policies, world.created[-1])
    made = len(world.created)
    for step in (lambda: None, lambda: world.change(pods=()), world.forget_jobs):
        step()
        world.run()
        assert (made, status) == (len(world.created), world.seen.status)


def test_each_pass_without_changes_does_nothing() -> None:
    """In each state."""
    world = Rerun()
    steps = (
        lambda: None,
        lambda: world.show("rerun", address="10.1.2.3"),
        lambda: world.finish("replay", DONE, result=json.dumps(COUNTS)),
    )
    for step in steps:
        step()
        world.run()
        before = (list(world.created), world.seen.status)
        assert () == world.run().actions
        assert before == (world.created, world.seen.status)


def test_no_pod_is_made_without_its_policy() -> None:
    """The agent would have egress. The Job follows when the policy can be made."""
    world = Rerun()
    world.refused = {"NetworkPolicy"}
    world.run()
    assert ("", []) == (world.name("rerun"), world.policies)
    assert ("Unknown", "ApplyFailed") == world.condition("ReplayPassed")
    assert "NetworkPolicy: forbidden" in world.message("ReplayPassed")
    world.refused = set()
    world.run()
    assert (1, True) == (len(world.policies), bool(world.name("rerun")))


def test_a_policy_that_somebody_changes_or_deletes_is_restored() -> None:
    """While the agent runs."""
    world = Rerun()
    world.to_the_agent()
    key = next(key for key in world.seen.children if key.kind == "NetworkPolicy")
    changed = dataclasses.replace(world.seen.children[key], owned_digest="another")
    world.change(children={**world.seen.children, key: changed})
    (action,) = world.run().actions
    assert (True, key) == (isinstance(action, Apply) and action.known, action.key)
    world.change(children={k: v for k, v in world.seen.children.items() if k != key})
    (action,) = world.run().actions
    assert (False, key) == (isinstance(action, Apply) and action.known, action.key)
    assert ("Unknown", "ReplayRunning") == world.condition("ReplayPassed")


def test_the_check_knows_the_address_of_the_agents_pod() -> None:
    """And its name does not depend on it."""
    world = Rerun()
    world.run()
    world.show("rerun", address="fd00::7")
    (action,) = world.run().actions
    assert isinstance(action, Create)
    (container,) = action.manifest["spec"]["template"]["spec"]["containers"]
    asked = next(
        each["value"] for each in container["env"] if each["name"] == "TRACEFOUNDRY_REPLAY_JOB"
    )
    assert {
        "uri": BUNDLE["uri"], "sha256": BUNDLE["sha256"], "mode": "Rerun",
        "rerun": {"host": "fd00::7", "port": 8090},
    } == json.loads(asked)  # fmt: skip
    # The pod ends, and so it has no address any more.
    world.show("rerun", address=None)
    assert () == world.run().actions


def test_a_call_that_the_recording_does_not_answer_is_named() -> None:
    """The agent fails then; the message says where the differences are."""
    world = Rerun()
    world.to_the_agent()
    told = ["diverged: tool 'lookup_order' of agent 'order-agent'"]
    world.end_agent(1, missed=1, diverged=1, unanswered=told)
    assert ("False", "CallsMissed") == world.condition("ReplayPassed")
    message = world.message("ReplayPassed")
    assert message.startswith(
        "1 of 4 calls were not answered from the recording. diverged: tool 'lookup_order' of agent"
        " 'order-agent'. The agent ended with status 1."
    )
    assert f"kubectl logs job/{world.name('rerun')} -c replay for the differences" in message
    assert (False, 1, 1) == tuple(
        world.seen.status["dryReplay"][key] for key in ("ok", "missed", "exitStatus")
    )
    assert ("True", "replay_failed") == (world.condition("Complete")[0], world.phase)
    status = world.seen.status
    world.forget_jobs()
    world.run()
    assert status == world.seen.status


def test_an_agent_that_hides_a_miss_does_not_pass() -> None:
    """It ended with status 0."""
    world = Rerun()
    world.to_the_agent()
    world.end_agent(0, missed=2)
    assert ("False", "CallsMissed") == world.condition("ReplayPassed")
    assert world.seen.status["dryReplay"]["ok"] is False


def test_an_agent_that_fails_although_all_calls_matched_does_not_pass() -> None:
    """Its log says why."""
    world = Rerun()
    world.to_the_agent()
    world.end_agent(3)
    assert ("False", "AgentFailed") == world.condition("ReplayPassed")
    message = world.message("ReplayPassed")
    assert "The agent ended with status 3, although no call missed (3 matched)." in message
    assert "-c agent for what the agent wrote" in message


def test_an_agent_that_needs_more_memory_says_what_to_change() -> None:
    world = Rerun()
    world.to_the_agent()
    left = Exit(137, "OOMKilled")
    world.finish("rerun", FAILED, result=json.dumps(CALLED), exit=left)
    world.run()
    assert "more memory: raise spec.exports.resources" in world.message("ReplayPassed")


def test_a_cluster_that_does_not_enforce_policies_is_told() -> None:
    """In the condition: the guard is not among those that were active."""
    world = Rerun()
    world.to_the_agent()
    world.end_agent(guards=["sockets"], notes=["The pod has egress."])
    assert ("True", "Passed") == world.condition("ReplayPassed")
    assert "Guards: sockets. The pod has egress." in world.message("ReplayPassed")


def test_an_image_that_cannot_be_started_says_why() -> None:
    """The command is not in it."""
    world = Rerun()
    world.to_the_agent()
    left = Exit(128, "StartError", 'exec: "agent": executable file not found in $PATH')
    world.finish("rerun", FAILED, exit=left)
    world.run()
    assert ("False", "AgentNotStarted") == world.condition("ReplayPassed")
    assert "executable file not found" in world.message("ReplayPassed")


def test_an_image_that_cannot_be_pulled_is_reported_while_it_waits() -> None:
    """And when its time is over, although its pod is gone then."""
    world = Rerun()
    world.to_the_agent()
    world.show("rerun", address="10.1.2.3", problem="ImagePullBackOff: not there")
    world.run()
    assert ("Unknown", "PodsFailing") == world.condition("ReplayPassed")
    assert "ImagePullBackOff" in world.message("ReplayPassed")
    world.finish("rerun", dataclasses.replace(FAILED, reason="DeadlineExceeded"))
    world.change(pods=())
    for _ in range(2):
        world.run()
        assert ("False", "DeadlineExceeded") == world.condition("ReplayPassed")
        assert "does not start: ImagePullBackOff: not there" in world.message("ReplayPassed")


def test_an_agent_that_takes_too_long_says_so() -> None:
    """Kubernetes deletes its pod with the report."""
    world = Rerun(activeDeadlineSeconds=60)
    world.to_the_agent()
    world.change(pods=())
    world.finish("rerun", dataclasses.replace(FAILED, reason="DeadlineExceeded"))
    world.run()
    assert ("False", "DeadlineExceeded") == world.condition("ReplayPassed")
    assert "took longer than activeDeadlineSeconds (60 s)" in world.message("ReplayPassed")
    assert world.name("rerun") in world.seen.status["finishedJobs"]


@pytest.mark.parametrize(
    "pod",
    [
        {"message": "the bundle of the re-run did not come"},
        {"result": json.dumps(CALLED), "exit": Exit(143, "Error")},
    ],
)
def test_what_a_pod_says_when_it_is_ended_is_not_the_reason(pod: Mapping[str, Any]) -> None:
    """Kubernetes ends the pod first, and says later that the Job took too long."""
    world = Rerun()
    world.to_the_agent()
    world.show("rerun", **pod)
    assert () == world.run().actions
    assert "Unknown" == world.condition("ReplayPassed")[0]
    world.finish("rerun", dataclasses.replace(FAILED, reason="DeadlineExceeded"), **pod)
    world.run()
    assert ("False", "DeadlineExceeded") == world.condition("ReplayPassed")


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_sidecar_that_fails_ends_its_agent(handed_over: bool) -> None:
    """It would be started again and wait for a bundle that does not come twice."""
    world = Rerun()
    if handed_over:
        world.to_the_agent()
    else:
        world.run()
    agent = world.name("rerun")
    world.show("rerun", address="10.1.2.3", message="the bundle was lost")
    world.run()
    assert ("False", "ReplayFailed") == world.condition("ReplayPassed")
    assert (
        f"The container 'replay' of Job {agent!r} failed: the bundle was lost."
        " Make a new TraceExport to try again." == world.message("ReplayPassed")
    )
    assert f"deleted Job {agent}" == world.created[-1]
    conditions = world.seen.status["conditions"]
    for _ in range(2):
        world.run()
        assert conditions == world.seen.status["conditions"]
    assert [f"deleted NetworkPolicy {agent}"] == world.created[world.created.index(
        f"deleted Job {agent}") + 1 :]  # fmt: skip


def test_a_check_that_fails_ends_the_agent_that_waits_for_it() -> None:
    """Its Job is not made again, nor is that of the agent."""
    world = Rerun()
    world.run()
    world.show("rerun", address="10.1.2.3")
    world.run()
    agent = world.name("rerun")
    world.finish("replay", FAILED, message="the bundle is not there any more")
    world.run()
    assert ("False", "ReplayFailed") == world.condition("ReplayPassed")
    assert "the bundle is not there any more" in world.message("ReplayPassed")
    assert f"deleted Job {agent}" in world.created
    status, made = world.seen.status, len(world.created)
    for _ in range(2):
        world.run()
        world.forget_jobs()
    assert status["conditions"] == world.seen.status["conditions"]
    assert [f"deleted NetworkPolicy {agent}"] == world.created[made:]


def test_a_bundle_without_all_its_content_does_not_pass() -> None:
    """Even if the agent did not ask for what is missing."""
    world = Rerun()
    world.run()
    world.show("rerun", address="10.1.2.3")
    world.run()
    world.finish("replay", DONE, result=json.dumps({**COUNTS, "ok": False, "expired": 4}))
    world.end_agent()
    assert ("False", "ContentMissing") == world.condition("ReplayPassed")
    assert (False, 3) == (
        world.seen.status["dryReplay"]["ok"], world.seen.status["dryReplay"]["matched"],
    )  # fmt: skip


def test_an_agents_job_that_somebody_deletes_is_made_again_with_its_check() -> None:
    """The new pod has no bundle yet."""
    world = Rerun()
    world.to_the_agent()
    gone = world.name("rerun")
    children = {key: each for key, each in world.seen.children.items() if key.name != gone
                or key.kind != "Job"}  # fmt: skip
    world.change(children=children, pods=())
    check = world.name("replay")
    world.run()
    assert f"deleted Job {check}" == world.created[-1]
    world.run()
    assert gone == world.created[-1]
    world.show("rerun", address="10.1.2.4")
    world.run()
    assert check == world.created[-1]


def test_an_agent_that_never_started_starts_with_what_was_corrected() -> None:
    """A pull secret was missing, for example. The new pod gets the bundle again."""
    world = Rerun()
    world.to_the_agent()
    agent, check = world.name("rerun"), world.name("replay")
    world.show("rerun", address="10.1.2.3", problem="ImagePullBackOff: denied", started=False)
    world.change(instance=instance({**ALLOWED, "imagePullSecrets": [{"name": "pull"}]}))
    before = len(world.created)
    world.run()
    world.run()
    world.run()
    assert [f"deleted Job {agent}", f"deleted Job {check}", agent] == world.created[before:]
    world.show("rerun", address="10.1.2.4")
    world.run()
    assert check == world.created[-1]


def test_an_image_that_is_not_allowed_any_more_ends_its_agent() -> None:
    """And runs again when it is allowed again."""
    world = Rerun()
    world.to_the_agent()
    world.change(instance=instance(MINIMAL))
    world.run()
    assert ("False", "ImageNotAllowed") == world.condition("ReplayPassed")
    assert "is not among the rerunImages" in world.message("ReplayPassed")
    assert [world.name("export")] == [key.name for key in world.jobs]
    world.change(instance=instance(ALLOWED))
    world.run()
    assert ("Unknown", "ReplayRunning") == world.condition("ReplayPassed")


def test_an_image_that_is_not_allowed_any_more_does_not_matter_to_what_has_ended() -> None:
    world = Rerun()
    world.to_the_agent()
    world.end_agent()
    world.run()
    status = world.seen.status
    for there in (instance(MINIMAL), None):
        world.change(instance=there)
        world.run()
        assert status == world.seen.status


@pytest.mark.parametrize(
    ("spec", "asked", "reason"),
    [
        ({**ALLOWED, "suspend": True}, {}, "InstanceSuspended"),
        (ALLOWED, {"suspend": True}, "Suspended"),
        (None, {}, "InstanceMissing"),
    ],
)
def test_a_rerun_waits(
    spec: Mapping[str, Any] | None, asked: Mapping[str, Any], reason: str
) -> None:
    """Nothing is made, neither Job nor policy; it begins when it may."""
    world = Rerun()
    world.change(instance=None if spec is None else instance(spec))
    world.ask(dryReplay=RERUN, **asked)
    assert () == world.run().actions
    assert ("Unknown", reason) == world.condition("ReplayPassed")
    world.change(instance=instance(ALLOWED))
    world.ask(dryReplay=RERUN)
    world.run()
    assert (1, True) == (len(world.policies), bool(world.name("rerun")))


def test_a_running_agent_is_left_to_finish_when_the_export_is_suspended() -> None:
    """As the schema says: no Job is started, and one that runs gets what it needs."""
    world = Rerun()
    world.run()
    world.show("rerun", address="10.1.2.3")
    world.ask(dryReplay=RERUN, suspend=True)
    world.run()
    assert world.name("replay")


@pytest.mark.parametrize("report", [None, "done", "[]", json.dumps({**CALLED, "guards": "many"})])
def test_a_report_that_does_not_come_is_waited_for_and_then_lost(report: str | None) -> None:
    """The pod was deleted, or its sidecar was killed."""
    world = Rerun()
    world.to_the_agent()
    world.finish("rerun", DONE, result=report, exit=Exit(0, "Completed"))
    world.run()
    assert ("Unknown", "ReadingResult") == world.condition("ReplayPassed")
    world.change(now=LATER)
    world.run()
    assert ("False", "ResultLost") == world.condition("ReplayPassed")


def test_an_agents_pod_that_was_lost_is_reported() -> None:
    """With its node; the agent does not run twice."""
    world = Rerun()
    world.to_the_agent()
    world.finish("rerun", FAILED)
    world.change(now=LATER, pods=())
    world.run()
    assert ("False", "ReplayFailed") == world.condition("ReplayPassed")
    assert "it failed too often" in world.message("ReplayPassed")
    assert "Make a new TraceExport to try again." in world.message("ReplayPassed")
