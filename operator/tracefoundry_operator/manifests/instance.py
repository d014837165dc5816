"""All objects of an instance, in the order in which they are applied.

There are three stages. First the objects that pods need; they are always kept up to date. Then the
migration Job. Last the objects that run the version, only after the migration: until then the old
pods keep running unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracefoundry_operator.manifests import (
    collector,
    export_bounds,
    ingest,
    migration,
    monitoring,
    network_policies,
    query,
    retention,
    services,
    ui,
)
from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The objects of an instance.

    Attributes:
        base: objects that do not depend on the version: accounts, policies, Services and the bounds
            of exports.
        migration: the Job for the present inputs.
        rollout: objects that depend on it: configuration, workloads, scaling and monitoring.
    """

    base: tuple[Manifest, ...]
    migration: Manifest
    rollout: tuple[Manifest, ...]


def render(rendering: Rendering) -> Stages:
    """The objects of an instance, by stage."""
    return Stages(
        base=(
            *_service_accounts(rendering),
            *network_policies.render(rendering),
            *services.render(rendering),
            *export_bounds.render(rendering),
        ),
        migration=migration.render(rendering),
        rollout=(
            *ingest.render(rendering),
            *query.render(rendering),
            *collector.render(rendering),
            *ui.render(rendering),
            *retention.render(rendering),
            *monitoring.render(rendering),
        ),
    )


def _service_accounts(rendering: Rendering) -> list[Manifest]:
    """A ServiceAccount for each component, without a mounted token and without rights.

    With one each, rights for one component (the collector's for Kubernetes attributes) are not
    given to all.
    """
    return [
        rendering.object("v1", "ServiceAccount", component, automountServiceAccountToken=False)
        for component in Component
    ]
