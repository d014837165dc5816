"""The CronJob that deletes expired data. ``suspend`` of the instance suspends it."""

from __future__ import annotations

from tracefoundry_operator.manifests import environment
from tracefoundry_operator.manifests.pods import Container, pod_template
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

DEADLINE_S = 3600
"""Time limit of a run; the next run continues where it stopped."""


def render(rendering: Rendering) -> list[Manifest]:
    """The CronJob."""
    spec = rendering.instance.spec
    container = Container(
        image=rendering.services,
        command=["tracefoundry", "retention", "--json"],
        environment=environment.variables(spec, Component.RETENTION),
        resources=resources(
            spec.retention.resources,
            requests={"cpu": "50m", "memory": "128Mi"},
            limits={"cpu": "1", "memory": "1Gi"},
        ),
        mounts=environment.mounts(spec),
    )
    # No checksums of Secrets or patterns: each run has a new pod, which reads them.
    template = pod_template(
        rendering,
        Component.RETENTION,
        container,
        settings=spec.retention,
        restart_policy="Never",
        spread=False,
    )
    return [
        rendering.object(
            "batch/v1",
            "CronJob",
            Component.RETENTION,
            spec={
                "schedule": spec.retention.schedule,
                "timeZone": "Etc/UTC",
                "suspend": spec.suspend,
                # Two concurrent runs would wait for each other's locks.
                "concurrencyPolicy": "Forbid",
                # Without it, a CronJob that missed 100 runs never starts again.
                "startingDeadlineSeconds": 600,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 2,
                "jobTemplate": {
                    "metadata": {"labels": rendering.labels(Component.RETENTION)},
                    "spec": {
                        "backoffLimit": 2,
                        "activeDeadlineSeconds": DEADLINE_S,
                        "template": template,
                    },
                },
            },
        )
    ]
