"""Dictionary ids of resources and scopes, without hashing the same object twice.

All spans of one OTLP envelope share their ``Resource`` and ``Scope`` objects and follow each
other, so remembering the last one of each is enough.
"""

from __future__ import annotations

from tracefoundry.model.span import Resource, Scope
from tracefoundry.store.sql import columns


class EnvelopeIds:
    """Ids of the resources and scopes seen by one thread."""

    def __init__(self) -> None:
        self._resource: tuple[Resource, bytes] | None = None
        self._scope: tuple[Scope, bytes] | None = None

    def resource_id(self, resource: Resource) -> bytes:
        """The 16-byte id of a resource."""
        if self._resource is None or self._resource[0] is not resource:
            self._resource = (resource, columns.resource_id(resource))
        return self._resource[1]

    def scope_id(self, scope: Scope) -> bytes:
        """The 16-byte id of a scope."""
        if self._scope is None or self._scope[0] is not scope:
            self._scope = (scope, columns.scope_id(scope))
        return self._scope[1]
