"""The charts: rendered by helm, accepted by a real API server, and consistent with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api_server import ApiServer
from tests.instances import FULL, MINIMAL
from tests.operator_process import chart
from tests.programs import program
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import __version__, kinds, names
from tracefoundry_operator.manifests.network_policies import OPERATOR_LABELS
from tracefoundry_operator.settings import Settings

ROOT = Path(__file__).parents[2]
CHARTS = ("tracefoundry", "tracefoundry-instance")


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run helm; the caller looks at how it ended."""
    return subprocess.run(
        [program("helm"), *arguments], text=True, capture_output=True, timeout=60, check=False
    )


def objects(*values: str) -> list[dict[str, Any]]:
    """The objects of the operator's chart."""
    return [each for each in yaml.safe_load_all(chart(*values)) if each]


def of_kind(kind: str, *values: str) -> list[dict[str, Any]]:
    """The objects of one kind."""
    return [each for each in objects(*values) if each["kind"] == kind]


@pytest.mark.parametrize("name", CHARTS)
def test_helm_finds_nothing_wrong(name: str) -> None:
    """``helm lint --strict``, with the values' schema."""
    found = helm("lint", "--strict", ROOT / "charts" / name)
    assert 0 == found.returncode, found.stdout


@pytest.mark.parametrize("name", CHARTS)
def test_versions_are_those_of_the_product(name: str) -> None:
    """The chart's appVersion is the default tag of all images."""
    found = yaml.safe_load((ROOT / "charts" / name / "Chart.yaml").read_text())
    assert (__version__, __version__) == (found["version"], found["appVersion"])


def test_the_definitions_in_the_chart_are_those_of_the_repository() -> None:
    """``scripts/chart-crds.py`` copies them."""
    script = ROOT / "scripts" / "chart-crds.py"
    found = subprocess.run(
        [sys.executable, script, "--check"], text=True, capture_output=True, check=False
    )
    assert (0, "") == (found.returncode, found.stderr)
    rendered = {each["metadata"]["name"]: each for each in of_kind("CustomResourceDefinition")}
    for source in (ROOT / "crds").glob("*.yaml"):
        wanted = yaml.safe_load(source.read_text())
        found_one = rendered[wanted["metadata"]["name"]]
        assert {"helm.sh/resource-policy": "keep"} == found_one["metadata"].pop("annotations")
        assert wanted == found_one


def test_definitions_can_be_left_out() -> None:
    """For clusters where they are applied separately."""
    assert [] == of_kind("CustomResourceDefinition", "crds.enabled=false")


def test_rights_are_for_the_cluster_or_for_the_named_namespaces_only() -> None:
    """Never both."""
    everywhere, named = objects(), objects("watchNamespaces={one,two}")
    roles = [
        (each["kind"], each["metadata"].get("namespace"))
        for each in named
        if "Role" in each["kind"]
    ]
    assert {"ClusterRole", "ClusterRoleBinding"} == {
        each["kind"] for each in everywhere if "Role" in each["kind"]
    }
    assert [("Role", "one"), ("Role", "two"), ("RoleBinding", "one"), ("RoleBinding", "two")] == (
        sorted(roles)
    )


def test_rights_name_every_kind_and_no_wildcard() -> None:
    """The operator may create the kinds that it creates, and nothing else."""
    (role,) = of_kind("ClusterRole")
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    children = {"get", "list", "watch", "create", "patch", "delete"}
    expected = {
        **{(kind.group, kind.plural): children for kind in (*kinds.OWNED, *kinds.MONITORING)},
        **{(kind.group, kind.plural): {"get", "list", "watch"}
           for kind in (kinds.INSTANCE, kinds.EXPORT)},
        **{(kind.group, f"{kind.plural}/status"): {"patch"}
           for kind in (kinds.INSTANCE, kinds.EXPORT)},
        ("", "secrets"): {"list", "watch"},
        ("", "pods"): {"list", "watch"},
        ("", "events"): {"create"},
    }  # fmt: skip
    assert expected == allowed


