"""OTLP protobuf bodies to the model: the hottest path of the product.

Written for CPython with the upb runtime, where each field read is a call into C and each message
read creates a wrapper object. So each field is read once; the likeliest field of a oneof is read
before asking which one is set (a non-zero value proves it); and strings are searched for NUL in C.
A span of 12 attributes takes about 9 us on one core, garbage collection included. Rare cases (NUL,
duplicate keys, nested values) are handled in separate functions.

A body that upb refuses is mended (:mod:`.mending`) and decoded again by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracefoundry.model.attributes import (
    PLAIN_DOUBLE_LIMIT,
    REPLACEMENT,
    double,
    obj,
    raw_bytes,
    text,
)
from tracefoundry.model.span import Attributes, Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.otlp import byte_strings
from tracefoundry.otlp.decoded import (
    DEFAULT_LIMITS,
    ELEMENTS_A_VALUE,
    EVENT_NAME_ATTRIBUTE,
    HIGHEST_KIND,
    HIGHEST_SEVERITY,
    HIGHEST_STATUS_CODE,
    NO_SPAN_ID,
    BodyLimits,
    Decoded,
    SpanTooLarge,
    Undecodable,
    check_span_parts,
    genai_event_name,
    log_fault,
    span_fault,
    too_many_values,
)
from tracefoundry.otlp.mending import check_memory, mend, undecodable

Request = TypeVar("Request", ExportTraceServiceRequest, ExportLogsServiceRequest)


NOTHING_KNOWN: Final = (
    "no field of the body belongs to an export; is it compressed, without a Content-Encoding?"
)
"""Bytes that the parser takes for unknown fields: ignoring all of them would lose the sender's data
with a success."""


def decode_traces(body: bytes, limits: BodyLimits = DEFAULT_LIMITS) -> Decoded:
    """The spans of an ``ExportTraceServiceRequest``; ``genai`` is not derived here.

    Raises:
        Undecodable: not such a message, or nested deeper than protobuf allows (100 messages).
        TooLarge: it is above one of the limits.
    """
    request, walk = _parse(
        body, ExportTraceServiceRequest, byte_strings.ExportTraceServiceRequest, limits
    )
    decoded = Decoded(limits=limits)
    if body and not request.resource_spans:
        raise Undecodable(NOTHING_KNOWN)
    decoded.count_parts(len(request.resource_spans))
    for r, resource_spans in enumerate(request.resource_spans):
        decoded.count_parts(len(resource_spans.scope_spans))
        resource = _resource(resource_spans, walk)
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            decoded.check_record_limit(len(scope_spans.spans))
            scope = _scope(scope_spans, walk)
            place = f"resource_spans[{r}].scope_spans[{s}].spans"
            _spans(scope_spans.spans, resource, scope, decoded, place, walk)
    return decoded


def decode_logs(body: bytes, limits: BodyLimits = DEFAULT_LIMITS) -> Decoded:
    """The GenAI events of an ``ExportLogsServiceRequest``; other logs are counted.

    Raises:
        Undecodable: not such a message, or nested deeper than protobuf allows (100 messages).
        TooLarge: it is above one of the limits.
    """
    request, walk = _parse(
        body, ExportLogsServiceRequest, byte_strings.ExportLogsServiceRequest, limits
    )
    decoded = Decoded(limits=limits)
    if body and not request.resource_logs:
        raise Undecodable(NOTHING_KNOWN)
    decoded.count_parts(len(request.resource_logs))
    for r, resource_logs in enumerate(request.resource_logs):
        decoded.count_parts(len(resource_logs.scope_logs))
        resource = _resource(resource_logs, walk)
        for s, scope_logs in enumerate(resource_logs.scope_logs):
            scope = _scope(scope_logs, walk)
            for i, record in enumerate(scope_logs.log_records):
                decoded.check_record_limit(1)
                place = f"resource_logs[{r}].scope_logs[{s}].log_records[{i}]"
                _log(record, resource, scope, decoded, place, walk)
    return decoded


class _Walk:
    """State of one decoding: the prefix of mended values, the number of mended strings, and how
    many values the body may still have."""

    __slots__ = ("limits", "mended", "sentinel", "span_parts", "values_left")

    def __init__(self, sentinel: str | None, limits: BodyLimits) -> None:
        self.sentinel = sentinel
        self.mended = 0
        self.limits = limits
        self.values_left = limits.values
        self.span_parts = limits.span_parts

    def label(self, value: str) -> str:
        """A name without NUL; a mended one is counted."""
        if "\x00" in value:
            self.mended += 1
            return value.replace("\x00", REPLACEMENT)
        return value

    def broken(self, value: str) -> Any:
        """The form of an attribute string with a NUL."""
        if self.sentinel is not None and value.startswith(self.sentinel):
            return {"$text": value[len(self.sentinel) :]}
        return text(value)


def _parse(
    body: bytes, normal: type[Request], with_bytes: Any, limits: BodyLimits
) -> tuple[Request, _Walk]:
    try:
        return normal.FromString(body), _Walk(None, limits)
    except DecodeError as error:
        check_memory(error)
        body, sentinel = mend(body, with_bytes)
    try:
        return normal.FromString(body), _Walk(sentinel, limits)
    except DecodeError as error:
        raise undecodable(error) from None


def _resource(envelope: Any, walk: _Walk) -> Resource:
    walk.mended = 0
    message = envelope.resource
    return Resource(
        attributes=_attributes(message.attributes, walk),
        schema_url=walk.label(envelope.schema_url),
        dropped_attributes_count=message.dropped_attributes_count,
        mended_strings=walk.mended,
    )


def _scope(envelope: Any, walk: _Walk) -> Scope:
    walk.mended = 0
    message = envelope.scope
    return Scope(
        name=walk.label(message.name),
        version=walk.label(message.version),
        attributes=_attributes(message.attributes, walk),
        schema_url=walk.label(envelope.schema_url),
        dropped_attributes_count=message.dropped_attributes_count,
        mended_strings=walk.mended,
    )


def _spans(
    messages: Iterable[Any],
    resource: Resource,
    scope: Scope,
    decoded: Decoded,
    place: str,
    walk: _Walk,
) -> None:
    append = decoded.spans.append
    for index, message in enumerate(messages):
        trace_id = message.trace_id
        span_id = message.span_id
        parent_span_id = message.parent_span_id
        if parent_span_id == NO_SPAN_ID:
            parent_span_id = b""
        start = message.start_time_unix_nano
        end = message.end_time_unix_nano
        fault = span_fault(trace_id, span_id, parent_span_id, start, end)
        if fault is not None:
            decoded.reject(fault[0], f"{place}[{index}]: {fault[1]}")
            continue
        walk.mended = 0
        name = message.name
        if "\x00" in name:
            name = walk.label(name)
        trace_state = message.trace_state
        if "\x00" in trace_state:
            trace_state = walk.label(trace_state)
        status = message.status
        status_message = status.message
        if "\x00" in status_message:
            status_message = walk.label(status_message)
        status_code = status.code
        kind = message.kind
        events = message.events
        links = message.links
        try:
            attributes = _attributes(message.attributes, walk)
            if events or links:
                check_span_parts("events", len(events), walk.limits)
                check_span_parts("links", len(links), walk.limits)
                decoded.count_parts(len(events) + len(links))
            decoded_events = list(_events(events, walk)) if events else []
            decoded_links = list(_links(links, walk)) if links else []
        except SpanTooLarge as error:
            decoded.reject("too_many_parts", f"{place}[{index}]: {error}")
            continue
        append(
            Span(
                trace_id,
                span_id,
                parent_span_id,
                name,
                kind if 0 <= kind <= HIGHEST_KIND else 0,
                start,
                end,
                status_code if 0 <= status_code <= HIGHEST_STATUS_CODE else 0,
                status_message,
                attributes,
                resource,
                scope,
                decoded_events,
                decoded_links,
                message.flags,
                trace_state,
                message.dropped_attributes_count,
                message.dropped_events_count,
                message.dropped_links_count,
                walk.mended,
            )
        )


def _events(messages: Iterable[Any], walk: _Walk) -> Iterator[Event]:
    for message in messages:
        yield Event(
            walk.label(message.name),
            message.time_unix_nano,
            _attributes(message.attributes, walk),
            message.dropped_attributes_count,
        )


def _links(messages: Iterable[Any], walk: _Walk) -> Iterator[Link]:
    for message in messages:
        yield Link(
            message.trace_id,
            message.span_id,
            _attributes(message.attributes, walk),
            walk.label(message.trace_state),
            message.flags,
            message.dropped_attributes_count,
        )


def _log(
    message: Any, resource: Resource, scope: Scope, decoded: Decoded, place: str, walk: _Walk
) -> None:
    walk.mended = 0
    name = genai_event_name(
        walk.label(message.event_name) or _event_name_attribute(message.attributes),
        message.body.string_value,
    )
    if name is None:
        decoded.other_logs += 1
        return
    observed = message.observed_time_unix_nano
    time = message.time_unix_nano or observed
    fault = log_fault(message.trace_id, message.span_id, time, observed)
    if fault is not None:
        decoded.reject(fault[0], f"{place}: {fault[1]}")
        return
    severity = message.severity_number
    try:
        attributes = _attributes(message.attributes, walk)
    except SpanTooLarge as error:
        decoded.reject("too_many_parts", f"{place}: {error}")
        return
    severity_text = walk.label(message.severity_text)
    body = _value(message.body, walk)
    decoded.logs.append(
        LogRecord(
            trace_id=message.trace_id,
            span_id=message.span_id,
            name=name,
            time_ns=time,
            observed_time_ns=observed,
            severity_number=severity if 0 <= severity <= HIGHEST_SEVERITY else 0,
            severity_text=severity_text,
            body=body,
            attributes=attributes,
            resource=resource,
            scope=scope,
            flags=message.flags,
            dropped_attributes_count=message.dropped_attributes_count,
            mended_strings=walk.mended,
        )
    )


def _event_name_attribute(pairs: Iterable[Any]) -> str:
    name = ""
    for pair in pairs:
        if pair.key == EVENT_NAME_ATTRIBUTE:
            name = pair.value.string_value
    return name if "\x00" not in name else ""


def _attributes(pairs: Any, walk: _Walk) -> Attributes:
    count = len(pairs)
    walk.values_left -= count
    if count > walk.span_parts or walk.values_left < 0:
        check_span_parts("attributes", count, walk.limits)
        raise too_many_values(walk.limits)
    attributes: Attributes = {}
    for pair in pairs:
        value = pair.value
        string = value.string_value
        if string:
            attributes[pair.key] = string if "\x00" not in string else walk.broken(string)
            continue
        integer = value.int_value
        if integer:
            attributes[pair.key] = integer
            continue
        case = value.WhichOneof("value")
        if case == "bool_value":
            attributes[pair.key] = value.bool_value
        elif case == "double_value":
            number = value.double_value
            attributes[pair.key] = number if 0.0 < number < PLAIN_DOUBLE_LIMIT else double(number)
        elif case == "string_value":
            attributes[pair.key] = ""
        elif case == "int_value":
            attributes[pair.key] = 0
        else:
            attributes[pair.key] = _value(value, walk)
    if "\x00" in "".join(attributes):
        attributes = _with_mended_keys(pairs, attributes, walk)
    walk.mended += count - len(attributes)
    return attributes


def _with_mended_keys(pairs: Any, attributes: Attributes, walk: _Walk) -> Attributes:
    # If keys become equal, the last pair wins, as with duplicates. Only the keys are read again,
    # because reading values again would double the work at each level of nesting.
    raw_keys = {walk.label(pair.key): pair.key for pair in pairs}
    return {key: attributes[raw] for key, raw in raw_keys.items()}


def _value(value: Any, walk: _Walk) -> Any:
    """Any value, also nested ones; the protobuf parser limits the depth."""
    case = value.WhichOneof("value")
    if case == "string_value":
        string = value.string_value
        return string if "\x00" not in string else walk.broken(string)
    if case == "kvlist_value":
        return obj(_attributes(value.kvlist_value.values, walk))
    if case == "array_value":
        elements = value.array_value.values
        walk.values_left -= -(-len(elements) // ELEMENTS_A_VALUE)
        if walk.values_left < 0:
            raise too_many_values(walk.limits)
        return [_value(item, walk) for item in elements]
    if case == "int_value":
        return value.int_value
    if case == "bool_value":
        return value.bool_value
    if case == "double_value":
        return double(value.double_value)
    if case == "bytes_value":
        return raw_bytes(value.bytes_value)
    # Empty, or an index into the string table of the profiles signal, which logs and traces lack.
    return None
