"""The Secrets and ConfigMaps that a spec refers to, and which of them are missing.

A pod with a missing Secret waits, and only its events say why. The operator checks first, reports
which object or key is missing, and leaves running pods as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracefoundry_operator.api.instance import TraceFoundrySpec
from tracefoundry_operator.manifests.environment import (
    ACCESS_KEY,
    PATTERNS_FILE,
    SECRET_KEY,
    database_roles,
)
from tracefoundry_operator.records import ConfigMap, Secret


def secret_keys(spec: TraceFoundrySpec) -> Iterator[tuple[str, str, str]]:
    """Name and key of each Secret, with the spec field that refers to it."""
    database, store, auth = spec.database, spec.object_store, spec.auth
    yield database.secret_ref.name, database.secret_ref.key, "database.secretRef"
    for component, role in database_roles(spec):
        url = role.secret_ref
        yield url.name, url.key, f"database.roles.{component}.secretRef"
    if database.tls.ca_secret_ref is not None:
        ref = database.tls.ca_secret_ref
        yield ref.name, ref.key, "database.tls.caSecretRef"
    for key in (ACCESS_KEY, SECRET_KEY):
        yield store.secret_ref.name, key, "objectStore.secretRef"
    if store.tls.ca_secret_ref is not None:
        ref = store.tls.ca_secret_ref
        yield ref.name, ref.key, "objectStore.tls.caSecretRef"
    if spec.encryption is not None:
        keys = spec.encryption.secret_ref
        yield keys.name, keys.key, "encryption.secretRef"
    if spec.collector.auth is not None:
        senders = spec.collector.auth.token_secret_ref
        yield senders.name, senders.key, "collector.auth.tokenSecretRef"
    for token, field in (
        (auth.admin_token_secret_ref, "auth.adminTokenSecretRef"),
        (auth.ingest_token_secret_ref, "auth.ingestTokenSecretRef"),
    ):
        yield token.name, token.key, field


def export_secret_keys(spec: TraceFoundrySpec) -> Iterator[tuple[str, str, str]]:
    """The same for the Jobs of exports, which also use the key that signs bundles."""
    yield from secret_keys(spec)
    signing = spec.exports.signing_key_secret_ref
    if signing is not None:
        yield signing.name, signing.key, "exports.signingKeySecretRef"


def config_map_names(spec: TraceFoundrySpec) -> tuple[str, ...]:
    """Names of the ConfigMaps that the spec refers to."""
    patterns = spec.redaction.patterns_config_map_ref
    return () if patterns is None else (patterns.name,)


def missing(
    spec: TraceFoundrySpec,
    secrets: Mapping[str, Secret],
    config_maps: Mapping[str, ConfigMap],
    *,
    for_exports: bool = False,
) -> tuple[str, ...]:
    """One sentence for each missing object or key.

    Args:
        spec: of the instance.
        secrets: those that exist, by name.
        config_maps: those that exist, by name.
        for_exports: ask for what exports need too. The instance runs without it.
    """
    found = []
    for name, key, field in export_secret_keys(spec) if for_exports else secret_keys(spec):
        secret = secrets.get(name)
        if secret is None:
            sentence = f"Secret {name!r} ({field}) does not exist"
        elif key not in secret.keys:
            sentence = f"Secret {name!r} ({field}) has no value under the key {key!r}"
        else:
            continue
        if sentence not in found:
            found.append(sentence)
    for name in config_map_names(spec):
        patterns = config_maps.get(name)
        named = f"ConfigMap {name!r} (redaction.patternsConfigMapRef)"
        if patterns is None:
            found.append(f"{named} does not exist")
        elif PATTERNS_FILE not in patterns.keys:
            found.append(f"{named} has no value under the key {PATTERNS_FILE!r}")
    return tuple(found)
