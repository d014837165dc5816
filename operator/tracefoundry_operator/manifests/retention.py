"""The CronJob that deletes what is too old. Suspending the instance suspends it."""

from __future__ import annotations

from tracefoundry_operator.manifests import services
from tracefoundry_operator.manifests.pods import Container, pod_template
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

DEADLINE_S = 3600
"""After this long a run is ended; the next one goes on where it stopped."""


def render(rendering: Rendering) -> list[Manifest]:
    """The CronJob."""
    spec = rendering.instance.spec
    container = Container(
        image=rendering.services,
        command=["tracefoundry", "retention", "--json"],
        environment=services.environment(spec),
        resources=resources(
            spec.retention.resources,
            requests={"cpu": "50m", "memory": "128Mi"},
            limits={"cpu": "1", "memory": "1Gi"},
        ),
        mounts=services.mounts(spec),
    )
    # No checksums of Secrets or patterns: each run makes a new pod, which reads them anew.
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
                # Two at once would wait for each other's locks.
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
