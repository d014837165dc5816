"""The kinds of objects that the operator creates and reads, with their API paths.

The plural of a kind cannot be derived (``NetworkPolicy``, ``Ingress``), and discovery at each start
would cost requests and a cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracefoundry_operator.api import API_VERSION, export, instance

PAGE = 100
"""Objects in one page of a list."""

SECRET_PAGE = 10
"""Secrets in one page: each can have 1 MiB, and takes three times as much while it is parsed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind and its API paths.

    Attributes:
        fields: field selector for its lists and watches.
        page: objects in one page of a list.
    """

    api_version: str
    name: str
    plural: str
    fields: str | None = None
    page: int = PAGE

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of one object, of all objects of a namespace, or of all of the cluster."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        place = f"/namespaces/{namespace}" if namespace is not None else ""
        last = f"/{name}" if name is not None else ""
        return f"{root}{self.api_version}{place}/{self.plural}{last}"

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]


INSTANCE = Kind(API_VERSION, instance.KIND, instance.PLURAL)
EXPORT = Kind(API_VERSION, export.KIND, export.PLURAL)

SECRET = Kind("v1", "Secret", "secrets", fields="type!=helm.sh/release.v1", page=SECRET_PAGE)
"""Without helm's releases, to which no resource refers: they are often the most and the largest."""

POD = Kind("v1", "Pod", "pods")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")

DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB = Kind("batch/v1", "Job", "jobs")

BASE = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("v1", "Service", "services"),
)
"""Kinds that are kept up to date even while a roll-out waits."""

ROLLOUT = (
    CONFIG_MAP,
    DEPLOYMENT,
    STATEFUL_SET,
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
)
"""Kinds that change with the version, besides Jobs."""

MONITORING = (
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
)
"""Kinds of the Prometheus operator, which a cluster may not have."""

OWNED = (*BASE, *ROLLOUT, JOB)
"""Kinds of children that every cluster has; watches select them by the operator's label."""

RESOURCES = (INSTANCE, EXPORT)
"""The custom resources."""

BY_NAME = {kind.name: kind for kind in (*OWNED, *MONITORING, POD, SECRET, INSTANCE, EXPORT)}


class ObjectKey(NamedTuple):
    """Identifies an object: a child, a Secret, a pod or a custom resource."""

    kind: str
    namespace: str
    name: str


def key_of(manifest: Mapping[str, Any]) -> ObjectKey:
    """The key of a rendered object."""
    metadata = manifest["metadata"]
    return ObjectKey(manifest["kind"], metadata["namespace"], metadata["name"])


def key_of_body(kind: Kind, body: Mapping[str, Any]) -> ObjectKey:
    """The key of an object from the API server; items of lists do not name their kind."""
    return ObjectKey(kind.name, body["metadata"]["namespace"], body["metadata"]["name"])
