"""ServiceMonitors and rules, in a cluster that knows the Prometheus operator's resources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_server import ApiServer, wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

MONITOR, RULE = kinds.MONITORING
NAMES = {
    "ServiceMonitor": {"main-collector", "main-ingest", "main-query"},
    "PrometheusRule": {"main-collector"},
}


def definition(kind: kinds.Kind) -> dict[str, Any]:
    """A definition without a schema: golden files check the contents of the objects."""
    group, version = kind.api_version.split("/")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind.name, "plural": kind.plural, "singular": kind.name.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }


@pytest.fixture
def watching(api_server: ApiServer, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """The operator, started where the definitions are there."""
    definitions = [definition(kind) for kind in kinds.MONITORING]
    names = [each["metadata"]["name"] for each in definitions]
    text = "\n---\n".join(json.dumps(each) for each in definitions)
    assert 0 == api_server.kubectl("apply", "-f", "-", stdin=text).returncode
    established = api_server.kubectl(
        "wait", "--for=condition=Established", "--timeout=30s", "crd", *names
    )
    assert 0 == established.returncode, established.stderr
    operator.stop()
    operator.start()
    yield operator
    operator.stop()
    api_server.kubectl("delete", "crd", "--wait=false", *names)


def test_monitors_and_rules_are_created_repaired_and_deleted(
    watching: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Like any other child, and with the rights that the chart gives."""
    del watching

    def made() -> dict[str, set[str]]:
        return {
            kind.name: {
                each["metadata"]["name"]
                for each in tracing.server.request("GET", kind.path(tracing.name))["items"]
            }
            for kind in kinds.MONITORING
        }

    asked = {"serviceMonitor": True, "prometheusRule": True}
    tracing.put({**MINIMAL, "monitoring": asked})
    tracing.settle()
    wait(lambda: made() == NAMES, "all are made")

    tracing.delete(MONITOR, "main-query")
    tracing.server.merge(RULE.path(tracing.name, "main-collector"), {"spec": {"groups": []}})

    def repaired() -> bool:
        rule = tracing.find(RULE, "main-collector")
        return made() == NAMES and rule is not None and bool(rule["spec"]["groups"])

    wait(repaired, "they are put back")

    tracing.change({"monitoring": {"serviceMonitor": False, "prometheusRule": False}})
    wait(lambda: made() == {"ServiceMonitor": set(), "PrometheusRule": set()}, "they are gone")
