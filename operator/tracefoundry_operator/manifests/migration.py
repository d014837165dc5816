"""The Job that migrates the database to the schema of a version, gives the roles of components
their privileges and registers the tokens.

Another image, another database or role, or a changed token makes another Job.
"""

from __future__ import annotations

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import TraceFoundrySpec
from tracefoundry_operator.api.references import TokenSecretRef
from tracefoundry_operator.manifests import environment
from tracefoundry_operator.manifests.jobs import input_hash, job
from tracefoundry_operator.manifests.pods import (
    Container,
    Mount,
    pod_template,
    secret_volume,
    value,
)
from tracefoundry_operator.manifests.quantities import resources
from tracefoundry_operator.manifests.rendering import Manifest, Rendering, versions_of
from tracefoundry_operator.names import Component

TOKENS_FOLDER = f"{environment.FOLDER}/tokens"

DEADLINE_S = 6 * 3600
"""Time limit: the migration of a large database takes hours; one that hangs must end."""


def token_refs(rendering: Rendering) -> dict[str, TokenSecretRef]:
    """References to the token Secrets, by the role of each token."""
    auth = rendering.instance.spec.auth
    return {"admin": auth.admin_token_secret_ref, "ingest": auth.ingest_token_secret_ref}


def inputs(rendering: Rendering) -> dict[str, object]:
    """Everything that the Job's result depends on: image, Secrets and their keys.

    Resources and node selectors are left out: a finished migration must not run again for them.
    """
    spec, refs = rendering.instance.spec, token_refs(rendering)
    secrets = [
        *environment.database_secrets(spec, Component.MIGRATE),
        *(ref.name for ref in refs.values()),
    ]
    roles = _database_roles(spec)
    # Without roles nothing is added: the Job of an operator that did not know them stays valid.
    return ({"roles": roles} if roles else {}) | {
        "image": rendering.services.reference,
        "database": [spec.database.secret_ref.name, spec.database.secret_ref.key],
        "tokens": {role: [ref.name, ref.key] for role, ref in refs.items()},
        "secrets": versions_of(secrets, rendering.secret_versions),
    }


def _database_roles(spec: TraceFoundrySpec) -> str:
    """Names of the roles by component, as ``migrate`` reads them."""
    return ",".join(
        f"{component}={role.name}" for component, role in environment.database_roles(spec)
    )


def render(rendering: Rendering) -> Manifest:
    """The Job for the present inputs."""
    spec = rendering.instance.spec
    refs, roles = token_refs(rendering), _database_roles(spec)
    paths = {role: f"{TOKENS_FOLDER}/{role}/token" for role in refs}
    container = Container(
        image=rendering.services,
        command=["tracefoundry", "migrate"],
        environment=[
            *environment.database_environment(spec, Component.MIGRATE),
            *([value("TRACEFOUNDRY_DATABASE_ROLES", roles)] if roles else []),
            # The migration creates the partitions of the window of accepted spans.
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
            *environment.database_mounts(spec),
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
    return job(
        rendering,
        Component.MIGRATE,
        name=names.job_name(rendering.name, Component.MIGRATE, input_hash(inputs(rendering))),
        template=template,
        backoff_limit=3,
        deadline_s=DEADLINE_S,
    )
