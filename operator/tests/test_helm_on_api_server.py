"""A helm release: install, upgrade, uninstall and install again, and what is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.api_server import ApiServer
from tests.instances import MINIMAL
from tests.operator_process import NAMESPACE, ROOT
from tests.programs import program
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds


@pytest.fixture
def fresh_server() -> Iterator[ApiServer]:
    """An API server without the chart: that of the other tests must keep it."""
    server = ApiServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def helm(server: ApiServer, *arguments: str) -> str:
    """Run helm on the server; its output, or the test fails."""
    found = subprocess.run(
        [program("helm"), f"--kubeconfig={server.kubeconfig}", "--namespace", NAMESPACE,
         *arguments],
        cwd=ROOT / "charts", text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert 0 == found.returncode, found.stderr
    return found.stdout


def test_definitions_and_resources_outlive_the_release(fresh_server: ApiServer) -> None:
    """And the release can be installed again over them."""
    notes = helm(fresh_server, "install", "tf", "tracefoundry", "--create-namespace")
    assert "kubectl -n NAMESPACE wait tracefoundry/main --for=condition=Ready" in notes
    fresh_server.kubectl(
        "wait", "--for=condition=Established", "crd/tracefoundries.tracefoundry.dev"
    )
    tracing = TracingNamespace(fresh_server, "tracing")
    tracing.make()
    tracing.put(MINIMAL)
    helm(fresh_server, "upgrade", "tf", "tracefoundry", "--set", "resyncSeconds=60")

    helm(fresh_server, "uninstall", "tf")
    left = fresh_server.kubectl("-n", NAMESPACE, "get", "deployments,services", "-o", "name").stdout
    assert "" == left
    assert tracing.find(kinds.INSTANCE, "main") is not None

    helm(fresh_server, "install", "tf", "tracefoundry")
    assert tracing.find(kinds.INSTANCE, "main") is not None
    tracing.delete(kinds.INSTANCE, "main")
    assert tracing.find(kinds.INSTANCE, "main") is None


def test_the_instance_chart_makes_and_deletes_an_instance(fresh_server: ApiServer) -> None:
    """It is a release of its own: one chart cannot hold a definition and a resource of it."""
    helm(fresh_server, "install", "tf", "tracefoundry", "--create-namespace")
    fresh_server.kubectl(
        "wait", "--for=condition=Established", "crd/tracefoundries.tracefoundry.dev"
    )
    path = kinds.INSTANCE.path(NAMESPACE, "main")
    helm(fresh_server, "install", "main", "tracefoundry-instance", "--set", "spec.query.replicas=3")
    assert 3 == fresh_server.request("GET", path)["spec"]["query"]["replicas"]

    helm(fresh_server, "upgrade", "main", "tracefoundry-instance", "--set", "spec.suspend=true")
    assert fresh_server.request("GET", path)["spec"]["suspend"]

    helm(fresh_server, "uninstall", "main")
    assert fresh_server.find(path) is None
