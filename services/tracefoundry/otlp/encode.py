"""OTLP requests from the model, for bundles and for tests that decoding loses nothing.

Every span and log decodes to an equal one, except that ``mended_strings`` becomes 0 and ``genai``
None: OTLP has no field for the first, and the second is derived. Spans are grouped by the content
of their resource and scope, in order of first appearance, so the same spans in the same order give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec
import orjson

from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.otlp import byte_strings, encode_json, encode_protobuf

Record = TypeVar("Record", Span, LogRecord)


def encode_traces(spans: Iterable[Span]) -> bytes:
    """An ``ExportTraceServiceRequest`` in protobuf."""
    request = byte_strings.ExportTraceServiceRequest()
    for resource, scopes in _grouped(spans):
        resource_spans = request.resource_spans.add()
        encode_protobuf.put_resource(resource, resource_spans)
        for scope, members in scopes:
            scope_spans = resource_spans.scope_spans.add()
            encode_protobuf.put_scope(scope, scope_spans)
            for span in members:
                encode_protobuf.put_span(span, scope_spans.spans.add())
    body: bytes = request.SerializeToString(deterministic=True)
    return body


def encode_logs(logs: Iterable[LogRecord]) -> bytes:
    """An ``ExportLogsServiceRequest`` in protobuf."""
    request = byte_strings.ExportLogsServiceRequest()
    for resource, scopes in _grouped(logs):
        resource_logs = request.resource_logs.add()
        encode_protobuf.put_resource(resource, resource_logs)
        for scope, members in scopes:
            scope_logs = resource_logs.scope_logs.add()
            encode_protobuf.put_scope(scope, scope_logs)
            for log in members:
                encode_protobuf.put_log(log, scope_logs.log_records.add())
    body: bytes = request.SerializeToString(deterministic=True)
    return body


def encode_traces_json(spans: Iterable[Span]) -> bytes:
    """An ``ExportTraceServiceRequest`` in OTLP/JSON.

    The result is valid JSON, unless an attribute value has invalid UTF-8: its bytes are kept.
    """
    envelopes = [
        encode_json.resource_form(resource)
        | {
            "scopeSpans": [
                encode_json.scope_form(scope)
                | {"spans": [encode_json.span_form(span) for span in members]}
                for scope, members in scopes
            ]
        }
        for resource, scopes in _grouped(spans)
    ]
    return orjson.dumps({"resourceSpans": envelopes})


def encode_logs_json(logs: Iterable[LogRecord]) -> bytes:
    """An ``ExportLogsServiceRequest`` in OTLP/JSON; see :func:`encode_traces_json`."""
    envelopes = [
        encode_json.resource_form(resource)
        | {
            "scopeLogs": [
                encode_json.scope_form(scope)
                | {"logRecords": [encode_json.log_form(log) for log in members]}
                for scope, members in scopes
            ]
        }
        for resource, scopes in _grouped(logs)
    ]
    return orjson.dumps({"resourceLogs": envelopes})


def _grouped(
    records: Iterable[Record],
) -> list[tuple[Resource, list[tuple[Scope, list[Record]]]]]:
    resources: dict[bytes, tuple[Resource, dict[bytes, tuple[Scope, list[Record]]]]] = {}
    # Content keys by identity. The object is kept too, so that no other object can get its id.
    keys: dict[int, tuple[Resource | Scope, bytes]] = {}

    def content_key(part: Resource | Scope) -> bytes:
        known = keys.get(id(part))
        if known is None:
            known = keys[id(part)] = (part, msgspec.json.encode(part))
        return known[1]

    for record in records:
        _, scopes = resources.setdefault(content_key(record.resource), (record.resource, {}))
        _, members = scopes.setdefault(content_key(record.scope), (record.scope, []))
        members.append(record)
    return [(resource, list(scopes.values())) for resource, scopes in resources.values()]
