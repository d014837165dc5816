"""Execution of actions: what the API server's answers mean for the next pass."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lists import body
from tracefoundry_operator import kinds
from tracefoundry_operator.actions import Create
from tracefoundry_operator.cluster import ApiError, Body
from tracefoundry_operator.execute import Executor
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.state import State

JOB = ObjectKey("Job", "tracing", "main-migrate-1")


class HasJob:
    """An API server with one Job that has completed."""

    async def create(self, kind: kinds.Kind, manifest: Body, **_: Any) -> Body:
        """Refused: there is one."""
        raise ApiError("there is one", status=409, reason="AlreadyExists")

    async def get(self, kind: kinds.Kind, namespace: str, name: str) -> Body:
        """The Job."""
        owner = {"kind": "TraceFoundry", "name": "main", "uid": "uid-of-main", "controller": True}
        found = body(name, "7")
        found["metadata"]["ownerReferences"] = [owner]
        return {**found, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}


@pytest.mark.asyncio
async def test_a_job_that_was_there_unknown_to_the_plan_causes_another_pass() -> None:
    """Its event changes nothing any more, so only that pass sees that it has completed."""
    state = State()
    executor = Executor(HasJob(), state, Metrics())  # type: ignore[arg-type]
    manifest = {"apiVersion": "batch/v1", "kind": "Job", **body(JOB.name, "")}
    outcome = await executor.execute("uid-of-main", [Create(manifest)])
    assert ([], True, 0) == (outcome.errors, outcome.transient, outcome.changed)
    assert "7" == state.version(JOB)
