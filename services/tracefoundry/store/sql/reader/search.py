"""Text search over traces, in the order of the list, bounded in time and resumable.

There is no text index in this version: candidates come from the list (filters applied), in steps of
bounded size, and their spans are read. The database leaves out what cannot match, by ``LIKE`` over
the name and the JSON text of the attributes; the rest is matched exactly here, because JSON text
also holds keys and numbers. Then, for those who may read content, the previews of their payloads.
Attributes larger than a slice (:mod:`tracefoundry.store.json_slices`) are read slice by slice; a
single attribute larger than that is not searched. A step ends between two traces, or inside a very
large trace (between two spans or two previews), so a search that runs out of time says where it
goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.json_slices import SLICE_CHARACTERS
from tracefoundry.store.records import (
    Sort,
    SpanPosition,
    StoredTrace,
    TracePage,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader.lists import list_traces
from tracefoundry.store.sql.reader.rows import narrow_columns, stream
from tracefoundry.store.sql.reader.sources import of_import, spans_of_trace, tables_of
from tracefoundry.store.sql.reader.span_pages import span_part
from tracefoundry.store.sql.reader.spans import behind
from tracefoundry.store.sql.reader.text_query import TextQuery
from tracefoundry.store.sql.tables import payload_blobs, payload_days, span_payload_refs

CANDIDATES = 64
"""Traces listed at once."""
STEP_SPANS = 2_000
"""Most spans read before the time is checked."""
STEP_PREVIEWS = 5_000
"""Most previews of a very large trace read before the time is checked."""

_IN_PREVIEWS = -1
"""The start of a position among the previews of a trace, where no span can start; in the place of
the span id stand the first bytes of the ref."""
_HEAD_BYTES = 8


def _searched(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return narrow_columns(spans, ("name", "attributes", "start_time_ns", "span_id"))


def _may_match(query: TextQuery, spans: sa.Table) -> sa.ColumnElement[bool]:
    return query.may_match(spans.c.name, sa.cast(spans.c.attributes, sa.Text))


def search_traces(
    connection: sa.Connection,
    projects: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
    limit: int,
    query: TextQuery,
    budget_seconds: float,
) -> TracePage:
    """At most ``limit`` traces behind ``after`` in which a span or a payload matches.

    At least one step is made however small the budget is, so repeated calls reach the end.
    """
    deadline = time.monotonic() + budget_seconds
    found: list[StoredTrace] = []
    position = after
    while True:
        candidates, cut = list_traces(connection, projects, selection, sort, position, CANDIDATES)
        seen_all = len(candidates) < CANDIDATES and not cut
        for step in _steps(candidates):
            first = step[0]
            if first.summary.span_count > STEP_SPANS:
                inside = _resume(position, first)
                hit, inside = _search_large(connection, first, query, inside, deadline)
                if inside is not None:
                    stopped = replace(first.position(sort), inside=inside)
                    return TracePage(found, stopped, complete=False)
                hits = {first.trace_id} if hit else set()
            else:
                hits = _search_small(connection, step, query)
            for trace in step:
                if trace.trace_id in hits:
                    found.append(trace)
                    if len(found) == limit:
                        last = seen_all and trace is candidates[-1]
                        return TracePage(found, None if last else trace.position(sort))
            position = step[-1].position(sort)
            last = seen_all and step[-1] is candidates[-1]
            if not last and time.monotonic() >= deadline:
                return TracePage(found, position, complete=False)
        if seen_all:
            return TracePage(found, None)


def _steps(candidates: Sequence[StoredTrace]) -> Iterable[list[StoredTrace]]:
    """Runs of candidates of one project that together are small; a large one is alone. Imported
    traces are with those of the same day of import."""
    step: list[StoredTrace] = []
    size = 0
    for trace in candidates:
        count = trace.summary.span_count
        apart = bool(step) and (
            (step[0].project_id, step[0].import_day) != (trace.project_id, trace.import_day)
        )
        if step and (size + count > STEP_SPANS or apart):
            yield step
            step, size = [], 0
        step.append(trace)
        size += count
    if step:
        yield step


def _resume(position: TracePosition | None, trace: StoredTrace) -> SpanPosition | None:
    """Where to go on inside this trace, if the search stopped in it."""
    if position is None or position.inside is None:
        return None
    same = (trace.project_id, trace.trace_id) == (position.project_id, position.trace_id)
    return position.inside if same else None


def _search_small(
    connection: sa.Connection, step: Sequence[StoredTrace], query: TextQuery
) -> set[bytes]:
    """Trace ids of this run in which a span or a payload matches."""
    project_id = step[0].project_id
    spans = tables_of(step[0]).spans
    statement = sa.select(spans.c.trace_id, *_searched(spans)).where(
        spans.c.project_id == project_id,
        spans.c.trace_id.in_([trace.trace_id for trace in step]),
        spans.c.start_time_ns.between(
            min(trace.summary.start_time_ns for trace in step),
            max(trace.summary.last_start_ns for trace in step),
        ),
        *of_import(step[0], spans),
        _may_match(query, spans),
    )
    hits: set[bytes] = set()
    large: list[tuple[bytes, SpanPosition]] = []
    with stream(connection, statement, few=True) as rows:
        for trace_id, name, attributes, *position in rows:
            if trace_id in hits:
                continue
            if len(attributes) == SLICE_CHARACTERS and not query.found(name):
                large.append((trace_id, SpanPosition(*position)))
            elif query.matches(name, attributes):
                hits.add(trace_id)
    traces = {trace.trace_id: trace for trace in step}
    for trace_id, where in large:
        if trace_id not in hits and _large_span_matches(connection, traces[trace_id], where, query):
            hits.add(trace_id)
    left = [trace.trace_id for trace in step if trace.trace_id not in hits]
    if not query.content or not left:
        return hits
    previews = _previews(project_id).where(
        span_payload_refs.c.trace_id.in_(left), query.may_match_preview(payload_blobs.c.preview)
    )
    with stream(connection, previews) as rows:
        for trace_id, _, preview in rows:
            if trace_id not in hits and query.found(preview):
                hits.add(trace_id)
    return hits


def _search_large(
    connection: sa.Connection,
    trace: StoredTrace,
    query: TextQuery,
    after: SpanPosition | None,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    """Whether a span or payload of this trace matches; with a place to go on where time ran out
    before."""
    if after is None or after.start_time_ns != _IN_PREVIEWS:
        hit, stopped = _search_spans(connection, trace, query, after, deadline)
        if hit or stopped is not None:
            return hit, stopped
        if not query.content:
            return False, None
        after = SpanPosition(_IN_PREVIEWS, b"")
        if time.monotonic() >= deadline:
            return False, SpanPosition(_IN_PREVIEWS, bytes(_HEAD_BYTES))
    elif not query.content:
        return False, None
    elif after.span_id == bytes(_HEAD_BYTES):
        after = SpanPosition(_IN_PREVIEWS, b"")
    return _search_previews(connection, trace, query, after.span_id, deadline)


def _search_spans(
    connection: sa.Connection,
    trace: StoredTrace,
    query: TextQuery,
    after: SpanPosition | None,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    spans = tables_of(trace).spans
    while True:
        here = spans_of_trace(trace)
        if after is not None:
            here.append(behind(spans, after))
        last = connection.execute(
            sa.select(spans.c.start_time_ns, spans.c.span_id)
            .where(*here)
            .order_by(spans.c.start_time_ns, spans.c.span_id)
            .offset(STEP_SPANS - 1)
            .limit(1)
        ).first()
        bound = SpanPosition(*last) if last is not None else None
        if bound is not None:
            here.append(sa.not_(behind(spans, bound)))
        statement = sa.select(*_searched(spans)).where(*here, _may_match(query, spans))
        large: list[SpanPosition] = []
        with stream(connection, statement, few=True) as rows:
            for name, attributes, *position in rows:
                if query.found(name):
                    return True, None
                if len(attributes) == SLICE_CHARACTERS:
                    large.append(SpanPosition(*position))
                elif query.matches(name, attributes):
                    return True, None
        if any(_large_span_matches(connection, trace, where, query) for where in large):
            return True, None
        if bound is None:
            return False, None
        after = bound
        if time.monotonic() >= deadline:
            return False, after


def _large_span_matches(
    connection: sa.Connection, trace: StoredTrace, span: SpanPosition, query: TextQuery
) -> bool:
    """Whether an attribute of a span matches whose attributes are larger than a slice."""
    place: int | None = 1
    while place is not None:
        found = span_part(connection, trace, span, "attributes", place, checked=False)
        if found is None:
            return False
        if query.matches("", found.text):
            return True
        place = found.following
    return False


def _search_previews(
    connection: sa.Connection,
    trace: StoredTrace,
    query: TextQuery,
    after: bytes,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    """The payloads of one trace by ref, behind those that begin with ``after``."""
    ref = span_payload_refs.c.ref
    of = (
        span_payload_refs.c.project_id == trace.project_id,
        span_payload_refs.c.trace_id == trace.trace_id,
    )
    while True:
        here = list(of)
        if after:
            here.append(ref > _last_of(after))
        last = connection.execute(
            sa.select(ref).where(*here).order_by(ref).offset(STEP_PREVIEWS - 1).limit(1)
        ).scalar()
        # A place is only the first bytes of a ref; those that share them are looked at together.
        if last is not None:
            here.append(ref <= _last_of(last[:_HEAD_BYTES]))
        statement = _previews(trace.project_id).where(
            *here, query.may_match_preview(payload_blobs.c.preview)
        )
        with stream(connection, statement) as rows:
            if any(query.found(preview) for _, _, preview in rows):
                return True, None
        if last is None:
            return False, None
        after = last[:_HEAD_BYTES]
        if time.monotonic() >= deadline:
            return False, SpanPosition(_IN_PREVIEWS, after)


def _previews(project: int) -> sa.Select[Any]:
    """(trace id, ref, preview) of the stored payloads that the traces of a project refer to, less
    those of days that retention has marked as expired and is about to empty."""
    refs, blobs, marked = span_payload_refs.c, payload_blobs.c, payload_days.c
    return (
        sa.select(refs.trace_id, refs.ref, blobs.preview)
        .join(
            payload_blobs,
            sa.and_(
                blobs.project_id == refs.project_id,
                blobs.ref == refs.ref,
                blobs.day == refs.day,
            ),
        )
        .where(
            refs.project_id == project,
            sa.not_(
                sa.exists().where(marked.project_id == refs.project_id, marked.day == refs.day)
            ),
        )
    )


def _last_of(head: bytes) -> bytes:
    """The last ref that begins so."""
    return head + b"\xff" * (32 - len(head))
