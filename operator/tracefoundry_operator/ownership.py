"""Whether an object is as the operator rendered it, without asking the API server.

Server-side apply records in ``managedFields`` which fields a manager set. The part of an object
that this operator owns, compared with what it would render, tells drift (a value differs, or
another manager took the field) from what others may change (status, fields that the operator never
set). So after a restart nothing has to be applied again to find that nothing changed.

Where the server writes a value otherwise than it was rendered (``1000m`` as ``1``), the two differ
though nothing is wrong. Then the object is applied once, which changes nothing, and remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tracefoundry_operator.manifests.rendering import Manifest, checksum

MANAGER = "tracefoundry-operator"
"""Field manager of rendered objects."""

_IDENTITY = ("name", "namespace")
"""Fields of the metadata that say which object it is; no manager owns them."""


def rendered_digest(manifest: Manifest) -> str:
    """Digest of what is rendered, without what identifies the object."""
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
    """Digest of what this operator owns of an object; None when it never applied it."""
    fields = applied_fields(body)
    if fields is None:
        return None
    return checksum(_owned(body, fields))


def owns_replicas(body: Mapping[str, Any]) -> bool:
    """Whether the operator set ``spec.replicas``."""
    fields = applied_fields(body) or {}
    return "f:replicas" in fields.get("f:spec", {})


def applied_fields(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fields that this operator applied, in the form of ``fieldsV1``."""
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
    """The part of ``value`` that ``fields`` names; whole where they name no parts."""
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
    """Whether a path element, ``k:{"name":"x"}`` or ``v:"x"``, means this item of a list."""
    if name.startswith("k:") and isinstance(item, Mapping):
        keys: dict[str, Any] = json.loads(name[2:])
        return all(item.get(key) == wanted for key, wanted in keys.items())
    if name.startswith("v:"):
        return bool(item == json.loads(name[2:]))
    return False
