"""From stored records to the model: the inverse of ``columns``."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.store.records import StoredLog, StoredResource, StoredScope, StoredSpan

_PAYLOADS = msgspec.json.Decoder(tuple[PayloadEntry, ...])


def decode_span(stored: StoredSpan, resource: Resource, scope: Scope, *, trace_id: bytes) -> Span:
    """The span as the model has it. Contents that left the row stay out: ``payloads`` says what
    stood where."""
    return Span(
        trace_id,
        stored.span_id,
        stored.parent_span_id or b"",
        stored.name,
        stored.kind,
        stored.start_time_ns,
        stored.end_time_ns,
        stored.status_code,
        stored.status_message or "",
        orjson.loads(stored.attributes),
        resource,
        scope,
        events=_events(stored.events),
        links=_links(stored.links),
        flags=stored.flags,
        genai=stored.view(),
        policy_version=stored.policy_version,
        redactions=_redactions(stored.redactions),
        payloads=_payloads(stored.payloads),
        **_object(stored.extra),
    )


def decode_log(
    stored: StoredLog, resource: Resource, scope: Scope, *, trace_id: bytes
) -> LogRecord:
    """The log record as the model has it; contents as in :func:`decode_span`."""
    extra = _object(stored.extra)
    return LogRecord(
        trace_id,
        stored.span_id,
        stored.name,
        stored.time_ns,
        int(extra.pop("observed_time_ns", 0)),
        stored.severity_number,
        stored.severity_text or "",
        None if stored.body is None else orjson.loads(stored.body),
        orjson.loads(stored.attributes),
        resource,
        scope,
        policy_version=stored.policy_version,
        redactions=_redactions(stored.redactions),
        payloads=_payloads(stored.payloads),
        **extra,
    )


def decode_resource(stored: StoredResource) -> Resource:
    """The resource as the model has it."""
    return Resource(orjson.loads(stored.attributes), **_object(stored.extra))


def decode_scope(stored: StoredScope) -> Scope:
    """The scope as the model has it."""
    return Scope(
        stored.name, stored.version, orjson.loads(stored.attributes), **_object(stored.extra)
    )


def _object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {} if text is None else orjson.loads(text)
    return found


def _events(text: str | None) -> list[Event]:
    events = [] if text is None else orjson.loads(text)
    for event in events:
        event["time_ns"] = int(event["time_ns"])
    return [Event(**event) for event in events]


def _links(text: str | None) -> list[Link]:
    links = [] if text is None else orjson.loads(text)
    for link in links:
        link["trace_id"] = bytes.fromhex(link["trace_id"])
        link["span_id"] = bytes.fromhex(link["span_id"])
    return [Link(**link) for link in links]


def _payloads(text: str | None) -> tuple[PayloadEntry, ...]:
    return () if text is None else _PAYLOADS.decode(text)


def _redactions(text: str | None) -> tuple[tuple[str, int], ...]:
    return tuple((item["rule"], item["count"]) for item in orjson.loads(text)) if text else ()
