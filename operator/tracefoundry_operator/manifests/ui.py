"""The UI for browsers. Its pods forward API calls to query, so browsers see one origin."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import Ingress
from tracefoundry_operator.manifests import servers
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.manifests.services import HTTP
from tracefoundry_operator.names import Component


def render(rendering: Rendering) -> list[Manifest]:
    """Deployment, disruption budget and, if asked for, Ingress."""
    ui = rendering.instance.spec.ui
    query_url = f"http://{rendering.child(Component.QUERY)}:{names.HTTP_PORT}"
    server = servers.Server(
        component=Component.UI,
        arguments=["--port", str(names.HTTP_PORT), "--query-url", query_url],
        settings=ui,
        resources=resources(
            ui.resources,
            requests={"cpu": "25m", "memory": "96Mi"},
            limits={"cpu": "500m", "memory": "256Mi"},
        ),
        replicas=ui.replicas,
        uses_store=False,
        # The UI can show that the API is unavailable, so it stays in its Service then.
        readiness="/healthz",
    )
    found = servers.render(rendering, server)
    return found if ui.ingress is None else [*found, _ingress(rendering, ui.ingress)]


def _ingress(rendering: Rendering, ingress: Ingress) -> Manifest:
    backend = {
        "service": {"name": rendering.child(Component.UI), "port": {"name": HTTP}},
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
