"""The JSON of the answers, from the reader's rows (contract, section 4).

JSON columns are spliced in as they are, unparsed: that is fast, and it keeps integers of any size
and decimals exactly as they are stored. Identifiers become hex, nanoseconds decimal strings,
kinds and status codes lower-case words. A skeleton is a full span with fewer fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import LOG, RESOURCE, SCOPE, SPAN
from tracefoundry.query.log_views import FIELDS as GENAI_FIELDS
from tracefoundry.query.log_views import view_of
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.withheld import Withholding
from tracefoundry.store.contract import BEFORE_REDACTION
from tracefoundry.store.sql.reader.context import SpanContext
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.statistics import Group

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
    entries: PayloadEntries,
    *,
    content: bool,
) -> list[Json]:
    """Full spans. ``counting`` holds (start, span id) of those whose usage counts in the trace;
    None where that is not known. ``content`` is for those who may read content; without it what a
    row still holds of it is left out."""
    trace_hex = trace_id.hex()
    extras = {key: _parsed(row.extra) for key, row in context.resources.items()}
    found = []
    for row in rows:
        logs = context.logs.get(row.span_id, ())
        withholding = Withholding(
            1 if content else row.policy_version, () if content else entries.pointers(row)
        )
        # A dictionary row can be missing only after damage; the span is still worth showing.
        resource = context.resources.get(row.resource_id)
        scope = context.scopes.get(row.scope_id)
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
            "service": None if resource is None else resource.service,
            "attributes": _attributes(row.attributes, SPAN, withholding),
            "resource": (
                None
                if resource is None
                else _attributes(resource.attributes, RESOURCE, withholding)
            ),
            "scope": None if scope is None else _scope(scope, withholding),
            "events": _members(row.events, "events", withholding),
            "links": _members(row.links, "links", withholding),
            "logs": [_log(log, entries, content=content) for log in logs],
            "genai": _genai(row, logs, counting),
            "payloads": entries.of(row, logs),
            "redactions": _spliced(row.redactions, EMPTY_LIST),
        }
        span.update(_parsed(row.extra))
        resource_extra = extras.get(row.resource_id, {})
        if resource_extra.get("schema_url"):
            span["resource_schema_url"] = resource_extra["schema_url"]
        warnings = _warnings(row, withheld=withholding.withheld)
        if warnings:
            span["warnings"] = warnings
        found.append(span)
    return found


def _warnings(row: Row, *, withheld: bool) -> list[str]:
    warnings = []
    if row.end_time_ns < row.start_time_ns:
        warnings.append("end_before_start")
    if row.policy_version == BEFORE_REDACTION:
        warnings.append("stored_before_redaction")
    if withheld:
        warnings.append("content_withheld")
    return warnings


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


def _genai(row: Row, logs: Iterable[Row], counting: set[tuple[int, bytes]] | None) -> Json | None:
    view = view_of(row, logs)
    if view is None:
        return None
    shown: Json = {name: getattr(view, name) for name in GENAI_FIELDS}
    counts = None
    if _uses(row):
        counts = None if counting is None else (row.start_time_ns, row.span_id) in counting
    elif _has_usage(view):
        counts = False  # what only a log says is not in the trace's totals
    shown["counts"] = counts
    return shown


def _has_usage(view: GenAI) -> bool:
    return (
        view.input_tokens is not None or view.output_tokens is not None or view.cost_usd is not None
    )


def _uses(row: Row) -> bool:
    return row.input_tokens is not None or row.output_tokens is not None or row.cost_usd is not None


def _scope(row: Row, withholding: Withholding) -> Json:
    scope = {
        "name": row.name,
        "version": row.version,
        "attributes": _attributes(row.attributes, SCOPE, withholding),
    }
    scope.update(_parsed(row.extra))
    return scope


def _log(row: Row, entries: PayloadEntries, *, content: bool) -> Json:
    number = row.severity_number
    severity = row.severity_text or (_SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else None)
    attributes = _spliced(row.attributes, EMPTY_OBJECT)
    if not content:
        withholding = Withholding(row.policy_version, entries.pointers(row))
        if withholding.needed:
            attributes = withholding.attributes(row.attributes, LOG, row.name)
    log = {
        "name": row.name,
        "time_ns": str(row.time_ns),
        "severity": severity,
        "severity_number": number or None,
        "attributes": attributes,
        "body": _spliced(row.body, None) if content else None,
        "redactions": _spliced(row.redactions, EMPTY_LIST),
    }
    log.update(_parsed(row.extra))
    return log


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
