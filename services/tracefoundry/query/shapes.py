"""The JSON of the answers, from the reader's rows (contract, section 4).

JSON columns are spliced in as they are, unparsed: that is fast, and it keeps integers of any size
and decimals exactly as they are stored. Identifiers become hex, nanoseconds decimal strings,
kinds and status codes lower-case words. A skeleton is a full span with fewer fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from tracefoundry.store.reader.context import SpanContext
from tracefoundry.store.reader.row import Row
from tracefoundry.store.reader.statistics import Group

Json = dict[str, Any]

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
_STATUS_ONLY: tuple[dict[str, str], ...] = tuple({"code": code} for code in STATUSES)
_SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")

EMPTY_LIST = orjson.Fragment(b"[]")
EMPTY_OBJECT = orjson.Fragment(b"{}")


def encode(value: Any) -> bytes:
    """JSON of an answer."""
    return orjson.dumps(value)


def trace_json(row: Row, project: str) -> Json:
    """A trace, from its ``traces`` row and the name of its project."""
    trace = row._mapping
    start, end = trace["start_time_ns"], trace["end_time_ns"]
    return {
        "trace_id": trace["trace_id"].hex(),
        "project": project,
        "source": trace["source"],
        "root_name": trace["root_name"],
        "service": trace["service"],
        "services": _spliced(trace["services"], EMPTY_LIST),
        "environment": trace["environment"],
        "status": _word(STATUSES, trace["status"]),
        "start_time_ns": str(start),
        "end_time_ns": str(end),
        "duration_ns": str(max(0, end - start)),
        "span_count": trace["span_count"],
        "error_count": trace["error_count"],
        "models": _spliced(trace["models"], EMPTY_LIST),
        "tools": _spliced(trace["tools"], EMPTY_LIST),
        "agent": trace["agent"],
        "conversation_id": trace["conversation_id"],
        "user_id": trace["user_id"],
        "input_tokens": trace["input_tokens"],
        "output_tokens": trace["output_tokens"],
        "cached_tokens": trace["cached_tokens"],
        "reasoning_tokens": trace["reasoning_tokens"],
        "cost_usd": trace["cost_usd"],
        "cost_source": trace["cost_source"],
        "totals_pending": trace["totals_pending"],
        "missing": {
            "roots": trace["missing_roots"],
            "parents": trace["missing_parents"],
            "expired": trace["missing_expired"],
        },
    }


def skeleton_json(rows: Iterable[Row]) -> list[Json]:
    """Skeletons: what a tree with bars needs of each span."""
    # One plain loop over tuples: a trace of 100,000 spans passes here on its way to the screen.
    found: list[Json] = []
    for span_id, parent, start, end, name, kind, status, genai, tokens_in, tokens_out, cost in rows:
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
    rows: Sequence[Row],
    trace_id: bytes,
    context: SpanContext,
    counting: set[tuple[int, bytes]] | None,
) -> list[Json]:
    """Full spans. ``counting`` holds (start, span id) of those whose usage counts in the trace;
    None where that is not known."""
    trace_hex = trace_id.hex()
    resources = {
        key: (row.service, _spliced(row.attributes, EMPTY_OBJECT), _parsed(row.extra))
        for key, row in context.resources.items()
    }
    scopes = {key: _scope(row) for key, row in context.scopes.items()}
    found = []
    for row in rows:
        # A dictionary row can be missing only after damage; the span is still worth showing.
        service, resource, resource_extra = resources.get(row.resource_id, (None, None, {}))
        span: Json = {
            "trace_id": trace_hex,
            "span_id": row.span_id.hex(),
            "parent_span_id": row.parent_span_id.hex() if row.parent_span_id else None,
            "name": row.name,
            "kind": _word(KINDS, row.kind),
            "status": {
                "code": _word(STATUSES, row.status_code),
                "message": row.status_message,
            },
            "start_time_ns": str(row.start_time_ns),
            "end_time_ns": str(row.end_time_ns),
            "duration_ns": str(max(0, row.end_time_ns - row.start_time_ns)),
            "flags": row.flags,
            "service": service,
            "attributes": _spliced(row.attributes, EMPTY_OBJECT),
            "resource": resource,
            "scope": scopes.get(row.scope_id),
            "events": _spliced(row.events, EMPTY_LIST),
            "links": _spliced(row.links, EMPTY_LIST),
            "logs": [_log(log) for log in context.logs.get(row.span_id, ())],
            "genai": _genai(row, counting),
            "payloads": _spliced(row.payloads, EMPTY_LIST),
            "redactions": _spliced(row.redactions, EMPTY_LIST),
        }
        span.update(_parsed(row.extra))
        if resource_extra.get("schema_url"):
            span["resource_schema_url"] = resource_extra["schema_url"]
        if row.end_time_ns < row.start_time_ns:
            span["warnings"] = ["end_before_start"]
        found.append(span)
    return found


def has_usage(rows: Iterable[Row]) -> bool:
    """Any of these full rows records tokens or a cost."""
    return any(_uses(row) for row in rows)


def group_json(group: Group) -> Json:
    """A group of the statistics."""
    return {
        "key": group.key,
        "traces": group.traces,
        "spans": group.spans,
        "errors": group.errors,
        "p50_ns": str(group.p50_ns),
        "p95_ns": str(group.p95_ns),
        "input_tokens": group.input_tokens,
        "output_tokens": group.output_tokens,
        "cost_usd": group.cost_usd,
    }


def _genai(row: Row, counting: set[tuple[int, bytes]] | None) -> Json | None:
    if row.genai_kind is None:
        return None
    rest = _parsed(row.genai)
    counts = None
    if counting is not None and _uses(row):
        counts = (row.start_time_ns, row.span_id) in counting
    return {
        "kind": row.genai_kind,
        "operation": rest.get("operation"),
        "provider": rest.get("provider"),
        "request_model": row.request_model,
        "response_model": row.response_model,
        "response_id": row.response_id,
        "finish_reasons": rest.get("finish_reasons"),
        "agent": row.agent,
        "tool": row.tool,
        "tool_call_id": rest.get("tool_call_id"),
        "conversation_id": row.conversation_id,
        "user_id": row.user_id,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cached_tokens": row.cached_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost_usd": row.cost_usd,
        "cost_source": row.cost_source,
        "price_version": rest.get("price_version"),
        "dialect": rest.get("dialect"),
        "counts": counts,
    }


def _uses(row: Row) -> bool:
    return row.input_tokens is not None or row.output_tokens is not None or row.cost_usd is not None


def _scope(row: Row) -> Json:
    scope = {
        "name": row.name,
        "version": row.version,
        "attributes": _spliced(row.attributes, EMPTY_OBJECT),
    }
    scope.update(_parsed(row.extra))
    return scope


def _log(row: Row) -> Json:
    number = row.severity_number
    severity = row.severity_text or (_SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else None)
    log = {
        "name": row.name,
        "time_ns": str(row.time_ns),
        "severity": severity,
        "severity_number": number or None,
        "attributes": _spliced(row.attributes, EMPTY_OBJECT),
        "body": _spliced(row.body, None),
    }
    log.update(_parsed(row.extra))
    return log


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
