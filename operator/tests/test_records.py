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


@pytest.mark.parametrize(("code", "expected"), [(1, "said"), (0, None)])
def test_only_the_message_of_a_failed_container_is_read(code: int, expected: str | None) -> None:
    """A successful migration may leave a message too."""
    terminated = {"exitCode": code, "message": "said"}
    status = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}
    assert expected == read_pod(pod_body(status)).message
