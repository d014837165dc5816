"""Drift detection: whether an object is as the operator rendered it, without a request.

Server-side apply records in ``managedFields`` which fields each manager set. The operator compares
the fields that it owns with what it would render. A difference is drift: a value differs, or
another manager took the field over. Fields that the operator never set, such as the status, do not
count. So after a restart, unchanged objects are not applied again.

The API server stores some values in another form than they were sent (``1000m`` as ``1``). Such an
object is applied once, which changes nothing, and the result is remembered in the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tracefoundry_operator.manifests.rendering import Manifest, checksum

MANAGER = "tracefoundry-operator"
"""Field manager of rendered objects."""

_IDENTITY = ("name", "namespace")
"""Metadata fields that identify the object; no manager owns them."""


def rendered_digest(manifest: Manifest) -> str:
    """Digest of a rendered object, without the fields that identify it."""
    metadata = {
        name: value for name, value in manifest["metadata"].items() if name not in _IDENTITY
    }
    content = {
        name: value
        for name, value in manifest.items()
        if name not in ("apiVersion", "kind", "metadata")
    }
    return checksum({"metadata": metadata, **content})


def owned_digest(body: Mapping[str, Any]) -> str | None:
    """Digest of the fields that this operator owns; None when it never applied the object."""
    fields = applied_fields(body)
    if fields is None:
        return None
    return checksum(_owned(body, fields))


def owns_replicas(body: Mapping[str, Any]) -> bool:
    """Whether the operator set ``spec.replicas``."""
    fields = applied_fields(body) or {}
    return "f:replicas" in fields.get("f:spec", {})


def applied_fields(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fields that this operator applied, as ``fieldsV1``."""
    for entry in body.get("metadata", {}).get("managedFields", ()):
        if (
            entry.get("manager") == MANAGER
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            fields: Mapping[str, Any] = entry.get("fieldsV1", {})
            return fields
    return None


def _owned(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of ``value`` that ``fields`` selects; all of it where they select no part."""
    parts = {name: inner for name, inner in fields.items() if name != "."}
    if not parts:
        return value
    if isinstance(value, Mapping):
        return {
            name[2:]: _owned(value.get(name[2:]), inner)
            for name, inner in parts.items()
            if name.startswith("f:")
        }
    if isinstance(value, list):
        return [
            _owned(item, inner)
            for item in value
            for name, inner in parts.items()
            if _selects(name, item)
        ]
    return value


def _selects(name: str, item: Any) -> bool:
    """Whether a path element, ``k:{"name":"x"}`` or ``v:"x"``, selects this item of a list."""
    if name.startswith("k:") and isinstance(item, Mapping):
        keys: dict[str, Any] = json.loads(name[2:])
        return all(item.get(key) == wanted for key, wanted in keys.items())
    if name.startswith("v:"):
        return bool(item == json.loads(name[2:]))
    return False
