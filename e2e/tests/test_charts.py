"""Both charts: taken by helm, by the schemas of Kubernetes, and by the API server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import release
from kube import Kube

CHARTS = (release.CHART, release.CHART.with_name("tracefoundry-instance"))
SCHEMAS = "1.34"


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_helm_finds_nothing_wrong(operator: Kube, chart: Path) -> None:
    """With the schema of the values."""
    said = release.Helm(operator).run("lint", "--strict", str(chart))
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize(
    "values",
    [(), ("watchNamespaces={one,two}",), ("crds.enabled=false",)],
    ids=["default", "namespaces", "without-crds"],
)
def test_the_schemas_of_kubernetes_take_what_the_chart_makes(
    operator: Kube, values: tuple[str, ...]
) -> None:
    """``helm template | kubernetes-validate --strict``."""
    manifests = _template(operator, *values)
    result = subprocess.run(
        [sys.executable, "-m", "kubernetes_validate", "--kubernetes-version", SCHEMAS, "--strict",
         "-"],
        input=manifests, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_the_api_server_takes_what_the_chart_makes(operator: Kube, chart: Path) -> None:
    """Admission, the rules of the definitions and all; nothing is kept."""
    said = operator.run(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", "--field-manager=e2e",
        "--namespace", release.NAMESPACE, "-f", "-", stdin=_template(operator, chart=chart),
    )  # fmt: skip
    assert said
    assert [] == [line for line in said.splitlines() if not line.endswith("(server dry run)")]


def test_helm_test_passes(operator: Kube) -> None:
    """A pod of the chart asks the operator whether it is ready."""
    said = release.Helm(operator).run("test", release.RELEASE, "-n", release.NAMESPACE)
    assert "Succeeded" in said


def _template(kube: Kube, *values: str, chart: Path = release.CHART) -> str:
    arguments = [argument for value in values for argument in ("--set", value)]
    return release.Helm(kube).run(
        "template", release.RELEASE, str(chart), "--namespace", release.NAMESPACE,
        "--kube-version", "1.34.4", *arguments,
    )  # fmt: skip
