"""The records of pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lists import body
from tracefoundry_operator.cluster import Body
from tracefoundry_operator.pod_records import Exit, read_pod


def pod_body(status: dict[str, Any]) -> Body:
    """A pod with this status."""
    return {**body("main-migrate-1-x", "1"), "status": status}


@pytest.mark.parametrize(
    ("status", "started"),
    [
        ({}, False),
        ({"phase": "Pending", "conditions": [{"reason": "Unschedulable"}]}, False),
        (
            {
                "phase": "Pending",
                "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}],
            },
            False,
        ),
        ({"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}, True),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}}
                ],
            },
            True,
        ),
        ({"phase": "Failed"}, True),
    ],
)
def test_a_pod_counts_as_started_unless_it_certainly_never_was(
    status: dict[str, Any], started: bool
) -> None:
    """Only the Job of a pod that never started may be deleted."""
    assert started is read_pod(pod_body(status)).started


@pytest.mark.parametrize(("code", "message", "result"), [(1, "said", None), (0, None, "said")])
def test_messages_of_failure_and_success_are_told_apart(
    code: int, message: str | None, result: str | None
) -> None:
    """Why it failed, or the result of a Job."""
    terminated = {"exitCode": code, "message": "said"}
    status = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}
    found = read_pod(pod_body(status))
    assert (message, result) == (found.message, found.result)


def agent_pod(agent: dict[str, Any], sidecar: dict[str, Any]) -> Body:
    """The pod of a re-run: an agent of the user, and a sidecar of ours."""
    return pod_body(
        {
            "phase": "Failed",
            "containerStatuses": [{"name": "agent", "state": agent}],
            "initContainerStatuses": [
                {"name": "mesh-init", "state": ended(0, message="of a service mesh")},
                {"name": "replay", "state": sidecar},
            ],
        }
    )


def ended(code: int, **more: str) -> dict[str, Any]:
    """A container that has ended."""
    return {"terminated": {"exitCode": code, **more}}


def test_the_report_of_a_rerun_is_that_of_the_sidecar() -> None:
    """The agent could write anything into its own message, and what it wrote may be content."""
    found = read_pod(agent_pod(ended(0, message="forged"), ended(0, message="said")))
    assert ("said", None, Exit(0, "")) == (found.result, found.message, found.exit)
    found = read_pod(agent_pod(ended(1, reason="Error", message="content"), ended(1)))
    assert (None, None, Exit(1, "Error")) == (found.result, found.message, found.exit)
    found = read_pod(agent_pod({"running": {}}, ended(1, message="the bundle did not come")))
    assert ("the bundle did not come", None) == (found.message, found.exit)


def test_an_init_container_of_others_reports_nothing() -> None:
    """A service mesh adds one to every pod."""
    status = {
        "containerStatuses": [{"name": "export", "state": ended(0, message="said")}],
        "initContainerStatuses": [{"name": "mesh-init", "state": ended(0, message="ready")}],
    }
    found = read_pod(pod_body(status))
    assert ("said", None) == (found.result, found.exit)


def test_an_agent_whose_sidecar_runs_has_not_started() -> None:
    """Its image cannot be pulled: a corrected pull secret makes its Job again."""
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not there"}}
    body = agent_pod(waiting, {"running": {}})
    body["status"]["phase"] = "Pending"
    found = read_pod(body)
    assert (False, "ImagePullBackOff: not there") == (found.started, found.problem)


def test_an_agent_that_could_not_be_started_says_why() -> None:
    """This message is of the container runtime."""
    agent = ended(128, reason="StartError", message="no such file")
    assert Exit(128, "StartError", "no such file") == read_pod(agent_pod(agent, ended(0))).exit


def test_a_sidecar_that_does_not_start_is_a_problem_of_the_pod() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "again"}}
    agent = {"waiting": {"reason": "PodInitializing"}}
    assert "CrashLoopBackOff: again" == read_pod(agent_pod(agent, waiting)).problem


def test_a_pod_that_was_evicted_says_why() -> None:
    """Its container left no message."""
    status = {"phase": "Failed", "reason": "Evicted", "message": "scratch exceeds the limit"}
    assert "Evicted: scratch exceeds the limit" == read_pod(pod_body(status)).message
