"""The Deployments of ingest, query and UI. They are equal except for the fields of ``Server``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracefoundry_operator.api.references import Autoscaling, Pods
from tracefoundry_operator.manifests import environment
from tracefoundry_operator.manifests.availability import autoscaler, disruption_budget
from tracefoundry_operator.manifests.pods import Container, Environment, pod_template, probes
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.manifests.services import PORTS
from tracefoundry_operator.names import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A component that serves requests.

    Attributes:
        component: also the subcommand of ``tracefoundry`` that runs.
        arguments: of the subcommand, after the host.
        settings: of the user for its pods.
        resources: of the container.
        replicas: number of pods without an autoscaler.
        autoscaling: bounds of the autoscaler, if there is one.
        uses_store: whether it needs the database and the bucket. A change of their Secrets or of
            the redaction patterns then restarts its pods.
        environment: further variables.
        readiness: path of the readiness probe.
    """

    component: Component
    arguments: Sequence[str]
    settings: Pods
    resources: Mapping[str, Mapping[str, str]]
    replicas: int
    autoscaling: Autoscaling | None = None
    uses_store: bool = True
    environment: Environment | None = None
    readiness: str = "/readyz"


def render(rendering: Rendering, server: Server) -> list[Manifest]:
    """Deployment, autoscaler and disruption budget."""
    found = [_deployment(rendering, server)]
    min_replicas = server.replicas
    if server.autoscaling is not None:
        found.append(autoscaler(rendering, server.component, server.autoscaling))
        min_replicas = server.autoscaling.min_replicas
    return [*found, *disruption_budget(rendering, server.component, min_replicas)]


def _deployment(rendering: Rendering, server: Server) -> Manifest:
    """A Deployment that never has fewer pods than wanted during a roll-out."""
    spec: Manifest = {
        "selector": {"matchLabels": rendering.selector(server.component)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 3,
        "template": _template(rendering, server),
    }
    if server.autoscaling is None:
        # With an autoscaler the operator must not own the field: each pass would undo the scaling.
        spec["replicas"] = server.replicas
    return rendering.object("apps/v1", "Deployment", server.component, spec=spec)


def _template(rendering: Rendering, server: Server) -> Manifest:
    spec, ports = rendering.instance.spec, PORTS[server.component]
    container = Container(
        image=rendering.services,
        command=[
            "tracefoundry", server.component.value,
            "--host", "0.0.0.0",  # noqa: S104 - in a pod, behind a NetworkPolicy
            *server.arguments,
        ],
        environment=[
            *(environment.variables(spec, server.component) if server.uses_store else ()),
            *(server.environment or ()),
        ],
        ports=ports,
        resources=server.resources,
        mounts=environment.mounts(spec) if server.uses_store else (),
        probes=probes(next(iter(ports)), readiness=server.readiness),
        drains=True,
    )  # fmt: skip
    return pod_template(
        rendering,
        server.component,
        container,
        settings=server.settings,
        secrets=environment.secrets(spec, server.component) if server.uses_store else (),
        config=environment.config(rendering) if server.uses_store else None,
    )
