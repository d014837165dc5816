"""The Job that brings the database to the schema of a version and registers the tokens.

It is named by a hash of what it depends on, made once and never changed: another version, another
database or a changed token makes another Job, and a restarted operator makes no second one.
"""

from __future__ import annotations

import hashlib
import json

from tracefoundry_operator import names
from tracefoundry_operator.api.references import TokenSecretRef
from tracefoundry_operator.manifests import services
from tracefoundry_operator.manifests.pods import (
    Container,
    Mount,
    pod_template,
    secret_volume,
    value,
)
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import (
    TEMPLATE_CHECKSUM,
    Manifest,
    Rendering,
    checksum,
    versions_of,
)
from tracefoundry_operator.names import Component

TOKENS_FOLDER = f"{services.FOLDER}/tokens"

DEADLINE_S = 6 * 3600
"""A migration of a large database takes long; one that hangs must end some time."""


def token_refs(rendering: Rendering) -> dict[str, TokenSecretRef]:
    """The Secrets with tokens, by the role that each token gets."""
    auth = rendering.instance.spec.auth
    return {"admin": auth.admin_token_secret_ref, "ingest": auth.ingest_token_secret_ref}


def secrets(rendering: Rendering) -> list[str]:
    """Names of the Secrets that the Job uses; a change makes a new Job."""
    spec = rendering.instance.spec
    return [
        *services.database_secrets(spec),
        *(ref.name for ref in token_refs(rendering).values()),
    ]


def input_hash(rendering: Rendering) -> str:
    """Digest of what the Job's result depends on: image, Secrets and their keys.

    Resources and node selectors are left out: a finished migration need not run again for them.
    The Job carries a checksum of its whole pod template besides, so that one that never started
    can be told from the one that would be made now.
    """
    spec = rendering.instance.spec
    inputs = {
        "image": rendering.services.reference,
        "database": [spec.database.secret_ref.name, spec.database.secret_ref.key],
        "tokens": {role: [ref.name, ref.key] for role, ref in token_refs(rendering).items()},
        "secrets": versions_of(secrets(rendering), rendering.secret_versions),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode("utf-8")).hexdigest()


def render(rendering: Rendering) -> Manifest:
    """The Job for the present inputs."""
    spec = rendering.instance.spec
    refs = token_refs(rendering)
    paths = {role: f"{TOKENS_FOLDER}/{role}/token" for role in refs}
    container = Container(
        image=rendering.services,
        command=["tracefoundry", "migrate"],
        environment=[
            *services.database_environment(spec),
            # The window of accepted spans, for which the migration makes partitions ahead.
            value("TRACEFOUNDRY_RETENTION_SPANS", spec.retention.spans),
            value(
                "TRACEFOUNDRY_REGISTER_TOKENS",
                ",".join(f"{role}={path}" for role, path in paths.items()),
            ),
        ],
        resources=resources(
            spec.migration.resources,
            requests={"cpu": "50m", "memory": "128Mi"},
            limits={"cpu": "1", "memory": "512Mi"},
        ),
        mounts=[
            *services.database_mounts(spec),
            *(
                Mount(
                    name=f"{role}-token",
                    path=f"{TOKENS_FOLDER}/{role}",
                    source=secret_volume(ref.name, ref.key, "token"),
                )
                for role, ref in refs.items()
            ),
        ],
    )
    template = pod_template(
        rendering,
        Component.MIGRATE,
        container,
        settings=spec.migration,
        restart_policy="Never",
        spread=False,
    )
    return rendering.object(
        "batch/v1",
        "Job",
        Component.MIGRATE,
        name=names.migration_job_name(rendering.name, input_hash(rendering)),
        annotations={TEMPLATE_CHECKSUM: checksum(template)},
        spec={
            "backoffLimit": 3,
            "activeDeadlineSeconds": DEADLINE_S,
            "template": template,
        },
    )
