"""The collector: receives OTLP and queues it on a volume until ingest has accepted it.

A StatefulSet, because each pod needs its own volume again after a restart. Volumes stay when the
StatefulSet is deleted or scaled down: they may contain accepted spans.
"""

from __future__ import annotations

import yaml

from tracefoundry_operator import names
from tracefoundry_operator.manifests import collector_config
from tracefoundry_operator.manifests.availability import disruption_budget
from tracefoundry_operator.manifests.pods import (
    Container,
    Mount,
    pod_template,
    probes,
    secret_value,
    secret_volume,
    value,
)
from tracefoundry_operator.manifests.quantities import memory_bytes, resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.manifests.services import PORTS
from tracefoundry_operator.names import Component

HEALTH_PORT_NAME = "health"

CONFIG_FOLDER = "/etc/tracefoundry-collector"
CONFIG_FILE = "config.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes equal parts in full: people read this file, and YAML's references are little known."""

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
    secrets, mounts = [token.name], [queue, file]
    if spec.collector.auth is not None:
        senders = spec.collector.auth.token_secret_ref
        secrets.append(senders.name)
        mounts.append(
            Mount(
                name="senders",
                path=collector_config.SENDERS_FOLDER,
                source=secret_volume(senders.name, senders.key, collector_config.SENDERS_FILE),
            )
        )
    container = Container(
        image=rendering.collector,
        args=[f"--config={CONFIG_FOLDER}/{CONFIG_FILE}"],
        environment=[
            secret_value(collector_config.INGEST_TOKEN_VARIABLE, token.name, token.key),
            # Near this limit Go collects garbage more often; at the container's it is killed.
            value("GOMEMLIMIT", str(memory_bytes(found) * 8 // 10)),
        ],
        ports={**PORTS[Component.COLLECTOR], HEALTH_PORT_NAME: collector_config.HEALTH_PORT},
        resources=found,
        mounts=mounts,
        probes=probes(
            HEALTH_PORT_NAME,
            liveness="/",
            readiness="/",
            readiness_timeout_s=3,
            startup_attempts=300,  # compaction of a full queue at the start takes minutes
        ),
        drains=True,
    )
    template = pod_template(
        rendering,
        Component.COLLECTOR,
        container,
        settings=spec.collector,
        secrets=secrets,
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
    # Claim templates are immutable, so they must not contain anything that an upgrade changes.
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "queue", "labels": rendering.selector(Component.COLLECTOR)},
        "spec": spec,
        # The API server adds it; without it here, each start would apply the object once more.
        "status": {"phase": "Pending"},
    }
