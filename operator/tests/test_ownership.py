"""The part of an object that the operator owns, and drift in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tracefoundry_operator import ownership

RENDERED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "main-ui",
        "namespace": "tracing",
        "labels": {"a": "1"},
        "ownerReferences": [{"uid": "u", "kind": "TraceFoundry"}],
    },
    "spec": {
        "selector": {"app": "x"},
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    },
}

FIELDS: dict[str, Any] = {
    "f:metadata": {
        "f:labels": {"f:a": {}},
        "f:ownerReferences": {'k:{"uid":"u"}': {}},
    },
    "f:spec": {
        "f:selector": {},
        "f:ports": {
            'k:{"port":8080,"protocol":"TCP"}': {
                ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {},
            }
        },
    },
}  # fmt: skip


def observed() -> dict[str, Any]:
    """The object as a server has it: with its own fields, and with those of others."""
    found = copy.deepcopy(RENDERED)
    found["metadata"].update(
        uid="s", resourceVersion="9", annotations={"theirs": "x"},
        managedFields=[
            {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {}}},
            {"manager": "tracefoundry-operator", "operation": "Apply", "fieldsV1": FIELDS},
        ],
    )  # fmt: skip
    found["metadata"]["labels"]["theirs"] = "x"
    found["spec"]["clusterIP"] = "10.96.0.7"
    found["spec"]["ports"][0]["targetPort"] = 8080
    found["spec"]["ports"].append({"name": "theirs", "port": 1, "protocol": "TCP"})
    found["status"] = {"loadBalancer": {}}
    return found


def test_what_others_add_is_no_drift() -> None:
    """Status, defaults of the server, labels and ports of other managers."""
    assert ownership.rendered_digest(RENDERED) == ownership.owned_digest(observed())


def _set(found: dict[str, Any], *path: Any, value: Any) -> None:
    for part in path[:-1]:
        found = found[part]
    if value is None:
        del found[path[-1]]
    else:
        found[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "labels", "a"), "2"),
        (("metadata", "labels", "a"), None),
        (("metadata", "ownerReferences"), []),
        (("spec", "selector", "app"), "y"),
        (("spec", "selector", "more"), "z"),
        (("spec", "ports", 0, "name"), "other"),
        (("spec", "ports", 0), None),
    ],
)
def test_a_change_of_what_the_operator_owns_is_drift(path: tuple[Any, ...], value: Any) -> None:
    """A value, a missing value, and anything in what is owned as a whole."""
    found = observed()
    _set(found, *path, value=value)
    assert ownership.rendered_digest(RENDERED) != ownership.owned_digest(found)


def test_a_field_that_another_manager_took_is_drift() -> None:
    """Its value may be the same for now."""
    found = observed()
    del found["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:selector"]
    assert ownership.rendered_digest(RENDERED) != ownership.owned_digest(found)


def test_what_the_operator_never_applied_has_no_digest() -> None:
    """Neither what it created, nor its writes of a status."""
    found = observed()
    for change in ({"operation": "Update"}, {"subresource": "status"}):
        entry = {**found["metadata"]["managedFields"][1], **change}
        body = {**found, "metadata": {**found["metadata"], "managedFields": [entry]}}
        assert ownership.owned_digest(body) is None
    assert ownership.owned_digest({"metadata": {}}) is None


@pytest.mark.parametrize(("fields", "expected"), [({"f:replicas": {}}, True), ({}, False)])
def test_it_is_known_whether_the_number_of_pods_is_the_operators(
    fields: dict[str, Any], expected: bool
) -> None:
    """It must be handed over before an autoscaler uses it."""
    entry = {
        "manager": "tracefoundry-operator", "operation": "Apply", "fieldsV1": {"f:spec": fields},
    }  # fmt: skip
    assert expected == ownership.owns_replicas({"metadata": {"managedFields": [entry]}})
