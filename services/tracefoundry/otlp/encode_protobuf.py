"""Model structs as protobuf messages of :mod:`.byte_strings`, where strings are bytes.

A ``$text`` value may be invalid UTF-8, which the normal classes refuse to write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracefoundry.model.attributes import tag_of, untag
from tracefoundry.model.span import Attributes, Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.otlp import byte_strings


def put_resource(resource: Resource, envelope: Any) -> None:
    """Fill ``ResourceSpans`` or ``ResourceLogs``, except its scopes."""
    envelope.schema_url = resource.schema_url.encode()
    _put_attributes(resource.attributes, envelope.resource.attributes)
    envelope.resource.dropped_attributes_count = resource.dropped_attributes_count


def put_scope(scope: Scope, envelope: Any) -> None:
    """Fill ``ScopeSpans`` or ``ScopeLogs``, except its spans or logs."""
    envelope.schema_url = scope.schema_url.encode()
    envelope.scope.name = scope.name.encode()
    envelope.scope.version = scope.version.encode()
    _put_attributes(scope.attributes, envelope.scope.attributes)
    envelope.scope.dropped_attributes_count = scope.dropped_attributes_count


def put_span(span: Span, message: Any) -> None:
    """Fill a ``Span`` message."""
    message.trace_id = span.trace_id
    message.span_id = span.span_id
    message.parent_span_id = span.parent_span_id
    message.name = span.name.encode()
    message.kind = span.kind
    message.start_time_unix_nano = span.start_time_ns
    message.end_time_unix_nano = span.end_time_ns
    if span.status_code or span.status_message:
        message.status.code = span.status_code
        message.status.message = span.status_message.encode()
    _put_attributes(span.attributes, message.attributes)
    put_events(span.events, message)
    put_links(span.links, message)
    message.flags = span.flags
    message.trace_state = span.trace_state.encode()
    message.dropped_attributes_count = span.dropped_attributes_count
    message.dropped_events_count = span.dropped_events_count
    message.dropped_links_count = span.dropped_links_count


def put_events(events: Iterable[Event], message: Any) -> None:
    """Add events to a ``Span`` message."""
    for event in events:
        put = message.events.add()
        put.name = event.name.encode()
        put.time_unix_nano = event.time_ns
        _put_attributes(event.attributes, put.attributes)
        put.dropped_attributes_count = event.dropped_attributes_count


def put_links(links: Iterable[Link], message: Any) -> None:
    """Add links to a ``Span`` message."""
    for link in links:
        put = message.links.add()
        put.trace_id = link.trace_id
        put.span_id = link.span_id
        put.trace_state = link.trace_state.encode()
        put.flags = link.flags
        _put_attributes(link.attributes, put.attributes)
        put.dropped_attributes_count = link.dropped_attributes_count


def value_bytes(value: Any) -> bytes:
    """The ``AnyValue`` message of a value in tagged JSON form."""
    message = byte_strings.AnyValue()
    _put_value(value, message)
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def put_log(log: LogRecord, message: Any) -> None:
    """Fill a ``LogRecord`` message; the name always goes to ``event_name``."""
    message.trace_id = log.trace_id
    message.span_id = log.span_id
    message.event_name = log.name.encode()
    message.time_unix_nano = log.time_ns
    message.observed_time_unix_nano = log.observed_time_ns
    message.severity_number = log.severity_number
    message.severity_text = log.severity_text.encode()
    if log.body is not None:
        _put_value(log.body, message.body)
    _put_attributes(log.attributes, message.attributes)
    message.flags = log.flags
    message.dropped_attributes_count = log.dropped_attributes_count


def _put_attributes(attributes: Attributes, pairs: Any) -> None:
    for key, value in attributes.items():
        pair = pairs.add()
        pair.key = key.encode()
        _put_value(value, pair.value)


def _put_value(value: Any, message: Any) -> None:
    message.SetInParent()  # an empty value is also a value
    if isinstance(value, str):
        message.string_value = value.encode()
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, list):
        message.array_value.SetInParent()
        for item in value:
            _put_value(item, message.array_value.values.add())
    elif isinstance(value, dict):
        tag = tag_of(value)
        plain: Any = value if tag is None else untag(value)
        if tag == "$double":
            message.double_value = plain
        elif tag == "$bytes":
            message.bytes_value = plain
        elif tag == "$text":
            message.string_value = plain
        else:
            message.kvlist_value.SetInParent()
            _put_attributes(plain, message.kvlist_value.values)
    elif value is not None:
        raise TypeError(f"not an attribute value: {type(value).__name__}")
