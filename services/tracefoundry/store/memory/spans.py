"""Pages of the spans of one trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tracefoundry.store.event_views import completed_skeleton, views_by_span
from tracefoundry.store.json_slices import ReadPiece
from tracefoundry.store.memory.tables import SpanRow, Tables
from tracefoundry.store.narrowing import add_span, narrowed
from tracefoundry.store.records import (
    LOGS_LIMIT,
    PAGE_BYTES,
    PREVIEW_BYTES,
    SKELETON_NAME_CHARACTERS,
    SkeletonPage,
    SpanPage,
    SpanPart,
    SpanPosition,
    SpanSkeleton,
    StoredLog,
    StoredSpan,
    StoredTrace,
)


def rows_of(
    tables: Tables, trace: StoredTrace, after: SpanPosition | None, parent_id: bytes | None
) -> list[SpanRow]:
    """The spans of a trace, or of one parent's children, behind a position."""
    return [
        row
        for row in tables.spans_of((trace.project_id, trace.trace_id))
        if (parent_id is None or row.shown.parent_span_id == parent_id)
        and (
            after is None
            or (row.shown.start_time_ns, row.shown.span_id) > (after.start_time_ns, after.span_id)
        )
    ]


def skeleton_page(
    tables: Tables, trace: StoredTrace, rows: Sequence[SpanRow], limit: int
) -> SkeletonPage:
    """Skeletons of the first ``limit`` spans."""
    views = views_by_span(tables.logs_of((trace.project_id, trace.trace_id)))
    skeletons = [
        completed_skeleton(
            SpanSkeleton(*(getattr(row.shown, name) for name in SpanSkeleton._fields)),
            views.get(row.shown.span_id, ()),
        )
        for row in rows[:limit]
    ]
    skeletons = [one._replace(name=one.name[: SKELETON_NAME_CHARACTERS + 1]) for one in skeletons]
    return SkeletonPage(skeletons, _position(rows[limit - 1]) if len(rows) > limit else None)


def span_page(tables: Tables, trace: StoredTrace, rows: Sequence[SpanRow], limit: int) -> SpanPage:
    """The first ``limit`` spans, or as many of them as fit into one answer."""
    project = trace.project_id
    all_logs: dict[bytes, list[StoredLog]] = {}
    for log in tables.logs_of((project, trace.trace_id)):
        all_logs.setdefault(log.span_id, []).append(log)
    page = SpanPage([], None, {}, {}, {}, logs_truncated=False)
    shown = []
    size = logs = 0
    for row in rows[:limit]:
        span = row.shown
        resource = tables.resources[project, span.resource_id]
        scope = tables.scopes[project, span.scope_id]
        joined = all_logs.get(span.span_id, [])
        size += sum(map(_shown_bytes, (span, resource, scope, *joined)))
        logs += len(joined)
        if page.spans and (size > PAGE_BYTES or logs > LOGS_LIMIT):
            break
        page.spans.append(span)
        shown.append(add_span(page, span, reading))
        page.resources[span.resource_id] = narrowed(page, resource, span.resource_id)
        page.scopes[span.scope_id] = narrowed(page, scope, span.scope_id)
        if joined:
            page.logs[span.span_id] = [narrowed(page, log, log.content_hash) for log in joined]
    page.spans[:] = shown
    truncated = len(page.spans) == 1 and _truncate(page.logs.get(page.spans[0].span_id, []))
    following = _position(rows[len(page.spans) - 1]) if len(page.spans) < len(rows) else None
    return replace(page, following=following, logs_truncated=truncated)


def reading(span: StoredSpan, part: SpanPart) -> ReadPiece:
    """Reads pieces of a part of a span."""
    text = getattr(span, part) or ""
    return lambda place, count: text[place : place + count]


def _truncate(logs: list[StoredLog]) -> bool:
    """Leave out the latest logs, as many as do not fit into one answer."""
    size = 0
    for number, log in enumerate(logs):
        size += _shown_bytes(log)
        if number >= LOGS_LIMIT or (number and size > PAGE_BYTES):
            del logs[number:]
            return True
    return False


def _shown_bytes(record: msgspec.Struct) -> int:
    """Bytes of the answer that a record becomes, with the previews that are shown in it."""
    entries = (getattr(record, "payloads", None) or "").count('"slot"')
    return text_bytes(record) + entries * PREVIEW_BYTES


def text_bytes(record: msgspec.Struct) -> int:
    """Bytes of a record's texts, which are nearly all of it."""
    texts = [value for value in msgspec.structs.astuple(record) if isinstance(value, str)]
    return sum(len(text.encode()) for text in texts)


def _position(row: SpanRow) -> SpanPosition:
    return SpanPosition(row.shown.start_time_ns, row.shown.span_id)
