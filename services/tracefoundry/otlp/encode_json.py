"""Model structs as OTLP/JSON: hex ids, 64-bit integers as strings, enums as integers."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from typing import Any

import orjson

from tracefoundry.model.attributes import tag_of, untag
from tracefoundry.model.span import Attributes, Event, Link, LogRecord, Resource, Scope, Span

_MUST_ESCAPE = re.compile(rb'[\x00-\x1f"\\]')


def resource_form(resource: Resource) -> dict[str, Any]:
    """``ResourceSpans`` or ``ResourceLogs`` without its scopes."""
    return {
        "resource": {
            "attributes": _attributes(resource.attributes),
            "droppedAttributesCount": resource.dropped_attributes_count,
        },
        "schemaUrl": resource.schema_url,
    }


def scope_form(scope: Scope) -> dict[str, Any]:
    """``ScopeSpans`` or ``ScopeLogs`` without its spans or logs."""
    return {
        "scope": {
            "name": scope.name,
            "version": scope.version,
            "attributes": _attributes(scope.attributes),
            "droppedAttributesCount": scope.dropped_attributes_count,
        },
        "schemaUrl": scope.schema_url,
    }


def span_form(span: Span) -> dict[str, Any]:
    """A ``Span`` message."""
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "traceState": span.trace_state,
        "parentSpanId": span.parent_span_id.hex(),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_time_ns),
        "endTimeUnixNano": str(span.end_time_ns),
        "attributes": _attributes(span.attributes),
        "droppedAttributesCount": span.dropped_attributes_count,
        "events": [_event(event) for event in span.events],
        "droppedEventsCount": span.dropped_events_count,
        "links": [_link(link) for link in span.links],
        "droppedLinksCount": span.dropped_links_count,
        "status": {"message": span.status_message, "code": span.status_code},
    }


def log_form(log: LogRecord) -> dict[str, Any]:
    """A ``LogRecord`` message; the name is always in ``eventName``."""
    return {
        "timeUnixNano": str(log.time_ns),
        "observedTimeUnixNano": str(log.observed_time_ns),
        "severityNumber": log.severity_number,
        "severityText": log.severity_text,
        "body": None if log.body is None else _value(log.body),
        "attributes": _attributes(log.attributes),
        "droppedAttributesCount": log.dropped_attributes_count,
        "flags": log.flags,
        "traceId": log.trace_id.hex(),
        "spanId": log.span_id.hex(),
        "eventName": log.name,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "timeUnixNano": str(event.time_ns),
        "name": event.name,
        "attributes": _attributes(event.attributes),
        "droppedAttributesCount": event.dropped_attributes_count,
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "traceId": link.trace_id.hex(),
        "spanId": link.span_id.hex(),
        "traceState": link.trace_state,
        "attributes": _attributes(link.attributes),
        "droppedAttributesCount": link.dropped_attributes_count,
        "flags": link.flags,
    }


def _attributes(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if not isinstance(value, dict):
        raise TypeError(f"not an attribute value: {type(value).__name__}")
    tag = tag_of(value)
    plain: Any = value if tag is None else untag(value)
    if tag == "$double":
        return {"doubleValue": plain if math.isfinite(plain) else value["$double"]}
    if tag == "$bytes":
        return {"bytesValue": b64encode(plain).decode("ascii")}
    if tag == "$text":
        return {"stringValue": _string_of_bytes(plain)}
    return {"kvlistValue": {"values": _attributes(plain)}}


def _string_of_bytes(value: bytes) -> orjson.Fragment:
    """A JSON string of these bytes, valid UTF-8 or not."""
    escaped = _MUST_ESCAPE.sub(lambda match: b"\\u%04x" % match.group()[0], value)
    return orjson.Fragment(b'"' + escaped + b'"')
