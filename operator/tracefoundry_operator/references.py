"""What a spec refers to and must exist before its pods can start: Secrets and ConfigMaps.

A pod with a missing Secret waits without a word that a user would find; the operator says instead
which object or key is missing, and keeps what runs as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracefoundry_operator.api.instance import TraceFoundrySpec
from tracefoundry_operator.manifests.services import ACCESS_KEY, PATTERNS_FILE, SECRET_KEY
from tracefoundry_operator.observed import View


def secret_keys(spec: TraceFoundrySpec) -> Iterator[tuple[str, str, str]]:
    """Each Secret's name and key, with the field that names it."""
    database, store, auth = spec.database, spec.object_store, spec.auth
    yield database.secret_ref.name, database.secret_ref.key, "database.secretRef"
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
    for token, field in (
        (auth.admin_token_secret_ref, "auth.adminTokenSecretRef"),
        (auth.ingest_token_secret_ref, "auth.ingestTokenSecretRef"),
    ):
        yield token.name, token.key, field


def config_maps(spec: TraceFoundrySpec) -> tuple[str, ...]:
    """Names of the ConfigMaps that a spec refers to."""
    patterns = spec.redaction.patterns_config_map_ref
    return () if patterns is None else (patterns.name,)


def missing(spec: TraceFoundrySpec, view: View) -> tuple[str, ...]:
    """What is not there, one sentence each."""
    found = []
    for name, key, field in secret_keys(spec):
        secret = view.secrets.get(name)
        if secret is None:
            sentence = f"Secret {name!r} ({field}) does not exist"
        elif key not in secret.keys:
            sentence = f"Secret {name!r} ({field}) has no value under the key {key!r}"
        else:
            continue
        if sentence not in found:
            found.append(sentence)
    for name in config_maps(spec):
        patterns = view.config_maps.get(name)
        named = f"ConfigMap {name!r} (redaction.patternsConfigMapRef)"
        if patterns is None:
            found.append(f"{named} does not exist")
        elif PATTERNS_FILE not in patterns.keys:
            found.append(f"{named} has no value under the key {PATTERNS_FILE!r}")
    return tuple(found)
