"""NetworkPolicies: allowed connections to pods, and from them.

Other namespaces have access only if the spec names them. Pods may connect to DNS and to what their
component needs. The address of the database is in a Secret that the operator does not read, so the
spec says on which ports, and if wanted in which networks or namespaces, database and object store
are. A policy without rules has no list of rules, because an empty list would be a change at every
apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import NetworkDestination, ObjectStore
from tracefoundry_operator.manifests.collector_config import METRICS_PORT
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

EVERYWHERE = "*"
OPERATOR_LABELS = {"app.kubernetes.io/name": "tracefoundry-operator"}
"""Labels of the operator's pods, as the chart sets them."""

POSTGRES_PORT = 5432

_OTLP = (names.OTLP_GRPC_PORT, names.OTLP_HTTP_PORT)
_API_SERVER_PORTS = (443, 6443)


def render(rendering: Rendering) -> list[Manifest]:
    """One policy for each component; none when they are disabled."""
    policy = rendering.instance.spec.network_policy
    if not policy.enabled:
        return []
    otlp = _peers(policy.otlp_from_namespaces)
    api = _peers(policy.api_from_namespaces)
    metrics = _peers(policy.metrics_from_namespaces)
    operator: Manifest = {
        "namespaceSelector": _namespace(rendering.operator_namespace),
        "podSelector": {"matchLabels": OPERATOR_LABELS},
    }
    ui_is_public = rendering.instance.spec.ui.ingress is not None
    dns: Manifest = {"ports": [_port(53, "UDP"), _port(53)]}
    database = _outside(policy.database, policy.database.ports or (POSTGRES_PORT,))
    object_store = _outside(
        policy.object_store,
        policy.object_store.ports or (_port_of(rendering.instance.spec.object_store),),
    )
    outgoing = [dns, _to(rendering, Component.INGEST, names.OTLP_HTTP_PORT)]
    if rendering.instance.spec.collector.k8s_attributes:
        outgoing.append({"ports": [_port(port) for port in _API_SERVER_PORTS]})
    # The pods of re-runs have a policy each: manifests.rerun_job.
    rerun = (
        [_to(rendering, Component.RERUN, names.RERUN_PORT)]
        if rendering.instance.spec.exports.rerun_images
        else []
    )
    return [
        _policy(
            rendering,
            Component.COLLECTOR,
            ingress=[_from(otlp, *_OTLP), _from(metrics, METRICS_PORT)],
            egress=outgoing,
        ),
        _policy(
            rendering,
            Component.INGEST,
            ingress=[
                _from(otlp, *_OTLP),
                _from([*metrics, operator], names.OTLP_HTTP_PORT),
            ],
            egress=[dns, database, object_store],
        ),
        _policy(
            rendering,
            Component.QUERY,
            ingress=[_from(api, names.HTTP_PORT), _from(metrics, names.HTTP_PORT)],
            egress=[dns, database, object_store],
        ),
        _policy(
            rendering,
            Component.UI,
            ingress=[{"ports": [_port(names.HTTP_PORT)]}]
            if ui_is_public
            else [_from(api, names.HTTP_PORT), _from(metrics, names.HTTP_PORT)],
            egress=[dns, _to(rendering, Component.QUERY, names.HTTP_PORT)],
        ),
        _policy(rendering, Component.RETENTION, ingress=[], egress=[dns, database, object_store]),
        _policy(rendering, Component.MIGRATE, ingress=[], egress=[dns, database]),
        _policy(rendering, Component.EXPORT, ingress=[], egress=[dns, database, object_store]),
        _policy(rendering, Component.REPLAY, ingress=[], egress=[dns, object_store, *rerun]),
    ]


def _policy(
    rendering: Rendering,
    component: Component,
    *,
    ingress: Sequence[Manifest],
    egress: Sequence[Manifest],
) -> Manifest:
    spec: Manifest = {
        "podSelector": {"matchLabels": rendering.selector(component)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": list(egress),
    }
    if ingress:
        spec["ingress"] = list(ingress)
    return rendering.object("networking.k8s.io/v1", "NetworkPolicy", component, spec=spec)


def _peers(namespaces: Sequence[str]) -> list[Manifest]:
    """The instance's namespace, and these."""
    if EVERYWHERE in namespaces:
        return [{"namespaceSelector": {}}]
    return [
        {"podSelector": {}},
        *({"namespaceSelector": _namespace(name)} for name in sorted(set(namespaces))),
    ]


def _outside(destination: NetworkDestination, ports: Sequence[int]) -> Manifest:
    """A rule for a server on these ports: at any address, or where the spec says it is."""
    rule: Manifest = {"ports": [_port(port) for port in ports]}
    peers: list[Manifest] = [{"ipBlock": {"cidr": cidr}} for cidr in destination.cidrs]
    peers += [{"namespaceSelector": _namespace(name)} for name in destination.namespaces]
    return {"to": peers, **rule} if peers else rule


def _port_of(store: ObjectStore) -> int:
    """The port of the object store's endpoint; that of HTTPS for AWS."""
    endpoint = urlsplit(store.endpoint or "https://aws")
    return endpoint.port or (80 if endpoint.scheme == "http" else 443)


def _namespace(name: str) -> Manifest:
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def _from(peers: Sequence[Manifest], *ports: int) -> Manifest:
    return {"from": list(peers), "ports": [_port(port) for port in ports]}


def _to(rendering: Rendering, component: Component, port: int) -> Manifest:
    pods = {"podSelector": {"matchLabels": rendering.selector(component)}}
    return {"to": [pods], "ports": [_port(port)]}


def _port(port: int, protocol: str = "TCP") -> Manifest:
    return {"port": port, "protocol": protocol}
