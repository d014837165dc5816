"""The kinds of objects that the operator makes and reads, with their places in the API.

The plural of a kind cannot be derived (``NetworkPolicy``, ``Ingress``), and asking the API server
for it at each start would cost requests and a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tracefoundry_operator.api import API_VERSION, export, instance

PAGE = 100
"""Objects of one page of a list."""

SECRET_PAGE = 10
"""Secrets of one page: each may have 1 MiB, and takes three times as much while it is read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, and where its objects are.

    Attributes:
        fields: field selector that limits its lists and watches alike.
        page: objects of one page of a list.
    """

    api_version: str
    name: str
    plural: str
    fields: str | None = None
    page: int = PAGE

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Path of an object, of all of a namespace, or of all of the cluster."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        place = f"/namespaces/{namespace}" if namespace is not None else ""
        last = f"/{name}" if name is not None else ""
        return f"{root}{self.api_version}{place}/{self.plural}{last}"

    @property
    def group(self) -> str:
        """API group, empty for the core."""
        return self.api_version.rpartition("/")[0]


INSTANCE = Kind(API_VERSION, instance.KIND, instance.PLURAL)
EXPORT = Kind(API_VERSION, export.KIND, export.PLURAL)

SECRET = Kind("v1", "Secret", "secrets", fields="type!=helm.sh/release.v1", page=SECRET_PAGE)
"""Without helm's releases, which no resource refers to: often the most and largest of a cluster."""

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
"""What is kept as it should be also while a roll-out waits."""

ROLLOUT = (
    CONFIG_MAP,
    DEPLOYMENT,
    STATEFUL_SET,
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
)
"""What belongs to a version, besides the Jobs."""

MONITORING = (
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
)
"""Made by the Prometheus operator's definitions, which a cluster need not have."""

OWNED = (*BASE, *ROLLOUT, JOB)
"""Children that every cluster knows; their watch is limited to the operator's label."""

BY_NAME = {kind.name: kind for kind in (*OWNED, *MONITORING, POD, SECRET, INSTANCE, EXPORT)}


class InstanceKey(NamedTuple):
    """A TraceFoundry."""

    namespace: str
    name: str


class ObjectKey(NamedTuple):
    """An object of a kind."""

    kind: str
    namespace: str
    name: str


def key_of(manifest: dict[str, object]) -> ObjectKey:
    """The key of a rendered or read object."""
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - for the type checker: all objects have it
    return ObjectKey(str(manifest["kind"]), metadata["namespace"], metadata["name"])
