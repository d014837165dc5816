"""Query: serves the API from the database and the bucket."""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.manifests import servers
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component


def render(rendering: Rendering) -> list[Manifest]:
    """Deployment, autoscaler and disruption budget."""
    query = rendering.instance.spec.query
    server = servers.Server(
        component=Component.QUERY,
        arguments=["--port", str(names.HTTP_PORT)],
        settings=query,
        resources=resources(
            query.resources,
            requests={"cpu": "100m", "memory": "256Mi"},
            limits={"cpu": "1", "memory": "1Gi"},
        ),
        replicas=query.replicas,
        autoscaling=query.autoscaling,
    )
    return servers.render(rendering, server)
