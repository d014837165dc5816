"""OTLP exports with a text planted in one place, or in all of them, for sweeps after secrets.

A place is a function that puts a text into the first span (or log record) of an export. Exports are
built as protobuf; :func:`as_json` gives the same export in OTLP/JSON.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from google.protobuf.json_format import MessageToDict
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.bodies import new_span_id, new_trace_id, recent_ns, request, span
from redaction.secret_samples import Sample, all_kinds

LONG = "some words that mean nothing, " * 150
"""More than an attribute may have and stay in its row."""

Export = ExportTraceServiceRequest | ExportLogsServiceRequest
Plant = Callable[[Any, str], None]

_DRAWS = 30


@cache
def samples(number: int) -> dict[str, Sample]:
    """One secret of each kind, by its name; the same for the same number.

    Of some draws the one with the most different characters is taken: it stands nowhere else.
    """
    kinds = all_kinds()
    drawn: dict[str, list[Sample]] = {kind: [] for kind in kinds}

    @seed(number)
    @settings(max_examples=_DRAWS, database=None, phases=[Phase.generate], deadline=None)
    @given(st.fixed_dictionaries(kinds))
    def draw(found: dict[str, Sample]) -> None:
        for kind, sample in found.items():
            drawn[kind].append(sample)

    draw()
    return {
        kind: max(found, key=lambda sample: len(set(sample[2]))) for kind, found in drawn.items()
    }


def _set(attributes: Any, key: str, value: str | AnyValue) -> None:
    found = value if isinstance(value, AnyValue) else AnyValue(string_value=value)
    attributes.append(KeyValue(key=key, value=found))


def kvlist(**values: str | AnyValue) -> AnyValue:
    """A map as OTLP has it."""
    found = AnyValue()
    for key, value in values.items():
        _set(found.kvlist_value.values, key, value)
    return found


def array(*values: str | AnyValue) -> AnyValue:
    """An array as OTLP has it."""
    found = AnyValue()
    for value in values:
        found.array_value.values.append(
            value if isinstance(value, AnyValue) else AnyValue(string_value=value)
        )
    return found


def messages(text: str) -> str:
    """A conversation in JSON text with the text in its second message."""
    return json.dumps(
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "parts": [{"type": "text", "content": text}]},
            {"role": "assistant", "content": "well " * 300},
        ]
    )


def _span(export: ExportTraceServiceRequest) -> Span:
    return export.resource_spans[0].scope_spans[0].spans[0]


def _attribute(key: str, value: Callable[[str], str | AnyValue] = lambda text: text) -> Plant:
    return lambda export, text: _set(_span(export).attributes, key, value(text))


def _key(export: ExportTraceServiceRequest, text: str) -> None:
    _set(_span(export).attributes, text, "v")


def _inner_key(export: ExportTraceServiceRequest, text: str) -> None:
    _set(_span(export).attributes, "note.map", kvlist(**{text: "v"}))


def _name(export: ExportTraceServiceRequest, text: str) -> None:
    _span(export).name = text


def _status(export: ExportTraceServiceRequest, text: str) -> None:
    _span(export).status.message = text


def _trace_state(export: ExportTraceServiceRequest, text: str) -> None:
    _span(export).trace_state = text


def _event(name: str, key: str) -> Plant:
    def plant(export: ExportTraceServiceRequest, text: str) -> None:
        event = _span(export).events.add(name=name, time_unix_nano=recent_ns())
        _set(event.attributes, key, text)

    return plant


def _event_name(export: ExportTraceServiceRequest, text: str) -> None:
    _span(export).events.add(name=text, time_unix_nano=recent_ns())


def _link(export: ExportTraceServiceRequest, text: str) -> None:
    link = _span(export).links.add(trace_id=new_trace_id(), span_id=new_span_id())
    _set(link.attributes, "note.link", text)


def _link_state(export: ExportTraceServiceRequest, text: str) -> None:
    _span(export).links.add(trace_id=new_trace_id(), span_id=new_span_id(), trace_state=text)


def _resource(export: Export, text: str) -> None:
    _set(_envelope(export).resource.attributes, "note.resource", text)


def _long_resource(export: Export, text: str) -> None:
    _set(_envelope(export).resource.attributes, "note.long.resource", LONG + text)


def _service(export: Export, text: str) -> None:
    del _envelope(export).resource.attributes[:]
    _set(_envelope(export).resource.attributes, "service.name", text)


def _schema_url(export: Export, text: str) -> None:
    _envelope(export).schema_url = text


def _scope_schema_url(export: Export, text: str) -> None:
    _inner_envelope(export).schema_url = text


def _scope_name(export: Export, text: str) -> None:
    _inner_envelope(export).scope.name = text


def _scope_version(export: Export, text: str) -> None:
    _inner_envelope(export).scope.version = text


def _scope_attribute(export: Export, text: str) -> None:
    _set(_inner_envelope(export).scope.attributes, "note.scope", text)


def _envelope(export: Export) -> Any:
    if isinstance(export, ExportTraceServiceRequest):
        return export.resource_spans[0]
    return export.resource_logs[0]


def _inner_envelope(export: Export) -> Any:
    if isinstance(export, ExportTraceServiceRequest):
        return export.resource_spans[0].scope_spans[0]
    return export.resource_logs[0].scope_logs[0]


ENVELOPE_PLACES: dict[str, Plant] = {
    "service": _service,
    "resource": _resource,
    "resource_long": _long_resource,
    "schema_url": _schema_url,
    "scope_name": _scope_name,
    "scope_version": _scope_version,
    "scope_attribute": _scope_attribute,
    "scope_schema_url": _scope_schema_url,
}

SPAN_PLACES: dict[str, Plant] = {
    "attribute": _attribute("note.plain"),
    "attribute_bytes": _attribute("note.raw", lambda text: AnyValue(bytes_value=text.encode())),
    "attribute_map": _attribute("note.deep", lambda text: kvlist(a=array(kvlist(b=text)))),
    "attribute_long": _attribute("note.long", lambda text: f"{LONG}{text} {LONG}"),
    "attribute_long_list": _attribute("note.list", lambda text: array(LONG, text)),
    "key": _key,
    "inner_key": _inner_key,
    "model": _attribute("gen_ai.request.model"),
    "tool": _attribute("gen_ai.tool.name"),
    "agent": _attribute("gen_ai.agent.name"),
    "conversation": _attribute("gen_ai.conversation.id"),
    "user": _attribute("user.id"),
    "finish_reasons": _attribute("gen_ai.response.finish_reasons", array),
    "input_messages": _attribute("gen_ai.input.messages", messages),
    "output_messages": _attribute(
        "gen_ai.output.messages", lambda text: array(kvlist(role="assistant", content=text))
    ),
    "prompt": _attribute("gen_ai.prompt.0.content"),
    "system": _attribute("gen_ai.system_instructions"),
    "arguments": _attribute(
        "gen_ai.tool.call.arguments", lambda text: json.dumps({"q": json.dumps({"r": text})})
    ),
    "result": _attribute("gen_ai.tool.call.result", lambda text: LONG + text),
    "result_bytes": _attribute(
        "gen_ai.tool.result", lambda text: AnyValue(bytes_value=text.encode())
    ),
    "input_value": _attribute("input.value"),
    "payload_ref": _attribute("gen_ai.input.messages_ref"),
    "span_name": _name,
    "status_message": _status,
    "trace_state": _trace_state,
    "event_name": _event_name,
    "event": _event("step", "note.event"),
    "event_long": lambda export, text: _event("step", "note.event")(export, LONG + text),
    "event_content": _event("gen_ai.user.message", "content"),
    "stack_trace": _event("exception", "exception.stacktrace"),
    "link": _link,
    "link_trace_state": _link_state,
    **ENVELOPE_PLACES,
}


def _log(export: ExportLogsServiceRequest) -> LogRecord:
    return export.resource_logs[0].scope_logs[0].log_records[0]


def _body(value: Callable[[str], AnyValue]) -> Plant:
    return lambda export, text: _log(export).body.CopyFrom(value(text))


def _log_name(export: ExportLogsServiceRequest, text: str) -> None:
    _log(export).event_name = "gen_ai." + text


def _severity(export: ExportLogsServiceRequest, text: str) -> None:
    _log(export).severity_text = text


def _log_attribute(key: str) -> Plant:
    return lambda export, text: _set(_log(export).attributes, key, text)


LOG_PLACES: dict[str, Plant] = {
    "body": _body(lambda text: AnyValue(string_value=text)),
    "body_map": _body(lambda text: kvlist(content=text, role="user")),
    "body_deep": _body(lambda text: kvlist(message=kvlist(parts=array(kvlist(text=text))))),
    "body_json": _body(lambda text: AnyValue(string_value=messages(text))),
    "body_bytes": _body(lambda text: AnyValue(bytes_value=text.encode())),
    "log_attribute": _log_attribute("note.log"),
    "log_content": _log_attribute("gen_ai.output.messages"),
    "log_name": _log_name,
    "severity": _severity,
    **ENVELOPE_PLACES,
}


def trace_export(trace_id: bytes | None = None) -> ExportTraceServiceRequest:
    """An export of one harmless span of a chat."""
    return request([span(trace_id or new_trace_id(), attributes={"gen_ai.operation.name": "chat"})])


def log_export(trace_id: bytes, span_id: bytes) -> ExportLogsServiceRequest:
    """An export of one harmless GenAI event of a span."""
    export = ExportLogsServiceRequest()
    envelope = export.resource_logs.add()
    _set(envelope.resource.attributes, "service.name", "agent")
    envelope.scope_logs.add().log_records.add(
        trace_id=trace_id, span_id=span_id, time_unix_nano=recent_ns(), event_name="gen_ai.choice"
    )
    return export


CONTENT_PLACES = {
    "attribute", "attribute_bytes", "attribute_map", "attribute_long", "attribute_long_list",
    "input_messages", "output_messages", "prompt", "system", "arguments", "result", "result_bytes",
    "input_value", "event", "event_long", "event_content", "stack_trace", "link", "resource",
    "resource_long", "scope_attribute", "body", "body_map", "body_deep", "body_json", "body_bytes",
    "log_attribute", "log_content",
}  # fmt: skip
"""Where strict mode leaves nothing: content, and attributes that no list allows."""


def in_every_place(
    text: str,
    hide: Callable[[int, str], str] = lambda _, text: text,
    places: Collection[str] | None = None,
) -> tuple[ExportTraceServiceRequest, ExportLogsServiceRequest]:
    """A trace with a span for each place that holds the text, and its logs likewise.

    ``hide`` encodes the text for the place of that number; ``places`` names those that are wanted.
    """
    trace_id = new_trace_id()
    spans, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    for number, (name, plant) in enumerate(SPAN_PLACES.items()):
        if places is not None and name not in places:
            continue
        export = trace_export(trace_id)
        plant(export, hide(number, text))
        spans.MergeFrom(export)
    of_span = _span(spans).span_id
    for number, (name, plant) in enumerate(LOG_PLACES.items()):
        if places is not None and name not in places:
            continue
        log = log_export(trace_id, of_span)
        plant(log, hide(number, text))
        logs.MergeFrom(log)
    return spans, logs


def into_project(export: Export, project: str) -> None:
    """Let all of the export name their project themselves."""
    traces = isinstance(export, ExportTraceServiceRequest)
    for envelope in export.resource_spans if traces else export.resource_logs:  # type: ignore[union-attr]
        _set(envelope.resource.attributes, "tracefoundry.project", project)


def as_json(export: Export) -> dict[str, Any]:
    """The export in OTLP/JSON, where ids are hexadecimal."""
    found: dict[str, Any] = MessageToDict(export, use_integers_for_enums=True)
    _mend_ids(found)
    return found


def _mend_ids(value: Any) -> None:
    if isinstance(value, list):
        for member in value:
            _mend_ids(member)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = b64decode(member).hex()
            else:
                _mend_ids(member)
