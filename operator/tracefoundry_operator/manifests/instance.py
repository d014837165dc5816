"""All objects of an instance, in the order in which they are applied.

There are three stages. What pods need comes first and is always kept as it should be. The
migration Job follows. What runs the new version comes last, only after the migration: until then
the old pods go on with what they have.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracefoundry_operator.manifests import (
    collector,
    ingest,
    migration,
    monitoring,
    network_policies,
    query,
    retention,
    service_accounts,
    ui,
)
from tracefoundry_operator.manifests.rendering import Manifest, Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The objects of an instance.

    Attributes:
        base: what the running version does not depend on: accounts, policies, Services.
        migration: the Job for the present inputs.
        rollout: what runs the version: configuration, workloads and what scales and watches them.
    """

    base: tuple[Manifest, ...]
    migration: Manifest
    rollout: tuple[Manifest, ...]


def render(rendering: Rendering) -> Stages:
    """The objects of an instance, by stage."""
    return Stages(
        base=(
            *service_accounts.render(rendering),
            *network_policies.render(rendering),
            collector.service(rendering),
            ingest.service(rendering),
            query.service(rendering),
            ui.service(rendering),
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
