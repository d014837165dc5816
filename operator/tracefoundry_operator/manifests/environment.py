"""Environment and mounts of the processes that use the database and the bucket.

Secrets are referenced, never read: their values go from the API server to the kubelet.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracefoundry_operator.api.instance import DatabaseRole, TraceFoundrySpec
from tracefoundry_operator.api.references import CaSecretRef, UrlSecretRef
from tracefoundry_operator.manifests.pods import (
    Environment,
    Mount,
    secret_value,
    secret_volume,
    value,
)
from tracefoundry_operator.manifests.rendering import Manifest, Rendering, versions_of
from tracefoundry_operator.names import Component

FOLDER = "/etc/tracefoundry"
PATTERNS_FILE = "patterns.yaml"
ACCESS_KEY = "AWS_ACCESS_KEY_ID"
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a key, not a key


def database_roles(spec: TraceFoundrySpec) -> Iterator[tuple[Component, DatabaseRole]]:
    """Components with a database role of their own."""
    roles = spec.database.roles
    for component, role in (
        (Component.INGEST, roles.ingest),
        (Component.QUERY, roles.query),
        (Component.RETENTION, roles.retention),
    ):
        if role is not None:
            yield component, role


def database_url(spec: TraceFoundrySpec, component: Component) -> UrlSecretRef:
    """The Secret with the URL that a component connects with. An export does what query does for
    the API's exports, so it has the role of query."""
    role = dict(database_roles(spec)).get(
        Component.QUERY if component is Component.EXPORT else component
    )
    return spec.database.secret_ref if role is None else role.secret_ref


def database_environment(spec: TraceFoundrySpec, component: Component) -> Environment:
    """The URL of the database, and the CA of its certificate."""
    ref = database_url(spec, component)
    found = [secret_value("TRACEFOUNDRY_DATABASE_URL", ref.name, ref.key)]
    if spec.database.tls.ca_secret_ref is not None:
        # libpq uses these where the URL has no such parameter; verify-full checks the host name.
        found.append(value("PGSSLMODE", "verify-full"))
        found.append(value("PGSSLROOTCERT", f"{FOLDER}/database-ca/ca.crt"))
    return found


def object_store_environment(spec: TraceFoundrySpec) -> Environment:
    """The URL of the bucket and its credentials."""
    store = spec.object_store
    path = f"/{store.prefix}" if store.prefix else ""
    found = [
        value("TRACEFOUNDRY_PAYLOAD_URL", f"s3://{store.bucket}{path}"),
        value("AWS_REGION", store.region),
        value("AWS_DEFAULT_REGION", store.region),
        value("AWS_EC2_METADATA_DISABLED", "true"),
        secret_value(ACCESS_KEY, store.secret_ref.name, ACCESS_KEY),
        secret_value(SECRET_KEY, store.secret_ref.name, SECRET_KEY),
    ]
    if store.endpoint is not None:
        found.append(value("AWS_ENDPOINT_URL_S3", store.endpoint))
    if store.tls.ca_secret_ref is not None:
        found.append(value("AWS_CA_BUNDLE", f"{FOLDER}/s3-ca/ca.crt"))
    return found


def encryption_environment(spec: TraceFoundrySpec, component: Component) -> Environment:
    """The encryption keys of payloads, for components that write or read them: retention deletes
    payloads unread."""
    if spec.encryption is None or component is Component.RETENTION:
        return []
    ref = spec.encryption.secret_ref
    return [secret_value("TRACEFOUNDRY_ENCRYPTION_KEYS", ref.name, ref.key)]


def policy_environment(spec: TraceFoundrySpec) -> Environment:
    """Redaction, retention and quotas, and the bounds of what projects may set."""
    found = [
        value("TRACEFOUNDRY_REDACTION", spec.redaction.mode),
        value("TRACEFOUNDRY_RETENTION_SPANS", spec.retention.spans),
        value("TRACEFOUNDRY_RETENTION_PAYLOADS", spec.retention.payloads),
    ]
    for name, bound in (
        ("TRACEFOUNDRY_REDACTION_FLOOR", spec.redaction.floor),
        ("TRACEFOUNDRY_RETENTION_SPANS_MAX", spec.retention.spans_max),
        ("TRACEFOUNDRY_RETENTION_PAYLOADS_MAX", spec.retention.payloads_max),
    ):
        if bound is not None:
            found.append(value(name, bound))
    for name, limit in (
        ("SPANS_PER_SECOND", spec.quotas.spans_per_second),
        ("BYTES_PER_SECOND", spec.quotas.bytes_per_second),
        ("SPANS_PER_DAY", spec.quotas.spans_per_day),
        ("CONTENT_BYTES_PER_DAY", spec.quotas.content_bytes_per_day),
    ):
        if limit is not None:
            found.append(value(f"TRACEFOUNDRY_QUOTA_{name}", str(limit)))
    if spec.redaction.patterns_config_map_ref is not None:
        found.append(value("TRACEFOUNDRY_REDACTION_PATTERNS", f"{FOLDER}/patterns/{PATTERNS_FILE}"))
    return found


def variables(spec: TraceFoundrySpec, component: Component) -> Environment:
    """All of these, for processes that work with spans and payloads."""
    return [
        *database_environment(spec, component),
        *object_store_environment(spec),
        *encryption_environment(spec, component),
        *policy_environment(spec),
    ]


def database_mounts(spec: TraceFoundrySpec) -> list[Mount]:
    """The CA of the database's certificate."""
    return _authority("database-ca", spec.database.tls.ca_secret_ref)


def object_store_mounts(spec: TraceFoundrySpec) -> list[Mount]:
    """The CA of the object store's certificate."""
    return _authority("s3-ca", spec.object_store.tls.ca_secret_ref)


def mounts(spec: TraceFoundrySpec) -> list[Mount]:
    """CAs and redaction patterns."""
    found = [*database_mounts(spec), *object_store_mounts(spec)]
    patterns = spec.redaction.patterns_config_map_ref
    if patterns is not None:
        source: Manifest = {
            "configMap": {
                "name": patterns.name,
                "items": [{"key": PATTERNS_FILE, "path": PATTERNS_FILE}],
                "defaultMode": 0o444,
            }
        }
        found.append(Mount(name="patterns", path=f"{FOLDER}/patterns", source=source))
    return found


def database_secrets(spec: TraceFoundrySpec, component: Component) -> list[str]:
    """Names of the Secrets that a component needs for the database."""
    return _named(database_url(spec, component).name, spec.database.tls.ca_secret_ref)


def secrets(spec: TraceFoundrySpec, component: Component) -> list[str]:
    """Names of the Secrets that a component uses."""
    found = database_secrets(spec, component)
    found += _named(spec.object_store.secret_ref.name, spec.object_store.tls.ca_secret_ref)
    if spec.encryption is not None:
        found.append(spec.encryption.secret_ref.name)
    return found


def config(rendering: Rendering) -> object:
    """The version of mounted patterns. A process reads them once, so a change restarts the pods."""
    patterns = rendering.instance.spec.redaction.patterns_config_map_ref
    if patterns is None:
        return None
    return versions_of([patterns.name], rendering.config_map_versions)


def _authority(name: str, ref: CaSecretRef | None) -> list[Mount]:
    if ref is None:
        return []
    source = secret_volume(ref.name, ref.key, "ca.crt")
    return [Mount(name=name, path=f"{FOLDER}/{name}", source=source)]


def _named(secret: str, authority: CaSecretRef | None) -> list[str]:
    return [secret] if authority is None else [secret, authority.name]
