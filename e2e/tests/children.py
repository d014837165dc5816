"""What the operator made for an instance, as tests see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from instance import Instance
from kube import Object

KINDS = (
    "configmaps",
    "serviceaccounts",
    "services",
    "networkpolicies",
    "deployments",
    "statefulsets",
    "cronjobs",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "ingresses",
)
"""Kinds of children that the operator keeps as they should be; Jobs it makes once."""

Key = tuple[str, str]


def children(instance: Instance, kinds: tuple[str, ...] = (*KINDS, "jobs")) -> dict[Key, Object]:
    """Objects that the instance owns, by kind and name."""
    owner = instance.get()["metadata"]["uid"]
    return {
        (kind, each["metadata"]["name"]): each
        for kind in kinds
        for each in instance.kube.list(kind, instance.namespace)
        if any(ref["uid"] == owner for ref in each["metadata"].get("ownerReferences", ()))
    }


def versions(instance: Instance) -> dict[Key, str]:
    """The resourceVersion of every child and of the instance itself."""
    found = {key: each["metadata"]["resourceVersion"] for key, each in children(instance).items()}
    found["tracefoundries", instance.name] = instance.get()["metadata"]["resourceVersion"]
    return found


def specification(child: Object) -> str:
    """What of an object its maker decides: all but what the API server and controllers write."""
    kept: dict[str, Any] = {
        key: value for key, value in child.items() if key not in {"metadata", "status"}
    }
    kept["labels"] = child["metadata"].get("labels")
    return json.dumps(kept, sort_keys=True)


EDITS: dict[str, Callable[[Object], Object]] = {
    "configmaps": lambda _: {"data": {"config.yaml": "receivers: {}\n"}},
    "serviceaccounts": lambda _: {"automountServiceAccountToken": True},
    "services": lambda _: {"spec": {"selector": {"app.kubernetes.io/component": "nobody"}}},
    "networkpolicies": lambda _: {"spec": {"podSelector": {"matchLabels": {
        "app.kubernetes.io/component": "nobody"}}}},
    "deployments": lambda _: {"spec": {"replicas": 0}},
    "statefulsets": lambda _: {"spec": {"replicas": 0}},
    "cronjobs": lambda _: {"spec": {"schedule": "1 1 1 1 *"}},
    "poddisruptionbudgets": lambda _: {"spec": {"maxUnavailable": 2}},
    "horizontalpodautoscalers": lambda _: {"spec": {"maxReplicas": 99}},
    "ingresses": lambda _: {"spec": {"rules": [{"host": "elsewhere.example.org"}]}},
}  # fmt: skip
"""For each kind a merge patch that somebody might make by hand."""
