"""Whether a pod has egress is tried, not believed."""

from __future__ import annotations

import socket

import pytest

from tracefoundry.replay.egress import Egress, try_egress


def environment(port: int) -> dict[str, str]:
    """As Kubernetes sets it in every container."""
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}


def test_a_pod_that_reaches_the_api_server_has_no_guard() -> None:
    """And the report says which address was reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = try_egress(environment(port))
    assert ([], Egress(f"127.0.0.1:{port}", reached=True)) == (found.guards, found)
    (note,) = found.notes
    assert f"does not enforce its NetworkPolicy: 127.0.0.1:{port} was reached" in note


def test_a_pod_that_reaches_nothing_is_guarded() -> None:
    """The connection is refused here; a plugin drops it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = try_egress(environment(port))
    assert (["network policy"], []) == (found.guards, found.notes)


@pytest.mark.parametrize("variables", [{}, {"KUBERNETES_SERVICE_HOST": "127.0.0.1"}])
def test_what_cannot_be_tried_is_not_claimed(variables: dict[str, str]) -> None:
    """Outside of a cluster."""
    found = try_egress(variables)
    assert [] == found.guards
    assert "could not be tried" in found.notes[0]
