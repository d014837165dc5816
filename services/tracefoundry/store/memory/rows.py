"""Spans, logs, resources and scopes in the form in which this store keeps them: as records.

Nothing of a record is shared with what was passed in, which stays the caller's.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import facts_of
from tracefoundry.store import values
from tracefoundry.store.memory.tables import SpanRow
from tracefoundry.store.records import (
    VIEW_FIELDS,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
)

_encode = msgspec.msgpack.Encoder().encode


def span_row(
    project_id: int, span: Span, resource_id: bytes, scope_id: bytes
) -> tuple[SpanRow, bytes]:
    """A span and its digest, which is over what was sent."""
    attributes = _text(span.encoded_attributes or orjson.dumps(span.attributes))
    shown = StoredSpan(
        span_id=span.span_id,
        start_time_ns=span.start_time_ns,
        end_time_ns=span.end_time_ns,
        parent_span_id=span.parent_span_id or None,
        kind=span.kind,
        status_code=span.status_code,
        flags=span.flags,
        policy_version=span.policy_version,
        resource_id=resource_id,
        scope_id=scope_id,
        name=span.name,
        status_message=span.status_message or None,
        attributes=attributes,
        events=_optional(values.events_json(span)),
        links=_optional(values.links_json(span)),
        extra=_optional(values.span_extra(span)),
        payloads=_optional(values.payloads_json(span.payloads)),
        redactions=_optional(values.redactions_json(span.redactions)),
        genai_kind=None if span.genai is None else span.genai.kind,
        **{name: getattr(span.genai, name, None) for name in VIEW_FIELDS},
        genai=None if span.genai is None else _text(values.genai_json(span.genai)),
    )
    sent = _digest(
        resource_id,
        scope_id,
        *(shown.parent_span_id, shown.name, shown.status_message, shown.end_time_ns),
        *(shown.kind, shown.status_code, shown.flags),
        *(shown.attributes, shown.events, shown.links, shown.extra),
        values.payload_identity(span.payloads),
    )
    return SpanRow(shown, facts_of(span), sent), sent


def log_row(
    project_id: int, log: LogRecord, resource_id: bytes, scope_id: bytes
) -> tuple[StoredLog, bytes]:
    """A log record and its content hash, which is part of its key."""
    attributes = _text(orjson.dumps(log.attributes))
    body = None if log.body is None else _text(orjson.dumps(log.body))
    content_hash = _digest(
        *(resource_id, log.name, attributes, body, values.payload_identity(log.payloads)),
        *(log.severity_text, log.severity_number, log.observed_time_ns, log.flags),
    )
    shown = StoredLog(
        span_id=log.span_id,
        time_ns=log.time_ns,
        content_hash=content_hash,
        policy_version=log.policy_version,
        resource_id=resource_id,
        scope_id=scope_id,
        severity_number=log.severity_number,
        name=log.name,
        severity_text=log.severity_text or None,
        attributes=attributes,
        body=body,
        extra=_optional(values.log_extra(log)),
        payloads=_optional(values.payloads_json(log.payloads)),
        redactions=_optional(values.redactions_json(log.redactions)),
        genai=_optional(values.event_view_json(log)),
    )
    return shown, content_hash


def resource_of(resource_id: bytes, resource: Resource) -> StoredResource:
    """A resource as answers show it."""
    return StoredResource(
        resource_id,
        resource.service,
        resource.environment,
        _text(orjson.dumps(resource.attributes)),
        _optional(values.envelope_extra(resource)),
    )


def scope_of(scope_id: bytes, scope: Scope) -> StoredScope:
    """A scope as answers show it."""
    return StoredScope(
        scope_id,
        scope.name,
        scope.version,
        _text(orjson.dumps(scope.attributes)),
        _optional(values.envelope_extra(scope)),
    )


def _digest(*parts: Any) -> bytes:
    return blake2b(_encode(parts), digest_size=values.ID_BYTES).digest()


def _text(value: bytes) -> str:
    return value.decode()


def _optional(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
