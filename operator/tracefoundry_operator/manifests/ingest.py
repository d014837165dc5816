"""Ingest: takes OTLP from the collector, and commits it to the database and the bucket."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.manifests import services
from tracefoundry_operator.manifests.availability import deployment, fixed_replicas, scaling
from tracefoundry_operator.manifests.pods import Container, pod_template, serving_probes, value
from tracefoundry_operator.manifests.quantities import MIB, cores, memory_bytes, resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

PORT_NAME = "otlp-http"
GRPC_PORT_NAME = "otlp-grpc"

_LISTENER_BYTES = 512 * MIB
"""Kept for the listening process and the bodies that it holds; the rest is for workers."""

_WORKER_LEAST_BYTES = 512 * MIB
"""Fewer the program refuses: a body of 64 MiB could not be decoded."""


def render(rendering: Rendering) -> list[Manifest]:
    """Service, Deployment, autoscaler and disruption budget."""
    spec = rendering.instance.spec
    found = resources(
        spec.ingest.resources,
        requests={"cpu": "250m", "memory": "768Mi"},
        limits={"cpu": "2", "memory": "3Gi"},
    )
    workers, worker_bytes = _workers(cores(found), memory_bytes(found))
    container = Container(
        image=rendering.services,
        command=[
            "tracefoundry", "ingest", "--host", "0.0.0.0",  # noqa: S104 - in a pod, behind a policy
            "--otlp-port", str(names.OTLP_HTTP_PORT), "--grpc-port", str(names.OTLP_GRPC_PORT),
        ],
        environment=[
            *services.environment(spec),
            # The program would count the node's cores and not know the container's limit.
            value("TRACEFOUNDRY_INGEST_WORKERS", str(workers)),
            value("TRACEFOUNDRY_INGEST_WORKER_MEMORY", str(worker_bytes)),
        ],
        ports={PORT_NAME: names.OTLP_HTTP_PORT, GRPC_PORT_NAME: names.OTLP_GRPC_PORT},
        resources=found,
        mounts=services.mounts(spec),
        probes=serving_probes(PORT_NAME),
        drains=True,
    )  # fmt: skip
    template = pod_template(
        rendering,
        Component.INGEST,
        container,
        settings=spec.ingest,
        secrets=services.secrets(spec),
        config=services.config(rendering),
    )
    return [
        deployment(
            rendering,
            Component.INGEST,
            replicas=fixed_replicas(spec.ingest),
            template=template,
        ),
        *scaling(rendering, Component.INGEST, spec.ingest),
    ]


def service(rendering: Rendering) -> Manifest:
    """The address of ingest."""
    ports = [(PORT_NAME, names.OTLP_HTTP_PORT), (GRPC_PORT_NAME, names.OTLP_GRPC_PORT)]
    return services.service(rendering, Component.INGEST, ports)


def _workers(most: int, limit: int) -> tuple[int, int]:
    """Workers and bytes of each, so that all of them together stay within the limit."""
    room = max(limit - _LISTENER_BYTES, _WORKER_LEAST_BYTES)
    workers = max(1, min(most, room // _WORKER_LEAST_BYTES))
    return workers, max(room // workers, _WORKER_LEAST_BYTES)
