"""Prepares spans and logs for insertion: dictionary ids, row, digest, refs of payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.contract import PreparedLog, PreparedSpan
from tracefoundry.store.envelopes import EnvelopeIds

_SCHEME = len("sha256:")

SpanRow = Callable[[int, Span, bytes, bytes], tuple[Any, bytes]]
LogRow = Callable[[int, LogRecord, bytes, bytes], tuple[Any, bytes]]


class Preparation:
    """The part of a writer that touches no database. One instance serves one thread."""

    def __init__(self, span_row: SpanRow, log_row: LogRow) -> None:
        self._span_row = span_row
        self._log_row = log_row
        self._ids = EnvelopeIds()

    def span(self, project_id: int, span: Span) -> PreparedSpan:
        """A span ready to insert."""
        resource, scope = self._ids.resource_id(span.resource), self._ids.scope_id(span.scope)
        row, digest = self._span_row(project_id, span, resource, scope)
        refs = _refs(span.payloads) if span.payloads else ()
        return PreparedSpan(project_id, span, resource, scope, digest, row, refs)

    def log(self, project_id: int, log: LogRecord) -> PreparedLog:
        """A log record ready to insert."""
        resource, scope = self._ids.resource_id(log.resource), self._ids.scope_id(log.scope)
        row, content_hash = self._log_row(project_id, log, resource, scope)
        refs = _refs(log.payloads) if log.payloads else ()
        return PreparedLog(project_id, log, resource, scope, content_hash, row, refs)


def _refs(payloads: tuple[PayloadEntry, ...]) -> tuple[bytes, ...]:
    """The digests of what is, or was once, in the payload store, each once."""
    stored = {
        entry.ref
        for entry in payloads
        if entry.state in ("present", "expired") and entry.ref is not None
    }
    return tuple(bytes.fromhex(ref[_SCHEME:]) for ref in sorted(stored))
