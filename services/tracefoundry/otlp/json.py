"""OTLP/JSON bodies to the model; the result equals that of :mod:`.protobuf` for the same content.

OTLP/JSON differs from proto3 JSON (OTLP specification, "JSON Protobuf Encoding"): ids are hex of
either case, enums are integers. Like other receivers, this one also accepts enum names, snake_case
keys, and 64-bit integers as numbers or strings, and it ignores unknown fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tracefoundry.model.span import (
    Attributes,
    Event,
    Link,
    LogRecord,
    Resource,
    Scope,
    Span,
    SpanKind,
    StatusCode,
)
from tracefoundry.otlp.decoded import (
    DEFAULT_LIMITS,
    EVENT_NAME_ATTRIBUTE,
    HIGHEST_KIND,
    HIGHEST_SEVERITY,
    HIGHEST_STATUS_CODE,
    NO_SPAN_ID,
    BodyLimits,
    Decoded,
    Fault,
    SpanTooLarge,
    Undecodable,
    genai_event_name,
    log_fault,
    span_fault,
)
from tracefoundry.otlp.json_body import parse
from tracefoundry.otlp.json_values import BadValue, Reader

_UINT32: Final = 2**32 - 1
_UINT64: Final = 2**64 - 1

_KINDS = {f"SPAN_KIND_{kind.name}": int(kind) for kind in SpanKind}
_STATUS_CODES = {f"STATUS_CODE_{code.name}": int(code) for code in StatusCode}
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SEVERITIES = {"SEVERITY_NUMBER_UNSPECIFIED": 0} | {
    f"SEVERITY_NUMBER_{level}{step if step > 1 else ''}": 4 * index + step
    for index, level in enumerate(_LEVELS)
    for step in (1, 2, 3, 4)
}

_SIGNALS = frozenset(
    {
        "resourceSpans",
        "resource_spans",
        "resourceLogs",
        "resource_logs",
        "resourceMetrics",
        "resource_metrics",
        "resourceProfiles",
        "resource_profiles",
    }
)
"""Fields that hold the data of an export, whatever its signal."""

# Nesting depth of these messages below the request, for the limit on nesting.
_RESOURCE_DEPTH: Final = 2
_SCOPE_DEPTH: Final = 3
_RECORD_DEPTH: Final = 3
_EVENT_DEPTH: Final = 4


def decode_traces(body: bytes, limits: BodyLimits = DEFAULT_LIMITS) -> Decoded:
    """The spans of an ``ExportTraceServiceRequest`` in JSON; ``genai`` is not derived here.

    Raises:
        Undecodable: not JSON, a value of the wrong type (the message has its path), or attribute
            values nested deeper than protobuf allows.
        TooLarge: it is above one of the limits.
    """
    decoded = Decoded(limits=limits)
    request, reader = _request(body, "resourceSpans", "resource_spans", limits)
    for envelope in reader.objects(request, "resourceSpans", "resource_spans"):
        decoded.count_parts(1)
        resource = _resource(envelope, reader)
        for scope_spans in reader.objects(envelope, "scopeSpans", "scope_spans"):
            decoded.count_parts(1)
            scope = _scope(scope_spans, reader)
            for message in reader.objects(scope_spans, "spans", "spans"):
                decoded.check_record_limit(1)
                _add_span(message, resource, scope, decoded, reader)
    return decoded


def decode_logs(body: bytes, limits: BodyLimits = DEFAULT_LIMITS) -> Decoded:
    """The GenAI events of an ``ExportLogsServiceRequest`` in JSON; other logs are counted.

    Raises:
        Undecodable: as :func:`decode_traces`.
    """
    decoded = Decoded(limits=limits)
    request, reader = _request(body, "resourceLogs", "resource_logs", limits)
    for envelope in reader.objects(request, "resourceLogs", "resource_logs"):
        decoded.count_parts(1)
        resource = _resource(envelope, reader)
        for scope_logs in reader.objects(envelope, "scopeLogs", "scope_logs"):
            decoded.count_parts(1)
            scope = _scope(scope_logs, reader)
            for message in reader.objects(scope_logs, "logRecords", "log_records"):
                decoded.check_record_limit(1)
                _add_log(message, resource, scope, decoded, reader)
    return decoded


def _request(
    body: bytes, camel: str, snake: str, limits: BodyLimits
) -> tuple[dict[str, Any], Reader]:
    value, lenient = parse(body, limits.json_values)
    if value is None:
        raise Undecodable("the body: expected an object, found null")
    reader = Reader(lenient=lenient, limits=limits)
    request = reader.object(value)
    if camel not in request and snake not in request:
        # Unknown fields are ignored. Another signal is not: a success would lose it.
        for name in _SIGNALS & request.keys():
            if request[name]:
                raise Undecodable(f"the body holds {name}, which this path does not take")
    return request, reader


def _resource(envelope: dict[str, Any], reader: Reader) -> Resource | Fault:
    """The resource, or why all of its spans and logs are refused."""
    path_length = len(reader.path)
    reader.mended = 0
    try:
        message = reader.enter(envelope, "resource")
        attributes = reader.attributes(message, _RESOURCE_DEPTH)
        dropped = _dropped(message, "Attributes", reader)
        reader.path.pop()
        schema_url = reader.label(envelope, "schemaUrl", "schema_url")
    except BadValue as error:
        del reader.path[path_length:]
        return error.fault
    return Resource(attributes, schema_url, dropped, reader.mended)


def _scope(envelope: dict[str, Any], reader: Reader) -> Scope | Fault:
    """The scope, or why all of its spans and logs are refused."""
    path_length = len(reader.path)
    reader.mended = 0
    try:
        message = reader.enter(envelope, "scope")
        name = reader.label(message, "name", "name")
        version = reader.label(message, "version", "version")
        attributes = reader.attributes(message, _SCOPE_DEPTH)
        dropped = _dropped(message, "Attributes", reader)
        reader.path.pop()
        schema_url = reader.label(envelope, "schemaUrl", "schema_url")
    except BadValue as error:
        del reader.path[path_length:]
        return error.fault
    return Scope(name, version, attributes, schema_url, dropped, reader.mended)


def _add_span(
    message: dict[str, Any],
    resource: Resource | Fault,
    scope: Scope | Fault,
    decoded: Decoded,
    reader: Reader,
) -> None:
    if isinstance(resource, tuple):
        decoded.reject(*resource)
        return
    if isinstance(scope, tuple):
        decoded.reject(*scope)
        return
    path_length = len(reader.path)
    reader.mended = 0
    try:
        span = _span(message, resource, scope, reader)
    except BadValue as error:
        decoded.reject(*error.fault)
        del reader.path[path_length:]
    except SpanTooLarge as error:
        del reader.path[path_length:]
        decoded.reject("too_many_parts", f"{reader.place()}: {error}")
    else:
        decoded.count_parts(len(span.events) + len(span.links))
        decoded.spans.append(span)


def _span(message: dict[str, Any], resource: Resource, scope: Scope, reader: Reader) -> Span:
    trace_id = reader.identifier(message, "traceId", "trace_id", "invalid_trace_id")
    span_id = reader.identifier(message, "spanId", "span_id", "invalid_span_id")
    parent_span_id = reader.identifier(
        message, "parentSpanId", "parent_span_id", "invalid_parent_span_id"
    )
    if parent_span_id == NO_SPAN_ID:
        parent_span_id = b""
    start = _time(message, "startTimeUnixNano", "start_time_unix_nano", reader)
    end = _time(message, "endTimeUnixNano", "end_time_unix_nano", reader)
    fault = span_fault(trace_id, span_id, parent_span_id, start, end)
    if fault is not None:
        raise BadValue(fault[0], f"{reader.place()}: {fault[1]}")
    name = reader.label(message, "name", "name")
    trace_state = reader.label(message, "traceState", "trace_state")
    kind = reader.enum(message, "kind", "kind", _KINDS, HIGHEST_KIND)
    status = reader.enter(message, "status")
    status_message = reader.label(status, "message", "message")
    status_code = reader.enum(status, "code", "code", _STATUS_CODES, HIGHEST_STATUS_CODE)
    reader.path.pop()
    attributes = reader.attributes(message, _RECORD_DEPTH)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        name=name,
        kind=kind,
        start_time_ns=start,
        end_time_ns=end,
        status_code=status_code,
        status_message=status_message,
        attributes=attributes,
        resource=resource,
        scope=scope,
        events=list(_events(message, reader)),
        links=list(_links(message, reader)),
        flags=reader.integer(message, "flags", "flags", _UINT32),
        trace_state=trace_state,
        dropped_attributes_count=_dropped(message, "Attributes", reader),
        dropped_events_count=_dropped(message, "Events", reader),
        dropped_links_count=_dropped(message, "Links", reader),
        mended_strings=reader.mended,
    )


def _events(message: dict[str, Any], reader: Reader) -> Iterator[Event]:
    for event in reader.objects(message, "events", "events", of_span=True):
        yield Event(
            reader.label(event, "name", "name"),
            _time(event, "timeUnixNano", "time_unix_nano", reader),
            reader.attributes(event, _EVENT_DEPTH),
            _dropped(event, "Attributes", reader),
        )


def _links(message: dict[str, Any], reader: Reader) -> Iterator[Link]:
    for link in reader.objects(message, "links", "links", of_span=True):
        yield Link(
            reader.identifier(link, "traceId", "trace_id", "invalid_link_id"),
            reader.identifier(link, "spanId", "span_id", "invalid_link_id"),
            reader.attributes(link, _EVENT_DEPTH),
            reader.label(link, "traceState", "trace_state"),
            reader.integer(link, "flags", "flags", _UINT32),
            _dropped(link, "Attributes", reader),
        )


def _add_log(
    message: dict[str, Any],
    resource: Resource | Fault,
    scope: Scope | Fault,
    decoded: Decoded,
    reader: Reader,
) -> None:
    path_length = len(reader.path)
    reader.mended = 0
    try:
        named = reader.label(message, "eventName", "event_name")
        text = _body_text(message)
        if named and genai_event_name(named, text) is None:
            decoded.other_logs += 1
            return
        attributes = reader.attributes(message, _RECORD_DEPTH)
        attribute = attributes.get(EVENT_NAME_ATTRIBUTE)
        name = genai_event_name(named or (attribute if isinstance(attribute, str) else ""), text)
        if name is None:
            decoded.other_logs += 1
            return
        if isinstance(resource, tuple):
            decoded.reject(*resource)
            return
        if isinstance(scope, tuple):
            decoded.reject(*scope)
            return
        log = _log(message, name, attributes, resource, scope, reader)
    except BadValue as error:
        decoded.reject(*error.fault)
        del reader.path[path_length:]
    except SpanTooLarge as error:
        del reader.path[path_length:]
        decoded.reject("too_many_parts", f"{reader.place()}: {error}")
    else:
        decoded.logs.append(log)


def _body_text(message: dict[str, Any]) -> Any:
    """The body of a log record if it is a string."""
    body = message.get("body")
    return (body.get("stringValue") or body.get("string_value")) if type(body) is dict else None


def _log(
    message: dict[str, Any],
    name: str,
    attributes: Attributes,
    resource: Resource,
    scope: Scope,
    reader: Reader,
) -> LogRecord:
    trace_id = reader.identifier(message, "traceId", "trace_id", "invalid_trace_id")
    span_id = reader.identifier(message, "spanId", "span_id", "invalid_span_id")
    observed = _time(message, "observedTimeUnixNano", "observed_time_unix_nano", reader)
    time = _time(message, "timeUnixNano", "time_unix_nano", reader) or observed
    fault = log_fault(trace_id, span_id, time, observed)
    if fault is not None:
        raise BadValue(fault[0], f"{reader.place()}: {fault[1]}")
    severity = reader.enum(
        message, "severityNumber", "severity_number", _SEVERITIES, HIGHEST_SEVERITY
    )
    severity_text = reader.label(message, "severityText", "severity_text")
    reader.path.append("body")
    body = reader.value(message.get("body"), _RECORD_DEPTH + 1)
    reader.path.pop()
    return LogRecord(
        trace_id=trace_id,
        span_id=span_id,
        name=name,
        time_ns=time,
        observed_time_ns=observed,
        severity_number=severity,
        severity_text=severity_text,
        body=body,
        attributes=attributes,
        resource=resource,
        scope=scope,
        flags=reader.integer(message, "flags", "flags", _UINT32),
        dropped_attributes_count=_dropped(message, "Attributes", reader),
        mended_strings=reader.mended,
    )


def _time(message: dict[str, Any], camel: str, snake: str, reader: Reader) -> int:
    return reader.integer(message, camel, snake, _UINT64, "invalid_timestamp")


def _dropped(message: dict[str, Any], what: str, reader: Reader) -> int:
    camel, snake = f"dropped{what}Count", f"dropped_{what.lower()}_count"
    return reader.integer(message, camel, snake, _UINT32)
