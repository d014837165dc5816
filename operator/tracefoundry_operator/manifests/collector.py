"""The collector: takes OTLP for the cluster, and queues it on a volume until ingest has it.

A StatefulSet, because each pod needs its own volume back. Volumes are kept when pods or the
StatefulSet go: they may hold spans that were accepted.
"""

from __future__ import annotations

import yaml

from tracefoundry_operator import names
from tracefoundry_operator.manifests import collector_config, services
from tracefoundry_operator.manifests.availability import disruption_budget
from tracefoundry_operator.manifests.pods import (
    Container,
    Mount,
    http_get,
    pod_template,
    secret_value,
    value,
)
from tracefoundry_operator.manifests.quantities import memory_bytes, resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

GRPC_PORT_NAME = "otlp-grpc"
HTTP_PORT_NAME = "otlp-http"
METRICS_PORT_NAME = "metrics"
HEALTH_PORT_NAME = "health"

CONFIG_FOLDER = "/etc/tracefoundry-collector"
CONFIG_FILE = "config.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out each time: people read this file, and few know YAML's references."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def render(rendering: Rendering) -> list[Manifest]:
    """ConfigMap, StatefulSet and disruption budget."""
    collector = rendering.instance.spec.collector
    config = configuration(rendering)
    return [
        rendering.object("v1", "ConfigMap", Component.COLLECTOR, data={CONFIG_FILE: config}),
        _stateful_set(rendering, config),
        *disruption_budget(rendering, Component.COLLECTOR, collector.replicas),
    ]


def configuration(rendering: Rendering) -> str:
    """The configuration file."""
    spec = rendering.instance.spec
    ingest = names.endpoints(rendering.name, rendering.instance.namespace).ingest
    config = collector_config.render(
        spec.collector, ingest_url=ingest, redact=spec.redaction.mode != "off"
    )
    text: str = yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=1000)
    return text


def service(rendering: Rendering) -> Manifest:
    """The address for senders; metrics have a port of their own."""
    ports = [
        (GRPC_PORT_NAME, names.OTLP_GRPC_PORT),
        (HTTP_PORT_NAME, names.OTLP_HTTP_PORT),
        (METRICS_PORT_NAME, collector_config.METRICS_PORT),
    ]
    return services.service(rendering, Component.COLLECTOR, ports)


def _stateful_set(rendering: Rendering, config: str) -> Manifest:
    spec = rendering.instance.spec
    found = resources(
        spec.collector.resources,
        requests={"cpu": "100m", "memory": "256Mi"},
        limits={"cpu": "1", "memory": "1Gi"},
    )
    token = spec.auth.ingest_token_secret_ref
    queue = Mount(name="queue", path=collector_config.QUEUE_FOLDER, source={}, writable=True)
    file = Mount(
        name="config",
        path=CONFIG_FOLDER,
        source={"configMap": {"name": rendering.child(Component.COLLECTOR), "defaultMode": 0o444}},
    )
    container = Container(
        image=rendering.collector,
        args=[f"--config={CONFIG_FOLDER}/{CONFIG_FILE}"],
        environment=[
            secret_value(collector_config.INGEST_TOKEN_VARIABLE, token.name, token.key),
            # The runtime collects earlier near the limit, instead of being killed at it.
            value("GOMEMLIMIT", str(memory_bytes(found) * 8 // 10)),
        ],
        ports={
            GRPC_PORT_NAME: names.OTLP_GRPC_PORT,
            HTTP_PORT_NAME: names.OTLP_HTTP_PORT,
            METRICS_PORT_NAME: collector_config.METRICS_PORT,
            HEALTH_PORT_NAME: collector_config.HEALTH_PORT,
        },
        resources=found,
        mounts=[queue, file],
        probes={
            # Compacting a full queue at the start takes minutes.
            "startupProbe": http_get(
                "/", HEALTH_PORT_NAME, periodSeconds=2, failureThreshold=300, timeoutSeconds=2
            ),
            "readinessProbe": http_get(
                "/", HEALTH_PORT_NAME, periodSeconds=5, failureThreshold=2, timeoutSeconds=3
            ),
            "livenessProbe": http_get(
                "/", HEALTH_PORT_NAME, periodSeconds=10, failureThreshold=6, timeoutSeconds=5
            ),
        },
        drains=True,
    )
    template = pod_template(
        rendering,
        Component.COLLECTOR,
        container,
        settings=spec.collector,
        secrets=[token.name],
        config=config,
        token=spec.collector.k8s_attributes,
    )
    return rendering.object(
        "apps/v1",
        "StatefulSet",
        Component.COLLECTOR,
        spec={
            "replicas": spec.collector.replicas,
            "serviceName": rendering.child(Component.COLLECTOR),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": "Retain",
                "whenScaled": "Retain",
            },
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": rendering.selector(Component.COLLECTOR)},
            "template": template,
            "volumeClaimTemplates": [_claim(rendering)],
        },
    )


def _claim(rendering: Rendering) -> Manifest:
    storage = rendering.instance.spec.collector.storage
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage.size}},
        "volumeMode": "Filesystem",
    }
    if storage.class_name is not None:
        spec["storageClassName"] = storage.class_name
    # Claim templates are immutable, so they carry nothing that an upgrade changes.
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "queue", "labels": rendering.selector(Component.COLLECTOR)},
        "spec": spec,
        # The server adds it to the template; without it here each start would apply once in vain.
        "status": {"phase": "Pending"},
    }
