"""What waits in the queue: ended spans and log records, with an estimate of their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from tracefoundry_sdk.capture import Capture, Content

_SPAN_BYTES = 1_000
"""Of a span besides its attributes: ids, times, name, and the Python objects that hold them."""
_VALUE_BYTES = 100
"""Of a key, a number, an object in a list."""


@dataclass(frozen=True, slots=True)
class SpanItem:
    """A span, and the content that is added to it as text when it is sent."""

    span: ReadableSpan
    contents: Sequence[Content]
    capture: Capture
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LogItem:
    """A log record of a span; its attributes are strings."""

    event_name: str
    attributes: dict[str, str]
    trace_id: int
    span_id: int
    trace_flags: int
    time_ns: int
    resource: Resource
    size_bytes: int


Item = SpanItem | LogItem


def span_item(span: ReadableSpan, contents: Sequence[Content], capture: Capture) -> SpanItem:
    """The item of an ended span."""
    size = _SPAN_BYTES + _attributes_bytes(_stored(span, "attributes"))
    for event in _stored(span, "events"):
        size += _VALUE_BYTES + _attributes_bytes(event.attributes)
    for link in _stored(span, "links"):
        size += _VALUE_BYTES + _attributes_bytes(link.attributes)
    for content in contents:
        size += _value_bytes(content.value)
    return SpanItem(span=span, contents=contents, capture=capture, size_bytes=size)


def log_item(event_name: str, attributes: dict[str, str], **where: Any) -> LogItem:
    """The item of a log record."""
    size = _SPAN_BYTES + _value_bytes(attributes)
    return LogItem(event_name=event_name, attributes=attributes, size_bytes=size, **where)


def _stored(span: ReadableSpan, name: str) -> Any:
    """What the span holds; its public properties make a copy at each access."""
    stored = getattr(span, f"_{name}", None)
    return getattr(span, name) if stored is None else stored


def _attributes_bytes(attributes: Any) -> int:
    size = 0
    values = getattr(attributes, "_dict", attributes) or {}  # the public mapping locks at each key
    for value in values.values():
        if type(value) is str:
            size += _VALUE_BYTES + len(value)
        else:
            size += _value_bytes(value)
    return size


def _value_bytes(value: Any) -> int:
    """Memory of a value, which is also about what it takes on the wire."""
    if isinstance(value, str):
        return _VALUE_BYTES + getsizeof(value)
    if isinstance(value, list | tuple):
        return _VALUE_BYTES + sum(map(_value_bytes, value))
    if isinstance(value, dict):
        size = _VALUE_BYTES
        for key, item in value.items():
            size += getsizeof(key) + _value_bytes(item)
        return size
    return _VALUE_BYTES
