"""The JSON of the answers, from the store's records.

JSON columns are spliced in as they are, unparsed: that is fast, and it keeps integers of any size
and decimals exactly as they are stored. Identifiers become hex, nanoseconds decimal strings,
kinds and status codes lower-case words. A skeleton is a full span with fewer fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from tracefoundry.model.payload import LOG, RESOURCE, SCOPE, SPAN
from tracefoundry.model.usage import fields_of
from tracefoundry.query.log_views import FIELDS as GENAI_FIELDS
from tracefoundry.query.log_views import view_of
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.withheld import Withholding
from tracefoundry.store.records import (
    SpanPage,
    SpanSkeleton,
    StatisticsGroup,
    StoredLog,
    StoredScope,
    StoredSpan,
    StoredTrace,
)

Json = dict[str, Any]

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
_STATUS_ONLY: tuple[dict[str, str], ...] = tuple({"code": code} for code in STATUSES)
_SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")

EMPTY_LIST = orjson.Fragment(b"[]")


def encode(value: Any) -> bytes:
    """JSON of an answer."""
    return orjson.dumps(value)


def trace_json(trace: StoredTrace, project: str) -> Json:
    """A trace and the name of its project."""
    summary = trace.summary
    start, end = summary.start_time_ns, summary.end_time_ns
    return {
        "trace_id": trace.trace_id.hex(),
        "project": project,
        "source": trace.source,
        "root_name": summary.root_name,
        "service": summary.service,
        "services": summary.services,
        "environment": summary.environment,
        "status": _word(STATUSES, summary.status),
        "start_time_ns": str(start),
        "end_time_ns": str(end),
        "duration_ns": str(max(0, end - start)),
        "span_count": summary.span_count,
        "error_count": summary.error_count,
        "models": summary.models,
        "tools": summary.tools,
        "agent": summary.agent,
        "conversation_id": summary.conversation_id,
        "user_id": summary.user_id,
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
        "cached_tokens": summary.cached_tokens,
        "reasoning_tokens": summary.reasoning_tokens,
        "cost_usd": summary.cost_usd,
        "cost_source": summary.cost_source,
        "totals_pending": trace.totals_pending,
        "missing": {
            "roots": summary.missing_roots,
            "parents": summary.missing_parents,
            "expired": trace.missing_expired,
        },
    }


def skeleton_json(spans: Iterable[SpanSkeleton]) -> list[Json]:
    """Skeletons: what a tree with bars needs of each span."""
    # One plain loop over tuples: a trace of 100,000 spans passes here on its way to the screen.
    found: list[Json] = []
    for (
        span_id,
        parent,
        start,
        end,
        name,
        kind,
        status,
        genai,
        tokens_in,
        tokens_out,
        cost,
    ) in spans:
        span: Json = {
            "span_id": span_id.hex(),
            "parent_span_id": parent.hex() if parent else None,
            "name": name,
            "kind": KINDS[kind] if 0 <= kind <= 5 else KINDS[0],
            "status": _STATUS_ONLY[status] if 0 <= status <= 2 else _STATUS_ONLY[0],
            "start_time_ns": str(start),
            "duration_ns": str(end - start) if end > start else "0",
            "genai": None,
        }
        if genai is not None:
            span["genai"] = {
                "kind": genai,
                "input_tokens": tokens_in,
                "output_tokens": tokens_out,
                "cost_usd": cost,
            }
        if end < start:
            span["warnings"] = ["end_before_start"]
        found.append(span)
    return found


def full_json(
    page: SpanPage,
    trace_id: bytes,
    counting: dict[tuple[int, bytes], int] | None,
    entries: PayloadEntries,
    *,
    content: bool,
) -> list[Json]:
    """Full spans. ``counting`` says by (start, span id) which usage fields count in the trace;
    None where that is not known. ``content`` is for those who may read content; without it what a
    row still holds of it is left out."""
    trace_hex = trace_id.hex()
    extras = {key: _parsed(resource.extra) for key, resource in page.resources.items()}
    found = []
    for span in page.spans:
        logs = page.logs.get(span.span_id, ())
        withholding = Withholding(() if content else entries.pointers(span))
        # A dictionary row can be missing only after damage; the span is still worth showing.
        resource = page.resources.get(span.resource_id)
        scope = page.scopes.get(span.scope_id)
        shown: Json = {
            "trace_id": trace_hex,
            "span_id": span.span_id.hex(),
            "parent_span_id": span.parent_span_id.hex() if span.parent_span_id else None,
            "name": span.name,
            "kind": _word(KINDS, span.kind),
            "status": {
                "code": _word(STATUSES, span.status_code),
                "message": span.status_message,
            },
            "start_time_ns": str(span.start_time_ns),
            "end_time_ns": str(span.end_time_ns),
            "duration_ns": str(max(0, span.end_time_ns - span.start_time_ns)),
            "flags": span.flags,
            "service": None if resource is None else resource.service,
            "attributes": _attributes(span.attributes, SPAN, withholding),
            "resource": (
                None
                if resource is None
                else _attributes(resource.attributes, RESOURCE, withholding)
            ),
            "scope": None if scope is None else _scope(scope, withholding),
            "events": _members(span.events, "events", withholding),
            "links": _members(span.links, "links", withholding),
            "logs": [_log(log, entries, content=content) for log in logs],
            "genai": _genai(span, logs, counting),
            "payloads": entries.of(span, logs),
            "redactions": _spliced(span.redactions, EMPTY_LIST),
        }
        shown.update(_parsed(span.extra))
        resource_extra = extras.get(span.resource_id, {})
        if resource_extra.get("schema_url"):
            shown["resource_schema_url"] = resource_extra["schema_url"]
        warnings = []
        if span.end_time_ns < span.start_time_ns:
            warnings.append("end_before_start")
        if withholding.withheld:
            warnings.append("content_withheld")
        if warnings:
            shown["warnings"] = warnings
        found.append(shown)
    return found


def group_json(group: StatisticsGroup) -> Json:
    """A group of the statistics."""
    return {
        "key": group.key,
        "traces": group.traces,
        "spans": group.spans,
        "errors": group.errors,
        "p50_ns": str(group.p50_ns),
        "p95_ns": str(group.p95_ns),
        "input_tokens": _integer(group.input_tokens),
        "output_tokens": _integer(group.output_tokens),
        "cost_usd": group.cost_usd,
    }


def _integer(value: int | None) -> Any:
    """An integer of any size; the encoder itself ends at 64 bits."""
    return value if value is None or value < 2**64 else orjson.Fragment(str(value))


def _genai(
    span: StoredSpan, logs: Iterable[StoredLog], counting: dict[tuple[int, bytes], int] | None
) -> Json | None:
    view = view_of(span, logs)
    if view is None:
        return None
    shown: Json = {name: getattr(view, name) for name in GENAI_FIELDS}
    shown["counts"] = None
    if fields_of(view) and counting is not None:
        shown["counts"] = bool(counting.get((span.start_time_ns, span.span_id)))
    return shown


def _scope(scope: StoredScope, withholding: Withholding) -> Json:
    shown = {
        "name": scope.name,
        "version": scope.version,
        "attributes": _attributes(scope.attributes, SCOPE, withholding),
    }
    shown.update(_parsed(scope.extra))
    return shown


def _log(log: StoredLog, entries: PayloadEntries, *, content: bool) -> Json:
    number = log.severity_number
    severity = log.severity_text or (_SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else None)
    withholding = Withholding(() if content else entries.pointers(log))
    shown = {
        "name": log.name,
        "time_ns": str(log.time_ns),
        "severity": severity,
        "severity_number": number or None,
        "attributes": _attributes(log.attributes, LOG, withholding),
        "body": _spliced(log.body, None) if content else None,
        "redactions": _spliced(log.redactions, EMPTY_LIST),
    }
    shown.update(_parsed(log.extra))
    return shown


def _attributes(text: str, place: str, withholding: Withholding) -> Any:
    return withholding.attributes(text, place) if withholding.needed else orjson.Fragment(text)


def _members(text: str | None, places: str, withholding: Withholding) -> Any:
    return withholding.members(text, places) if withholding.needed else _spliced(text, EMPTY_LIST)


def _word(words: Sequence[str], code: int) -> str:
    """The word of a code; a code that OTLP does not define is shown as the first one."""
    return words[code] if 0 <= code < len(words) else words[0]


def _spliced(text: str | None, empty: Any) -> Any:
    return empty if text is None else orjson.Fragment(text)


def _parsed(text: str | None) -> Json:
    if text is None:
        return {}
    parsed: Json = orjson.loads(text)
    return parsed
