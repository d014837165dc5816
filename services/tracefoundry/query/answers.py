"""From a store's records to the API's answers (``tracefoundry.schemas``).

Pure: nothing here asks the store. JSON columns are passed through as text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import msgspec
import orjson
from fastapi import Response
from msgspec import UNSET, UnsetType

from tracefoundry.model.genai.cost import bounded_lookups
from tracefoundry.model.payload import LOG, RESOURCE, SCOPE, SPAN
from tracefoundry.model.run_starts import RunStart, is_running
from tracefoundry.model.usage import fields_of
from tracefoundry.query.cursors import write_part_cursor
from tracefoundry.query.log_views import FIELDS as GENAI_FIELDS
from tracefoundry.query.log_views import view_of
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.withheld import Withholding
from tracefoundry.schemas import spans as schemas
from tracefoundry.schemas.fields import JsonObject, SpanKind, TraceStatus, raw_list, raw_object
from tracefoundry.schemas.traces import Missing, StatisticsGroup, Trace
from tracefoundry.store import records
from tracefoundry.store.records import (
    SKELETON_NAME_CHARACTERS,
    SpanKey,
    SpanPage,
    SpanSkeleton,
    StoredLog,
    StoredSpan,
    StoredTrace,
)

KINDS: tuple[SpanKind, ...] = (
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
)
STATUSES: tuple[TraceStatus, ...] = ("unset", "ok", "error")
_STATUS_CODES = tuple(schemas.StatusCode(code) for code in STATUSES)
_SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")

_Word = TypeVar("_Word", bound=str)

_MEMBERS = msgspec.json.Decoder(list[msgspec.Raw])

Pointers = set[tuple[str, str]]
"""(place, key) of attributes that point at content."""
NO_POINTERS: Mapping[SpanKey, Pointers] = {}


def json_response(answer: msgspec.Struct, status: int = 200) -> Response:
    """An answer as the JSON that it is."""
    body = msgspec.json.encode(answer)
    return Response(body, status_code=status, media_type="application/json")


def trace_answer(trace: StoredTrace, project: str) -> Trace:
    """A trace of the project of this name."""
    summary = trace.summary
    running = is_running(summary.last_started_ns, time.time_ns())
    start, end = summary.start_time_ns, summary.end_time_ns
    shown = Trace(
        trace_id=trace.trace_id.hex(),
        project=project,
        source=cast(Literal["otlp", "bundle_import", "file_import"], trace.source),
        root_name=summary.root_name,
        service=summary.service,
        services=summary.services,
        environment=summary.environment,
        original_environment=trace.original_environment,
        status=_word(STATUSES, summary.status),
        start_time_ns=str(start),
        end_time_ns=str(end),
        duration_ns=str(max(0, end - start)),
        span_count=summary.span_count,
        error_count=summary.error_count,
        models=summary.models,
        tools=summary.tools,
        agent=summary.agent,
        conversation_id=summary.conversation_id,
        user_id=summary.user_id,
        input_tokens=summary.input_tokens,
        output_tokens=summary.output_tokens,
        cached_tokens=summary.cached_tokens,
        reasoning_tokens=summary.reasoning_tokens,
        cost_usd=summary.cost_usd,
        cost_source=cast(Any, summary.cost_source),
        totals_pending=trace.totals_pending,
        running=running,
        started_ns=str(summary.started_ns) if running else None,
        missing=Missing(
            roots=summary.missing_roots,
            parents=summary.missing_parents,
            expired=trace.missing_expired,
        ),
    )
    _cut_names(shown)
    return shown


def _cut_names(shown: Trace) -> None:
    """Cut the names of a trace that are too long for a list."""
    most = SKELETON_NAME_CHARACTERS
    for name in (
        "root_name",
        "service",
        "environment",
        "original_environment",
        "agent",
        "conversation_id",
        "user_id",
    ):
        text = getattr(shown, name)
        if text is not None and len(text) > most:
            setattr(shown, name, text[:most])
            shown.warnings = ["text_cut"]
    for name in ("services", "models", "tools"):
        texts = getattr(shown, name)
        if any(len(text) > most for text in texts):
            setattr(shown, name, [text[:most] for text in texts])
            shown.warnings = ["text_cut"]


def running_answers(starts: Iterable[RunStart]) -> list[schemas.RunningSpan]:
    """Those of these unfinished runs that are running."""
    now_ns = time.time_ns()
    return [
        schemas.RunningSpan(
            span_id=start.span_id.hex(),
            name=start.name,
            started_ns=str(start.time_ns),
            service=start.service,
            agent=start.agent,
            conversation_id=start.conversation_id,
        )
        for start in starts
        if is_running(start.time_ns, now_ns)
    ]


def group_answer(group: records.StatisticsGroup) -> StatisticsGroup:
    """A group of the statistics."""
    return StatisticsGroup(
        key=group.key,
        traces=group.traces,
        spans=group.spans,
        errors=group.errors,
        p50_ns=str(group.p50_ns),
        p95_ns=str(group.p95_ns),
        input_tokens=_integer(group.input_tokens),
        output_tokens=_integer(group.output_tokens),
        cost_usd=group.cost_usd,
    )


def _integer(value: int | None) -> int | None:
    """An integer of any size; the encoder itself ends at 64 bits."""
    if value is None or value < 2**64:
        return value
    return cast(int, msgspec.Raw(str(value).encode()))


def skeleton_answers(
    spans: Iterable[SpanSkeleton], make: Callable[..., schemas.Skeleton] = schemas.Skeleton
) -> list[Any]:
    """Skeletons, made by ``make``: :class:`Skeleton` or :class:`Node`."""
    # One plain loop over tuples: a trace of 100,000 spans passes here on its way to the screen.
    found: list[schemas.Skeleton] = []
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
        span = make(
            span_id.hex(),
            parent.hex() if parent else None,
            name,
            KINDS[kind] if 0 <= kind <= 5 else KINDS[0],
            _STATUS_CODES[status] if 0 <= status <= 2 else _STATUS_CODES[0],
            str(start),
            str(end - start) if end > start else "0",
            None
            if genai is None
            else schemas.SkeletonGenAI(cast(Any, genai), tokens_in, tokens_out, cost),
        )
        if end < start:
            span.warnings = ["end_before_start"]
        if len(name) > SKELETON_NAME_CHARACTERS:
            span.name = name[:SKELETON_NAME_CHARACTERS]
            span.warnings = [*(span.warnings or ()), "text_cut"]
        found.append(span)
    return found


@bounded_lookups()
def span_answers(
    page: SpanPage,
    trace_id: bytes,
    counting: dict[tuple[int, bytes], int] | None,
    entries: PayloadEntries,
    *,
    content: bool,
    pointers: Mapping[SpanKey, Pointers] = NO_POINTERS,
) -> list[schemas.Span]:
    """Whole spans.

    Args:
        page: the spans with what they refer to.
        trace_id: their trace.
        counting: which usage fields count in the trace, by (start, span id); None where that is
            not known.
        entries: their payloads.
        content: whether the caller may read content; if not, what points at it is left out.
        pointers: what points at content, of spans whose payloads are not all on the page.
    """
    trace_hex = trace_id.hex()
    resource_extras = {key: _parsed(found.extra) for key, found in page.resources.items()}
    found = []
    for span in page.spans:
        logs = page.logs.get(span.span_id, ())
        key = (span.start_time_ns, span.span_id)
        withholding = Withholding(() if content else pointers.get(key) or entries.pointers(span))
        # A dictionary row can be missing only after damage; the span is still worth showing.
        resource = page.resources.get(span.resource_id)
        scope = page.scopes.get(span.scope_id)
        shown = schemas.Span(
            trace_id=trace_hex,
            span_id=span.span_id.hex(),
            parent_span_id=span.parent_span_id.hex() if span.parent_span_id else None,
            name=span.name,
            kind=_word(KINDS, span.kind),
            status=schemas.Status(_word(STATUSES, span.status_code), span.status_message),
            start_time_ns=str(span.start_time_ns),
            end_time_ns=str(span.end_time_ns),
            duration_ns=str(max(0, span.end_time_ns - span.start_time_ns)),
            flags=span.flags,
            service=None if resource is None else resource.service,
            attributes=withholding.attributes(span.attributes, SPAN),
            resource=(
                None if resource is None else withholding.attributes(resource.attributes, RESOURCE)
            ),
            scope=None if scope is None else _scope(scope, withholding),
            events=withholding.members(span.events, "events"),
            links=withholding.members(span.links, "links"),
            logs=[
                _log(log, entries, content=content, cut=log.content_hash in page.cut)
                for log in logs
            ],
            genai=_genai(span, logs, counting),
            payloads=entries.of(span, logs),
            redactions=raw_list(span.redactions),
        )
        _set_extra(shown, span.extra)
        schema_url = resource_extras.get(span.resource_id, {}).get("schema_url")
        if schema_url:
            shown.resource_schema_url = schema_url
        shown.warnings = _warnings(
            span,
            withheld=withholding.withheld,
            marks=page.marks.get(key, ()),
            envelope_cut=span.resource_id in page.cut or span.scope_id in page.cut,
        )
        if key in page.rests:
            shown.more = _more(span, page.rests[key])
        found.append(shown)
    return found


def _more(span: StoredSpan, rests: Mapping[records.SpanPart, int]) -> dict[Any, str]:
    """A cursor for each part that is not all here."""
    position = records.SpanPosition(span.start_time_ns, span.span_id)
    more: dict[Any, str] = {}
    for part, place in rests.items():
        count = 0 if part == "attributes" else len(_MEMBERS.decode(getattr(span, part)))
        more[part] = write_part_cursor(position, part, place, count)
    return more


def _warnings(
    span: StoredSpan, *, withheld: bool, marks: Iterable[records.SpanMark], envelope_cut: bool
) -> list[schemas.SpanWarning] | UnsetType:
    warnings: list[schemas.SpanWarning] = []
    if span.end_time_ns < span.start_time_ns:
        warnings.append("end_before_start")
    if withheld:
        warnings.append("content_withheld")
    warnings += sorted(marks)
    if envelope_cut:
        warnings.append("envelope_cut")
    return warnings or UNSET


def _genai(
    span: StoredSpan, logs: Iterable[StoredLog], counting: dict[tuple[int, bytes], int] | None
) -> schemas.GenAI | None:
    view = view_of(span, logs)
    if view is None:
        return None
    counts = None
    if fields_of(view) and counting is not None:
        counts = bool(counting.get((span.start_time_ns, span.span_id)))
    return schemas.GenAI(**{name: getattr(view, name) for name in GENAI_FIELDS}, counts=counts)


def _scope(scope: records.StoredScope, withholding: Withholding) -> schemas.Scope:
    shown = schemas.Scope(
        scope.name, scope.version, withholding.attributes(scope.attributes, SCOPE)
    )
    _set_extra(shown, scope.extra)
    return shown


def _log(log: StoredLog, entries: PayloadEntries, *, content: bool, cut: bool) -> schemas.Log:
    number = log.severity_number
    withholding = Withholding(() if content else entries.pointers(log))
    shown = schemas.Log(
        name=log.name,
        time_ns=str(log.time_ns),
        severity=log.severity_text
        or (_SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else None),
        severity_number=number or None,
        attributes=withholding.attributes(log.attributes, LOG),
        body=msgspec.Raw(log.body.encode()) if content and log.body is not None else None,
        redactions=raw_list(log.redactions),
    )
    _set_extra(shown, log.extra)
    if cut:
        shown.cut = True
    return shown


def _set_extra(shown: msgspec.Struct, extra: str | None) -> None:
    """The fields that are only there where they say something."""
    for name, value in _parsed(extra).items():
        setattr(shown, name, value)


def _parsed(text: str | None) -> JsonObject:
    if text is None:
        return {}
    parsed: JsonObject = orjson.loads(text)
    return parsed


def _word(words: Sequence[_Word], code: int) -> _Word:
    """The word of a code; a code that OTLP does not define is shown as the first one."""
    return words[code] if 0 <= code < len(words) else words[0]


__all__ = [
    "group_answer",
    "json_response",
    "raw_object",
    "running_answers",
    "skeleton_answers",
    "span_answers",
    "trace_answer",
]
