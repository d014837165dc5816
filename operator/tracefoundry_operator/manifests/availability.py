"""How many pods there are, and how many may be missing: replicas, HPA and PDB."""

from __future__ import annotations

from tracefoundry_operator.api.instance import Scalable
from tracefoundry_operator.api.references import Autoscaling
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component


def deployment(
    rendering: Rendering, component: Component, *, replicas: int | None, template: Manifest
) -> Manifest:
    """A Deployment that never has fewer pods than wanted while it rolls.

    Args:
        rendering: the instance.
        component: whose pods they are.
        replicas: number of pods; None leaves it to an autoscaler. The field is then not the
            operator's, or each pass would undo what the autoscaler did.
        template: of the pods.
    """
    spec: Manifest = {
        "selector": {"matchLabels": rendering.selector(component)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 3,
        "template": template,
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return rendering.object("apps/v1", "Deployment", component, spec=spec)


def fixed_replicas(scalable: Scalable) -> int | None:
    """The number of pods, None when an autoscaler decides it."""
    return scalable.replicas if scalable.autoscaling is None else None


def scaling(rendering: Rendering, component: Component, scalable: Scalable) -> list[Manifest]:
    """The autoscaler if asked for, and the disruption budget if there is more than one pod."""
    found = []
    fewest = scalable.replicas
    if scalable.autoscaling is not None:
        found.append(_autoscaler(rendering, component, scalable.autoscaling))
        fewest = scalable.autoscaling.min_replicas
    return [*found, *disruption_budget(rendering, component, fewest)]


def disruption_budget(rendering: Rendering, component: Component, fewest: int) -> list[Manifest]:
    """One pod may be missing; none for a single pod, which could then never be moved."""
    if fewest < 2:
        return []
    return [
        rendering.object(
            "policy/v1",
            "PodDisruptionBudget",
            component,
            spec={
                "maxUnavailable": 1,
                "selector": {"matchLabels": rendering.selector(component)},
                # A pod that is not ready serves nobody: a drain need not wait for it.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        )
    ]


def _autoscaler(rendering: Rendering, component: Component, bounds: Autoscaling) -> Manifest:
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