def test_the_environment_of_the_operator_is_what_it_reads() -> None:
    """An unknown setting would end it."""
    values = (
        "watchNamespaces={one,two}",
        "operandImage.repository=registry.example.org/tf",
        "operandImage.tag=v9",
        "collectorImage.tag=v8",
    )
    (deployment,) = of_kind("Deployment", *values)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_environment({each["name"]: each["value"] for each in container["env"]})
    expected = Settings(
        image="registry.example.org/tf",
        tag="v9",
        collector_tag="v8",
        watch_namespaces=("one", "two"),
    )
    assert expected == settings


def test_policies_of_instances_admit_the_operators_pods() -> None:
    """By a label that the chart sets."""
    (deployment,) = of_kind("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert OPERATOR_LABELS.items() <= labels.items()
    assert ("Recreate", 1) == (
        deployment["spec"]["strategy"]["type"],
        deployment["spec"]["replicas"],
    )


def test_the_operator_connects_to_dns_api_server_and_ingest_only() -> None:
    """By the labels of ingest's pods, and the ports that the values name."""
    (policy,) = of_kind("NetworkPolicy", "networkPolicy.apiServerPorts={16443}")
    (deployment,) = of_kind("Deployment")
    selected = policy["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    dns, api_server, ingest = policy["spec"]["egress"]
    assert {53} == {each["port"] for each in dns["ports"]}
    assert [16443] == [each["port"] for each in api_server["ports"]]
    (peer,) = ingest["to"]
    labels = names.selector_labels("main", names.Component.INGEST)
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    assert [names.OTLP_HTTP_PORT] == [each["port"] for each in ingest["ports"]]
    assert [] == of_kind("NetworkPolicy", "networkPolicy.enabled=false")


@pytest.mark.parametrize(
    "value", ["replicas=2", "image.pullPolicy=Sometimes", "watchNamespaces={One}", "crds.enabled=1"]
)
def test_values_that_mean_nothing_are_refused(value: str) -> None:
    """By the schema, before anything is created."""
    found = helm("template", "tf", ROOT / "charts" / "tracefoundry", "--set", value)
    assert "don't meet the specifications of the schema" in found.stderr


def test_every_value_is_described() -> None:
    """The values file is what people read first."""
    lines = (ROOT / "charts" / "tracefoundry" / "values.yaml").read_text().splitlines()
    undescribed = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r"[a-zA-Z]+:", line)
        and not before.startswith("#")
        and not line.startswith(("crds:", "tolerations:", "affinity:", "priorityClassName:",
                                 "podLabels:", "serviceMonitor:", "collectorK"))
    ]  # fmt: skip
    assert [] == undescribed


def test_the_chart_is_accepted_by_a_server_that_enforces_restricted(
    api_server: ApiServer, tracing: TracingNamespace
) -> None:
    """Its pods too, which helm does not check."""
    rendered = helm(
        "template", "tf", ROOT / "charts" / "tracefoundry", "--namespace", tracing.name,
        "--kube-version", "1.34.4", "--set", "crds.enabled=false",
        "--set", "collectorKubernetesAttributes.serviceAccounts[0].namespace=a",
        "--set", "collectorKubernetesAttributes.serviceAccounts[0].name=b",
    ).stdout  # fmt: skip
    applied = api_server.kubectl(
        "apply", "--server-side", "--dry-run=server", "-f", "-", stdin=rendered
    )
    # A Pod needs its account, which only the account controller makes; it is tried by itself.
    errors = [line for line in applied.stderr.splitlines() if "serviceaccount" not in line]
    assert [] == errors
    assert "Deployment" not in applied.stderr


@pytest.mark.parametrize("spec", [MINIMAL, FULL], ids=["minimal", "full"])
def test_the_instance_chart_makes_the_resource_that_its_values_describe(
    tracing: TracingNamespace, tmp_path: Path, spec: dict[str, Any]
) -> None:
    """And the server accepts it."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"spec": spec}))
    rendered = helm(
        "template", "main", ROOT / "charts" / "tracefoundry-instance", "--namespace", tracing.name,
        "--kube-version", "1.34.4", "--values", values,
    ).stdout  # fmt: skip
    applied = tracing.server.kubectl("apply", "--server-side", "-f", "-", stdin=rendered)
    found = tracing.find(kinds.INSTANCE, "main")
    assert (0, "") == (applied.returncode, applied.stderr)
    assert found is not None
    assert spec == yaml.safe_load(rendered)["spec"]
