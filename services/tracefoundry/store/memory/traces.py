"""Lists of traces: which ones are wanted, in what order, and which of them hold a text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracefoundry.store.memory.tables import Tables
from tracefoundry.store.records import (
    Sort,
    StoredTrace,
    TracePage,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.text_query import TextQuery


def list_traces(
    tables: Tables,
    project_ids: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
) -> list[StoredTrace]:
    """All traces that are wanted, behind a position."""
    found = [
        row.stored
        for row in tables.traces.values()
        if row.stored.project_id in project_ids and _is_wanted(row.stored, selection)
    ]
    found.sort(key=lambda trace: _order(trace.position(sort)), reverse=True)
    if after is None:
        return found
    return [trace for trace in found if _order(trace.position(sort)) < _order(after)]


def page_of(traces: Sequence[StoredTrace], sort: Sort, limit: int) -> TracePage:
    """The first ``limit`` of these traces."""
    page = list(traces[:limit])
    return TracePage(page, page[-1].position(sort) if len(traces) > limit else None)


def search_traces(
    tables: Tables,
    candidates: Sequence[StoredTrace],
    sort: Sort,
    limit: int,
    query: TextQuery,
    budget_seconds: float,
) -> TracePage:
    """The first ``limit`` of these traces that match; it looks at one at least."""
    deadline = time.monotonic() + budget_seconds
    found: list[StoredTrace] = []
    for number, trace in enumerate(candidates, start=1):
        if _holds(tables, trace, query):
            found.append(trace)
        if number == len(candidates):
            break
        if len(found) == limit or time.monotonic() >= deadline:
            return TracePage(found, trace.position(sort), complete=len(found) == limit)
    return TracePage(found, None)


def _order(place: TracePosition) -> tuple[int | float, int, bytes, int]:
    return (place.value, place.start_time_ns, place.trace_id, place.project_id)


def _is_wanted(trace: StoredTrace, wanted: TraceSelection) -> bool:
    summary = trace.summary
    tokens = None
    if summary.input_tokens is not None or summary.output_tokens is not None:
        tokens = (summary.input_tokens or 0) + (summary.output_tokens or 0)
    duration = summary.end_time_ns - summary.start_time_ns
    return (
        wanted.start_ns <= summary.start_time_ns < wanted.end_ns
        and (wanted.service is None or wanted.service in summary.services)
        and wanted.environment in (None, summary.environment)
        and wanted.status in (None, summary.status)
        and (
            wanted.running_since_ns is None
            or (summary.last_started_ns or 0) > wanted.running_since_ns
        )
        and (wanted.model is None or wanted.model in summary.models)
        and (wanted.tool is None or any(wanted.tool in tool for tool in summary.tools))
        and _is_within(duration, wanted.min_duration_ns, wanted.max_duration_ns)
        and _is_within(tokens, wanted.min_tokens, wanted.max_tokens)
        and _is_within(summary.cost_usd, wanted.min_cost_usd, wanted.max_cost_usd)
    )


def _is_within(value: float | None, low: float | None, high: float | None) -> bool:
    """Both bounds hold; an unknown value is within none."""
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _holds(tables: Tables, trace: StoredTrace, query: TextQuery) -> bool:
    """A span of the trace matches or, for those who may read content, a preview does."""
    key = (trace.project_id, trace.trace_id)
    for row in tables.spans_of(key):
        if query.matches(row.shown.name, row.shown.attributes):
            return True
    if not query.content:
        return False
    blobs = (
        tables.blobs.get((project, ref, day))
        for project, trace_id, ref, day in tables.refs
        if (project, trace_id) == key and (project, day) not in tables.expired_days
    )
    return any(blob and blob.preview and query.found(blob.preview) for blob in blobs)
