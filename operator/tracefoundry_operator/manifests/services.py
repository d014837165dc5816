"""Services and the ports of each component."""

from __future__ import annotations

from collections.abc import Mapping

from tracefoundry_operator import names
from tracefoundry_operator.manifests.collector_config import METRICS_PORT
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

OTLP_GRPC = "otlp-grpc"
OTLP_HTTP = "otlp-http"
HTTP = "http"
METRICS = "metrics"

PORTS: Mapping[Component, Mapping[str, int]] = {
    Component.COLLECTOR: {
        OTLP_GRPC: names.OTLP_GRPC_PORT,
        OTLP_HTTP: names.OTLP_HTTP_PORT,
        METRICS: METRICS_PORT,
    },
    Component.INGEST: {OTLP_HTTP: names.OTLP_HTTP_PORT, OTLP_GRPC: names.OTLP_GRPC_PORT},
    Component.QUERY: {HTTP: names.HTTP_PORT},
    Component.UI: {HTTP: names.HTTP_PORT},
}
"""Names and numbers of the ports of each component with a Service; they have the same name and
number in the container. Except for the collector, the first port also answers probes."""

METRICS_PORT_NAMES = {
    Component.COLLECTOR: METRICS,
    Component.INGEST: OTLP_HTTP,
    Component.QUERY: HTTP,
}
"""The port with ``/metrics`` of each component that has metrics."""


def render(rendering: Rendering) -> list[Manifest]:
    """A Service for each component that accepts connections."""
    return [
        rendering.object(
            "v1",
            "Service",
            component,
            spec={
                "type": "ClusterIP",
                "selector": rendering.selector(component),
                "ports": [
                    {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
                    for name, port in ports.items()
                ],
            },
        )
        for component, ports in PORTS.items()
    ]
