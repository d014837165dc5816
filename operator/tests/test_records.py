"""The records of pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lists import body
from tracefoundry_operator.cluster import Body
from tracefoundry_operator.records import read_pod


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


def test_a_pod_that_was_evicted_says_why() -> None:
    """Its container left no message."""
    status = {"phase": "Failed", "reason": "Evicted", "message": "scratch exceeds the limit"}
    assert "Evicted: scratch exceeds the limit" == read_pod(pod_body(status)).message
