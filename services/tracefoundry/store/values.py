"""Values of columns that are more than a field of the model: JSON, and ids of the dictionaries.

The column list (``sql.columns``) names these functions, and the store in memory calls them. Stores
differ in how a value is kept, not in what it is.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from orjson import OPT_SORT_KEYS, dumps

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span

ID_BYTES = 16
"""Length of resource and scope ids, of digests, and of the refs that list parts are kept by."""


def resource_id(resource: Resource) -> bytes:
    """The dictionary id of a resource: 16 bytes of SHA-256 of its content, in any key order."""
    return _dictionary_id(
        [
            resource.attributes,
            resource.schema_url,
            resource.dropped_attributes_count,
            resource.mended_strings,
        ]
    )


def scope_id(scope: Scope) -> bytes:
    """The dictionary id of a scope: 16 bytes of SHA-256 of its content, in any key order."""
    return _dictionary_id(
        [
            scope.name,
            scope.version,
            scope.attributes,
            scope.schema_url,
            scope.dropped_attributes_count,
            scope.mended_strings,
        ]
    )


def _dictionary_id(content: list[Any]) -> bytes:
    return sha256(dumps(content, option=OPT_SORT_KEYS)).digest()[:ID_BYTES]


def envelope_extra(envelope: Resource | Scope) -> bytes | None:
    """The ``extra`` column of a resource or scope, None when there is nothing to keep."""
    return _sparse(
        schema_url=envelope.schema_url,
        dropped_attributes_count=envelope.dropped_attributes_count,
        mended_strings=envelope.mended_strings,
    )


def span_extra(span: Span) -> bytes | None:
    """The ``extra`` column of a span, None when there is nothing to keep (the common case)."""
    if (
        span.trace_state
        or span.dropped_attributes_count
        or span.dropped_events_count
        or span.dropped_links_count
        or span.mended_strings
    ):
        return _sparse(
            trace_state=span.trace_state,
            dropped_attributes_count=span.dropped_attributes_count,
            dropped_events_count=span.dropped_events_count,
            dropped_links_count=span.dropped_links_count,
            mended_strings=span.mended_strings,
        )
    return None


def log_extra(log: LogRecord) -> bytes | None:
    """The ``extra`` column of a log record."""
    return _sparse(
        observed_time_ns=str(log.observed_time_ns) if log.observed_time_ns else "",
        flags=log.flags,
        dropped_attributes_count=log.dropped_attributes_count,
        mended_strings=log.mended_strings,
    )


def _sparse(**fields: str | int) -> bytes | None:
    kept = {name: value for name, value in fields.items() if value}
    return dumps(kept) if kept else None


def events_json(span: Span) -> bytes | None:
    """The ``events`` column: the API's list, None when there are none."""
    if not span.events:
        return None
    rows = []
    for event in span.events:
        row: dict[str, Any] = {
            "name": event.name,
            "time_ns": str(event.time_ns),
            "attributes": event.attributes,
        }
        if event.dropped_attributes_count:
            row["dropped_attributes_count"] = event.dropped_attributes_count
        rows.append(row)
    return dumps(rows)


def links_json(span: Span) -> bytes | None:
    """The ``links`` column: the API's list, None when there are none."""
    if not span.links:
        return None
    rows = []
    for link in span.links:
        row: dict[str, Any] = {
            "trace_id": link.trace_id.hex(),
            "span_id": link.span_id.hex(),
            "attributes": link.attributes,
        }
        if link.trace_state:
            row["trace_state"] = link.trace_state
        if link.flags:
            row["flags"] = link.flags
        if link.dropped_attributes_count:
            row["dropped_attributes_count"] = link.dropped_attributes_count
        rows.append(row)
    return dumps(rows)


def payloads_json(payloads: tuple[PayloadEntry, ...]) -> bytes | None:
    """The ``payloads`` column: what left the row, None when nothing did."""
    return msgspec.json.encode(payloads) if payloads else None


def redactions_json(redactions: tuple[tuple[str, int], ...]) -> bytes | None:
    """The ``redactions`` column: the API's list, None when nothing was taken out."""
    if not redactions:
        return None
    return dumps([{"rule": rule, "count": count} for rule, count in redactions])


def payload_identity(payloads: tuple[PayloadEntry, ...]) -> bytes:
    """What of the payloads makes a span another one: not whether they had expired when it came."""
    return dumps([(entry.place, entry.key, entry.type, entry.ref) for entry in payloads])


def event_view_json(log: LogRecord) -> bytes | None:
    """The ``genai`` column of a log record: the fields of the view that are known."""
    if log.genai is None:
        return None
    known = {"version": registry.VERSIONS[log.genai.dialect]}
    for name in GenAI.__struct_fields__:
        value = getattr(log.genai, name)
        if value is not None:
            known[name] = value
    return dumps(known)


def genai_json(genai: GenAI) -> bytes:
    """The ``genai`` column: the fields of the view that have no column of their own."""
    rest: dict[str, Any] = {"dialect": genai.dialect, "version": registry.VERSIONS[genai.dialect]}
    if genai.operation is not None:
        rest["operation"] = genai.operation
    if genai.provider is not None:
        rest["provider"] = genai.provider
    if genai.finish_reasons is not None:
        rest["finish_reasons"] = genai.finish_reasons
    if genai.tool_call_id is not None:
        rest["tool_call_id"] = genai.tool_call_id
    if genai.price_version is not None:
        rest["price_version"] = genai.price_version
    return dumps(rest)
