"""Prepares spans and logs for insertion: dictionary ids, row, digest, refs of payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.store import values
from tracefoundry.store.api import PreparedLog, PreparedSpan

_SCHEME = len("sha256:")

SpanRow = Callable[[int, Span, bytes, bytes], tuple[Any, bytes]]
"""From project id, span, resource id and scope id to the row and its digest."""
LogRow = Callable[[int, LogRecord, bytes, bytes], tuple[Any, bytes]]
"""The same for a log record."""


class Preparation:
    """The part of a writer that touches no database. One instance serves one thread.

    All spans of one OTLP envelope share their ``Resource`` and ``Scope`` objects and follow each
    other, so remembering the last one of each keeps most of them from being hashed again.
    """

    def __init__(self, span_row: SpanRow, log_row: LogRow) -> None:
        self._span_row = span_row
        self._log_row = log_row
        self._resource: tuple[Resource, bytes] | None = None
        self._scope: tuple[Scope, bytes] | None = None

    def span(self, project_id: int, span: Span) -> PreparedSpan:
        """A span ready to insert."""
        resource, scope = self._resource_id(span.resource), self._scope_id(span.scope)
        row, digest = self._span_row(project_id, span, resource, scope)
        refs = _refs(span.payloads) if span.payloads else ()
        return PreparedSpan(project_id, span, resource, scope, digest, row, refs)

    def log(self, project_id: int, log: LogRecord) -> PreparedLog:
        """A log record ready to insert."""
        resource, scope = self._resource_id(log.resource), self._scope_id(log.scope)
        row, content_hash = self._log_row(project_id, log, resource, scope)
        refs = _refs(log.payloads) if log.payloads else ()
        return PreparedLog(project_id, log, resource, scope, content_hash, row, refs)

    def _resource_id(self, resource: Resource) -> bytes:
        if self._resource is None or self._resource[0] is not resource:
            self._resource = (resource, values.resource_id(resource))
        return self._resource[1]

    def _scope_id(self, scope: Scope) -> bytes:
        if self._scope is None or self._scope[0] is not scope:
            self._scope = (scope, values.scope_id(scope))
        return self._scope[1]


def _refs(payloads: tuple[PayloadEntry, ...]) -> tuple[bytes, ...]:
    """The digests of what is, or was once, in the payload store, each once."""
    stored = {
        entry.ref
        for entry in payloads
        if entry.state in ("present", "expired") and entry.ref is not None
    }
    return tuple(bytes.fromhex(ref[_SCHEME:]) for ref in sorted(stored))
