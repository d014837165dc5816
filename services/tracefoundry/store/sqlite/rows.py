"""Row tuples of spans and logs, in the column order of ``store.tables``."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.sql import columns

SPAN_COLUMNS = 37
LOG_COLUMNS = 16

_NO_GENAI = (None,) * 16


def span_row(
    project_id: int, span: Span, resource_id: bytes, scope_id: bytes
) -> tuple[tuple[Any, ...], bytes]:
    """The row of a span and its digest."""
    attributes = span.encoded_attributes or orjson.dumps(span.attributes)
    events = columns.events_json(span)
    links = columns.links_json(span)
    extra = columns.span_extra(span)
    genai = span.genai
    digest = blake2b(
        b"\x00".join(
            (
                resource_id,
                scope_id,
                span.parent_span_id.hex().encode(),
                span.name.encode(),
                span.status_message.encode(),
                b"%d %d %d %d" % (span.end_time_ns, span.kind, span.status_code, span.flags),
                attributes,
                events or b"",
                links or b"",
                extra or b"",
                columns.payload_identity(span.payloads) if span.payloads else b"",
            )
        ),
        digest_size=columns.ID_BYTES,
    ).digest()
    row = (
        project_id,
        span.trace_id,
        span.span_id,
        span.start_time_ns,
        span.end_time_ns,
        span.parent_span_id or None,
        span.kind,
        span.status_code,
        span.flags,
        span.policy_version,
        resource_id,
        scope_id,
        digest,
        span.name,
        span.status_message or None,
        attributes.decode(),
        _text(events),
        _text(links),
        _text(extra),
        _text(columns.payloads_json(span.payloads)),
        _text(columns.redactions_json(span.redactions)),
    )
    if genai is None:
        return row + _NO_GENAI, digest
    return (
        *row,
        genai.kind,
        genai.request_model,
        genai.response_model,
        genai.response_id,
        genai.agent,
        genai.tool,
        genai.conversation_id,
        genai.user_id,
        genai.input_tokens,
        genai.output_tokens,
        genai.cached_tokens,
        genai.cache_write_tokens,
        genai.reasoning_tokens,
        genai.cost_usd,
        genai.cost_source,
        columns.genai_json(genai).decode(),
    ), digest


def log_row(
    project_id: int, log: LogRecord, resource_id: bytes, scope_id: bytes
) -> tuple[tuple[Any, ...], bytes]:
    """The row of a log record and its content hash."""
    attributes = orjson.dumps(log.attributes)
    body = orjson.dumps(log.body) if log.body is not None else None
    content_hash = columns.log_hash(log, attributes, body, resource_id)
    return (
        project_id,
        log.trace_id,
        log.span_id,
        log.time_ns,
        content_hash,
        log.policy_version,
        resource_id,
        scope_id,
        log.severity_number,
        log.name,
        log.severity_text or None,
        attributes.decode(),
        _text(body),
        _text(columns.log_extra(log)),
        _text(columns.payloads_json(log.payloads)),
        _text(columns.redactions_json(log.redactions)),
    ), content_hash


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
