"""Specs that tests render and reconcile: with the required settings only, and with every one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracefoundry_operator.api.export import Export, read_export
from tracefoundry_operator.api.instance import Instance, read_instance
from tracefoundry_operator.manifests import export_jobs as manifests
from tracefoundry_operator.manifests import rerun_job
from tracefoundry_operator.manifests.rendering import ContainerImage, Manifest, Rendering

SECRETS = {
    name: str(100 + index)
    for index, name in enumerate(
        (
            "pg",
            "pg-ca",
            "s3",
            "s3-ca",
            "keys",
            "admin-token",
            "ingest-token",
            "pg-ingest",
            "pg-query",
            "pg-retention",
            "senders",
            "signing",
        )
    )
}

MINIMAL: dict[str, Any] = {
    "database": {"secretRef": {"name": "pg"}},
    "objectStore": {"bucket": "traces", "secretRef": {"name": "s3"}},
    "auth": {
        "adminTokenSecretRef": {"name": "admin-token"},
        "ingestTokenSecretRef": {"name": "ingest-token"},
    },
}

RERUN: dict[str, Any] = {
    "mode": "Rerun",
    "image": "registry.example.org/team/agent:1",
    "command": ["python", "agent.py"],
}
"""A dry replay that runs an agent again."""

FULL: dict[str, Any] = {
    "version": "0.1.0",
    "image": {"repository": "registry.example.org/team/tracefoundry", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "database": {
        "secretRef": {"name": "pg", "key": "dsn"},
        "roles": {
            "ingest": {"name": "tf_ingest", "secretRef": {"name": "pg-ingest", "key": "dsn"}},
            "query": {"name": "tf_query", "secretRef": {"name": "pg-query"}},
            "retention": {"name": "tf_retention", "secretRef": {"name": "pg-retention"}},
        },
        "tls": {"caSecretRef": {"name": "pg-ca"}},
    },
    "objectStore": {
        "bucket": "traces",
        "prefix": "team/main",
        "endpoint": "https://s3.tracing:9000",
        "region": "eu-central-1",
        "secretRef": {"name": "s3"},
        "tls": {"caSecretRef": {"name": "s3-ca", "key": "authority.pem"}},
    },
    "encryption": {"secretRef": {"name": "keys"}},
    "collector": {
        "storage": {"size": "20Gi", "className": "fast"},
        "auth": {"tokenSecretRef": {"name": "senders"}},
        "attributes": {"drop": ["http.request.header.cookie"], "allow": ["http.route"]},
        "tailSampling": {"operations": ["GET /orders"], "latencyMilliseconds": 2000},
        "k8sAttributes": True,
        "image": {"repository": "registry.example.org/team/collector", "tag": "9"},
        "resources": {"limits": {"memory": "2Gi"}},
        "nodeSelector": {"disk": "local"},
        "tolerations": [{"key": "tracing", "operator": "Exists", "effect": "NoSchedule"}],
        "annotations": {"example.org/team": "tracing", "tracefoundry.dev/config-checksum": "mine"},
    },
    "ingest": {
        "autoscaling": {"minReplicas": 3, "maxReplicas": 12, "targetCPUUtilization": 60},
        "resources": {"requests": {"cpu": 1}, "limits": {"cpu": "4", "memory": "6Gi"}},
    },
    "query": {"replicas": 3},
    "ui": {
        "replicas": 2,
        "ingress": {
            "host": "traces.example.org",
            "className": "nginx",
            "tlsSecretName": "tls",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "64m"},
        },
    },
    "exports": {
        "weakestRedaction": "standard",
        "payloads": True,
        "destinations": [{"bucket": "shared", "prefix": "team"}],
        "signingKeySecretRef": {"name": "signing"},
        "rerunImages": [RERUN["image"]],
        "tolerations": [{"key": "tracing", "operator": "Exists"}],
    },
    "retention": {"schedule": "5 3 * * *", "spans": "30d", "payloads": "14d"},
    "redaction": {"mode": "strict", "patternsConfigMapRef": {"name": "patterns"}},
    "auth": {
        "adminTokenSecretRef": {"name": "admin-token"},
        "ingestTokenSecretRef": {"name": "ingest-token", "key": "bearer"},
    },
    "networkPolicy": {
        "otlpFromNamespaces": ["agents", "agents-test"],
        "apiFromNamespaces": ["*"],
        "metricsFromNamespaces": ["monitoring"],
        "database": {"ports": [6432], "cidrs": ["10.1.0.0/16"]},
        "objectStore": {"namespaces": ["storage"]},
    },
    "monitoring": {"serviceMonitor": True, "prometheusRule": True},
}


def body(spec: Mapping[str, Any], *, name: str = "main", generation: int = 1) -> dict[str, Any]:
    """A TraceFoundry as the API server delivers it."""
    return {
        "apiVersion": "tracefoundry.dev/v1alpha1",
        "kind": "TraceFoundry",
        "metadata": {
            "name": name,
            "namespace": "tracing",
            "uid": f"uid-of-{name}",
            "generation": generation,
        },
        "spec": dict(spec),
    }


def export(*, name: str = "incident", **spec: Any) -> Export:
    """An export of the instance ``main`` that asks for this."""
    selection = {} if "traceIds" in spec else {"query": {}}
    return read_export(
        {
            "metadata": {
                "name": name,
                "namespace": "tracing",
                "uid": f"uid-of-{name}",
                "creationTimestamp": "2026-11-21T10:00:00Z",
                "generation": 3,
            },
            "spec": {"instanceRef": {"name": "main"}, **selection, **spec},
        }
    )


def instance(spec: Mapping[str, Any], *, name: str = "main") -> Instance:
    """The instance with this spec."""
    return read_instance(body(spec, name=name))


def export_jobs(found: Rendering) -> list[Manifest]:
    """The Jobs of an export that runs an agent again, and the policy of the agent's pod."""
    asked = export(traceIds=["0af7651916cd43dd8448eb211c80319c"], dryReplay=RERUN)
    bundle = {"uri": "s3://traces/exports/incident/incident.zip", "sha256": "ab" * 32}
    return [
        manifests.export_job(found, asked),
        rerun_job.network_policy(found, asked, bundle),
        rerun_job.rerun_job(found, asked, bundle),
        manifests.replay_job(found, asked, bundle, rerun_address="10.1.2.3"),
    ]


def rendering(
    spec: Mapping[str, Any],
    *,
    name: str = "main",
    secrets: Mapping[str, str] = SECRETS,
    config_maps: Mapping[str, str] | None = None,
) -> Rendering:
    """What a renderer gets for this spec."""
    return Rendering(
        instance=instance(spec, name=name),
        version="0.1.0",
        services=ContainerImage(reference="tracefoundry:0.1.0", pull_policy="IfNotPresent"),
        collector=ContainerImage(
            reference="tracefoundry-collector:0.1.0", pull_policy="IfNotPresent"
        ),
        secret_versions=secrets,
        config_map_versions={"patterns": "7"} if config_maps is None else config_maps,
        operator_namespace="tracefoundry-system",
    )
