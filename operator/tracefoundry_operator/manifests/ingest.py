"""Ingest: receives OTLP from the collector and commits it to the database and the bucket."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import Scalable
from tracefoundry_operator.manifests import servers
from tracefoundry_operator.manifests.pods import value
from tracefoundry_operator.manifests.quantities import MIB, cores, memory_bytes, resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

_LISTENER_BYTES = 512 * MIB
"""For the listening process and the request bodies that it holds; workers have the rest."""

_WORKER_MIN_BYTES = 512 * MIB
"""The program refuses less: a body of 64 MiB could not be decoded."""


def render(rendering: Rendering) -> list[Manifest]:
    """Deployment, autoscaler and disruption budget."""
    ingest = rendering.instance.spec.ingest
    found = resources(
        ingest.resources,
        requests={"cpu": "250m", "memory": "768Mi"},
        limits={"cpu": "2", "memory": "3Gi"},
    )
    workers, worker_bytes = _workers(cores(found), memory_bytes(found))
    server = servers.Server(
        component=Component.INGEST,
        arguments=[
            "--otlp-port", str(names.OTLP_HTTP_PORT), "--grpc-port", str(names.OTLP_GRPC_PORT),
        ],
        settings=ingest,
        resources=found,
        replicas=ingest.replicas,
        autoscaling=ingest.autoscaling,
        environment=[
            # Otherwise the program would count the node's cores and ignore the memory limit.
            value("TRACEFOUNDRY_INGEST_WORKERS", str(workers)),
            value("TRACEFOUNDRY_INGEST_WORKER_MEMORY", str(worker_bytes)),
            value("TRACEFOUNDRY_QUOTA_PROCESSES", str(_least_pods(ingest))),
        ],
    )  # fmt: skip
    return servers.render(rendering, server)


def _least_pods(ingest: Scalable) -> int:
    """Among how many pods quotas for a second are divided. An autoscaler's least number, so that a
    project has all of its quota while few pods run; more pods let more through."""
    return ingest.replicas if ingest.autoscaling is None else ingest.autoscaling.min_replicas


def _workers(max_workers: int, limit_bytes: int) -> tuple[int, int]:
    """Number of workers and bytes of each, so that together they stay within the limit."""
    available = max(limit_bytes - _LISTENER_BYTES, _WORKER_MIN_BYTES)
    workers = max(1, min(max_workers, available // _WORKER_MIN_BYTES))
    return workers, max(available // workers, _WORKER_MIN_BYTES)
