"""Passes over resources: what happens besides the plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.instances import MINIMAL
from tests.lists import body
from tracefoundry_operator import kinds
from tracefoundry_operator.cluster import Body
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.loops import Result
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.passes import Passes
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.state import State


class Resources:
    """An API server with these resources, which stores their status."""

    def __init__(self, *bodies: Body) -> None:
        self.bodies = {body["metadata"]["name"]: body for body in bodies}

    async def get(self, kind: kinds.Kind, namespace: str, name: str) -> Body | None:
        """One resource."""
        return self.bodies.get(name)

    async def apply(self, kind: kinds.Kind, manifest: Body, **_: Any) -> Body:
        """Store a status."""
        found = self.bodies[manifest["metadata"]["name"]]
        found["status"] = manifest["status"]
        return found

    async def create(self, kind: kinds.Kind, manifest: Body, **_: Any) -> Body:
        """Events are not stored."""
        return manifest


def resource(kind: str, name: str, spec: dict[str, Any]) -> Body:
    """A resource as the API server delivers it."""
    return {
        "apiVersion": "tracefoundry.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            **body(name, "1")["metadata"],
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "generation": 3,
        },
        "spec": spec,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("broken", "reason", "field"),
    [("incident", "InvalidSpec", "payloads"), ("main", "InstanceInvalid", "suspend")],
)
async def test_an_export_that_cannot_be_read_reports_it_and_is_not_retried(
    broken: str, reason: str, field: str
) -> None:
    """The cluster has another version of the definition; a retry does not change that."""
    spec = {"instanceRef": {"name": "main"}, "query": {}}
    server = Resources(
        resource("TraceExport", "incident", spec), resource("TraceFoundry", "main", dict(MINIMAL))
    )
    server.bodies[broken]["spec"][field] = 7
    passes = Passes(server, State(), Settings(), Metrics(), known_kinds=frozenset())  # type: ignore[arg-type]
    assert Result.DONE is await passes.over_export(ObjectKey("TraceExport", "tracing", "incident"))
    status = server.bodies["incident"]["status"]
    accepted, complete = status["conditions"]
    assert (3, "False", reason) == (
        status["observedGeneration"],
        accepted["status"],
        accepted["reason"],
    )
    assert field in accepted["message"]
    assert "NotAccepted" == complete["reason"]
