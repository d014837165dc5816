"""Query: answers the API from the database and the bucket."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.manifests import services
from tracefoundry_operator.manifests.availability import deployment, fixed_replicas, scaling
from tracefoundry_operator.manifests.pods import Container, pod_template, serving_probes
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

PORT_NAME = "http"


def render(rendering: Rendering) -> list[Manifest]:
    """Deployment, autoscaler and disruption budget."""
    spec = rendering.instance.spec
    container = Container(
        image=rendering.services,
        command=[
            "tracefoundry", "query", "--host", "0.0.0.0",  # noqa: S104 - in a pod, behind a policy
            "--port", str(names.HTTP_PORT),
        ],
        environment=services.environment(spec),
        ports={PORT_NAME: names.HTTP_PORT},
        resources=resources(
            spec.query.resources,
            requests={"cpu": "100m", "memory": "256Mi"},
            limits={"cpu": "1", "memory": "1Gi"},
        ),
        mounts=services.mounts(spec),
        probes=serving_probes(PORT_NAME),
        drains=True,
    )  # fmt: skip
    template = pod_template(
        rendering,
        Component.QUERY,
        container,
        settings=spec.query,
        secrets=services.secrets(spec),
        config=services.config(rendering),
    )
    return [
        deployment(
            rendering, Component.QUERY, replicas=fixed_replicas(spec.query), template=template
        ),
        *scaling(rendering, Component.QUERY, spec.query),
    ]


def service(rendering: Rendering) -> Manifest:
    """The address of the API."""
    return services.service(rendering, Component.QUERY, [(PORT_NAME, names.HTTP_PORT)])
