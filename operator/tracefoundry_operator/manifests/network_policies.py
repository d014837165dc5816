"""NetworkPolicies: allowed connections to pods, and from the collector and the UI.

Other namespaces have access only if the spec names them. Outgoing connections of ingest, query,
retention and migration are not limited: the addresses of database and bucket are in Secrets that
the operator does not read. A policy without rules has no list of rules, because an empty list would
be a change at every apply.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry_operator import names
from tracefoundry_operator.manifests.collector_config import METRICS_PORT
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

EVERYWHERE = "*"
OPERATOR_LABELS = {"app.kubernetes.io/name": "tracefoundry-operator"}
"""Labels of the operator's pods, as the chart sets them."""

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
    dns = {"ports": [_port(53, "UDP"), _port(53)]}
    outgoing = [dns, _to(rendering, Component.INGEST, names.OTLP_HTTP_PORT)]
    if rendering.instance.spec.collector.k8s_attributes:
        outgoing.append({"ports": [_port(port) for port in _API_SERVER_PORTS]})
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
        ),
        _policy(
            rendering,
            Component.QUERY,
            ingress=[_from(api, names.HTTP_PORT), _from(metrics, names.HTTP_PORT)],
        ),
        _policy(
            rendering,
            Component.UI,
            ingress=[{"ports": [_port(names.HTTP_PORT)]}]
            if ui_is_public
            else [_from(api, names.HTTP_PORT), _from(metrics, names.HTTP_PORT)],
            egress=[dns, _to(rendering, Component.QUERY, names.HTTP_PORT)],
        ),
        _policy(rendering, Component.RETENTION, ingress=[]),
        _policy(rendering, Component.MIGRATE, ingress=[]),
    ]


def _policy(
    rendering: Rendering,
    component: Component,
    *,
    ingress: Sequence[Manifest],
    egress: Sequence[Manifest] = (),
) -> Manifest:
    spec: Manifest = {
        "podSelector": {"matchLabels": rendering.selector(component)},
        "policyTypes": ["Ingress", "Egress"] if egress else ["Ingress"],
    }
    if ingress:
        spec["ingress"] = list(ingress)
    if egress:
        spec["egress"] = list(egress)
    return rendering.object("networking.k8s.io/v1", "NetworkPolicy", component, spec=spec)


def _peers(namespaces: Sequence[str]) -> list[Manifest]:
    """The instance's namespace, and these."""
    if EVERYWHERE in namespaces:
        return [{"namespaceSelector": {}}]
    return [
        {"podSelector": {}},
        *({"namespaceSelector": _namespace(name)} for name in sorted(set(namespaces))),
    ]


def _namespace(name: str) -> Manifest:
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def _from(peers: Sequence[Manifest], *ports: int) -> Manifest:
    return {"from": list(peers), "ports": [_port(port) for port in ports]}


def _to(rendering: Rendering, component: Component, port: int) -> Manifest:
    pods = {"podSelector": {"matchLabels": rendering.selector(component)}}
    return {"to": [pods], "ports": [_port(port)]}


def _port(port: int, protocol: str = "TCP") -> Manifest:
    return {"port": port, "protocol": protocol}
