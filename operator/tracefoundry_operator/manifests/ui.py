"""The page for browsers: its pods pass calls of the API on to query, so there is one origin."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import Ingress
from tracefoundry_operator.manifests import services
from tracefoundry_operator.manifests.availability import deployment, disruption_budget
from tracefoundry_operator.manifests.pods import Container, http_get, pod_template, serving_probes
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

PORT_NAME = "http"


def render(rendering: Rendering) -> list[Manifest]:
    """Deployment, disruption budget and, if asked for, Ingress."""
    spec = rendering.instance.spec
    query = f"http://{rendering.child(Component.QUERY)}:{names.HTTP_PORT}"
    container = Container(
        image=rendering.services,
        command=[
            "tracefoundry", "ui", "--host", "0.0.0.0",  # noqa: S104 - in a pod, behind a policy
            "--port", str(names.HTTP_PORT), "--query-url", query,
        ],
        environment=[],
        ports={PORT_NAME: names.HTTP_PORT},
        resources=resources(
            spec.ui.resources,
            requests={"cpu": "25m", "memory": "96Mi"},
            limits={"cpu": "500m", "memory": "256Mi"},
        ),
        probes={
            **serving_probes(PORT_NAME),
            # The page can say that the API is away; out of its Service it could say nothing.
            "readinessProbe": http_get(
                "/healthz", PORT_NAME, periodSeconds=5, failureThreshold=2, timeoutSeconds=5
            ),
        },
        drains=True,
    )  # fmt: skip
    template = pod_template(rendering, Component.UI, container, settings=spec.ui)
    found = [
        deployment(rendering, Component.UI, replicas=spec.ui.replicas, template=template),
        *disruption_budget(rendering, Component.UI, spec.ui.replicas),
    ]
    if spec.ui.ingress is not None:
        found.append(_ingress(rendering, spec.ui.ingress))
    return found


def service(rendering: Rendering) -> Manifest:
    """The address of the page inside the cluster."""
    return services.service(rendering, Component.UI, [(PORT_NAME, names.HTTP_PORT)])


def _ingress(rendering: Rendering, ingress: Ingress) -> Manifest:
    backend = {
        "service": {"name": rendering.child(Component.UI), "port": {"name": PORT_NAME}},
    }
    spec: Manifest = {
        "rules": [
            {
                "host": ingress.host,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }
        ]
    }
    if ingress.class_name is not None:
        spec["ingressClassName"] = ingress.class_name
    if ingress.tls_secret_name is not None:
        spec["tls"] = [{"hosts": [ingress.host], "secretName": ingress.tls_secret_name}]
    return rendering.object(
        "networking.k8s.io/v1",
        "Ingress",
        Component.UI,
        annotations=ingress.annotations,
        spec=spec,
    )
