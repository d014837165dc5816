"""A span, its resource, its scope and its logs, between decoding and storing.

The stages of the write path (decode, redact, offload, commit) pass these structs on. Identifiers
are raw bytes, times are integers in nanoseconds since the Unix epoch, kinds and status codes are
OTLP's integers, and attribute maps are in tagged JSON form. A field that the sender left out has
the proto3 default (empty bytes, empty string, 0).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import Content, PayloadEntry

Attributes = dict[str, Any]
"""Attribute map in tagged JSON form; see :mod:`tracefoundry.model.attributes`."""


class SpanKind(IntEnum):
    """OTLP ``Span.SpanKind`` (opentelemetry-proto trace.proto)."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """OTLP ``Status.StatusCode`` (opentelemetry-proto trace.proto)."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Resource(msgspec.Struct, gc=False):
    """The sender of a span; one object for all spans of a ``ResourceSpans`` envelope."""

    attributes: Attributes = {}
    schema_url: str = ""
    dropped_attributes_count: int = 0
    mended_strings: int = 0
    """Number of names and keys in which NUL or invalid UTF-8 became U+FFFD, and of duplicate keys
    that were dropped."""

    @property
    def service(self) -> str | None:
        """``service.name`` when it is a string."""
        value = self.attributes.get("service.name")
        return value if isinstance(value, str) else None

    @property
    def environment(self) -> str | None:
        """``deployment.environment.name``, else the older ``deployment.environment``."""
        for key in ("deployment.environment.name", "deployment.environment"):
            value = self.attributes.get(key)
            if isinstance(value, str):
                return value
        return None

    @property
    def project(self) -> str | None:
        """``tracefoundry.project`` when it is a string; it wins over header and token."""
        value = self.attributes.get("tracefoundry.project")
        return value if isinstance(value, str) else None


class Scope(msgspec.Struct, gc=False):
    """The instrumentation scope; one object for all spans of a ``ScopeSpans`` envelope."""

    name: str = ""
    version: str = ""
    attributes: Attributes = {}
    schema_url: str = ""
    dropped_attributes_count: int = 0
    mended_strings: int = 0


class Event(msgspec.Struct, gc=False):
    """A moment inside a span."""

    name: str
    time_ns: int
    attributes: Attributes = {}
    dropped_attributes_count: int = 0


class Link(msgspec.Struct, gc=False):
    """A pointer to another span, kept as sent even when its ids are malformed."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes = {}
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0


class Span(msgspec.Struct):
    """One span as received. ``parent_span_id`` is empty for a root."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start_time_ns: int
    end_time_ns: int
    status_code: int
    status_message: str
    attributes: Attributes
    resource: Resource
    scope: Scope
    events: list[Event] = []
    links: list[Link] = []
    flags: int = 0
    trace_state: str = ""
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0
    mended_strings: int = 0
    """Number of names and keys in which NUL or invalid UTF-8 became U+FFFD, and of duplicate keys
    that were dropped."""
    genai: GenAI | None = None
    """Derived view, filled by :func:`tracefoundry.model.genai.registry.derive` after redaction."""
    policy_version: int = 0
    """Version of the redaction policy that was applied; 0 before redaction."""
    redactions: tuple[tuple[str, int], ...] = ()
    """Rule and count of the values that redaction changed, resource and scope included."""
    payloads: tuple[PayloadEntry, ...] = ()
    """Entries of the values that are stored apart, resource and scope included."""
    contents: tuple[Content, ...] = ()
    """The values of ``payloads`` on their way to the payload store; not part of the row."""
    encoded_attributes: bytes = b""
    """JSON of ``attributes`` if an earlier stage has encoded it already, else empty."""


class LogRecord(msgspec.Struct):
    """A GenAI event sent as an OTLP log record, joined to its span by both ids."""

    trace_id: bytes
    span_id: bytes
    name: str
    """Event name: the field ``event_name``, else the attribute ``event.name``."""
    time_ns: int
    """``time_unix_nano``, else ``observed_time_unix_nano``."""
    observed_time_ns: int
    severity_number: int
    severity_text: str
    body: Any
    """The body in tagged JSON form; None when absent."""
    attributes: Attributes
    resource: Resource
    scope: Scope
    flags: int = 0
    dropped_attributes_count: int = 0
    mended_strings: int = 0
    genai: GenAI | None = None
    """What the event says about its span, filled by
    :func:`tracefoundry.model.genai.registry.derive_from_event` after redaction."""
    policy_version: int = 0
    redactions: tuple[tuple[str, int], ...] = ()
    payloads: tuple[PayloadEntry, ...] = ()
    contents: tuple[Content, ...] = ()
