"""Autoscalers and disruption budgets."""

from __future__ import annotations

from tracefoundry_operator.api.references import Autoscaling
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component


def disruption_budget(
    rendering: Rendering, component: Component, min_replicas: int
) -> list[Manifest]:
    """One pod may be unavailable. None for a single pod, which could never be evicted."""
    if min_replicas < 2:
        return []
    return [
        rendering.object(
            "policy/v1",
            "PodDisruptionBudget",
            component,
            spec={
                "maxUnavailable": 1,
                "selector": {"matchLabels": rendering.selector(component)},
                # A pod that is not ready serves no requests: a drain need not wait for it.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        )
    ]


def autoscaler(rendering: Rendering, component: Component, bounds: Autoscaling) -> Manifest:
    """A HorizontalPodAutoscaler for a component's Deployment."""
    return rendering.object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        component,
        spec={
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": rendering.child(component),
            },
            "minReplicas": bounds.min_replicas,
            "maxReplicas": bounds.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": bounds.target_cpu_utilization,
                        },
                    },
                }
            ],
        },
    )
