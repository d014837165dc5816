"""Text search over traces, in the order of the list, bounded in time and resumable.

There is no text index in this version: candidates come from the list (filters applied), in steps
of bounded size, and their spans are read. The database throws out what cannot match by ``LIKE``
over the name and the JSON text of the attributes; what is left is decided exactly here, because
JSON text also holds keys and numbers. Then, for those who may read content, the previews of their
payloads. A step ends between two traces, or inside a very large trace (between two spans or two
previews), so a search that runs out of time says where it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.sql.reader.lists import list_traces, position_of
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.selection import (
    Sort,
    SpanPosition,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader.spans import STREAMED
from tracefoundry.store.sql.reader.text_query import TextQuery
from tracefoundry.store.sql.tables import payload_blobs, span_payload_refs, spans

CANDIDATES = 64
"""Traces listed at once."""
STEP_SPANS = 2_000
"""Most spans read between two looks at the clock."""
STEP_PREVIEWS = 5_000
"""Most payloads of a very large trace looked into between two looks at the clock."""

_IN_PREVIEWS = -1
"""The start of a position among the previews of a trace, where no span can start; in the place of
the span id stand the first bytes of the ref."""
_HEAD_BYTES = 8


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Traces found. ``following`` is where the search goes on, None when everything was seen;
    ``complete`` is false when it stopped because its time was over."""

    rows: list[Row]
    following: TracePosition | None
    complete: bool


def search_traces(
    connection: sa.Connection,
    projects: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
    limit: int,
    query: TextQuery,
    budget_seconds: float,
) -> SearchResult:
    """At most ``limit`` traces behind ``after`` in which a span or a payload matches.

    At least one step is made however small the budget is, so repeated calls reach the end.
    """
    deadline = time.monotonic() + budget_seconds
    found: list[Row] = []
    position = after
    while True:
        candidates = list_traces(connection, projects, selection, sort, position, CANDIDATES)
        for step in _steps(candidates):
            inside = _resume(position, step[0])
            if step[0]._mapping["span_count"] > STEP_SPANS:
                hit, inside = _search_large(connection, step[0], query, inside, deadline)
                if inside is not None:
                    place = position_of(step[0])
                    stopped = TracePosition(
                        place.value, place.start_time_ns, place.trace_id, place.project_id, inside
                    )
                    return SearchResult(found, stopped, complete=False)
                hits = {step[0]._mapping["trace_id"]} if hit else set()
            else:
                hits = _search_small(connection, step, query)
            for row in step:
                if row._mapping["trace_id"] in hits:
                    found.append(row)
                    if len(found) == limit:
                        last = row is candidates[-1] and len(candidates) < CANDIDATES
                        return SearchResult(found, None if last else position_of(row), True)
            position = position_of(step[-1])
            last = step[-1] is candidates[-1] and len(candidates) < CANDIDATES
            if not last and time.monotonic() >= deadline:
                return SearchResult(found, position, complete=False)
        if len(candidates) < CANDIDATES:
            return SearchResult(found, None, complete=True)


def _steps(candidates: Sequence[Row]) -> Iterable[list[Row]]:
    """Runs of candidates of one project that together are small; a large one is alone."""
    step: list[Row] = []
    size = 0
    for row in candidates:
        count: Any = row._mapping["span_count"]
        same_project = not step or (step[0]._mapping["project_id"] == row._mapping["project_id"])
        if step and (size + count > STEP_SPANS or not same_project):
            yield step
            step, size = [], 0
        step.append(row)
        size += count
    if step:
        yield step


def _resume(position: TracePosition | None, row: Row) -> SpanPosition | None:
    """Where to go on inside this trace, if the search stopped in it."""
    if position is None or position.inside is None:
        return None
    fields = row._mapping
    same = (fields["project_id"], fields["trace_id"]) == (position.project_id, position.trace_id)
    return position.inside if same else None


def _search_small(connection: sa.Connection, step: Sequence[Row], query: TextQuery) -> set[object]:
    """Trace ids of this run in which a span or a payload matches."""
    rows = [row._mapping for row in step]
    attributes = sa.cast(spans.c.attributes, sa.Text)
    statement = sa.select(spans.c.trace_id, spans.c.name, attributes, spans.c.policy_version).where(
        spans.c.project_id == rows[0]["project_id"],
        spans.c.trace_id.in_([row["trace_id"] for row in rows]),
        spans.c.start_time_ns.between(
            min(row["start_time_ns"] for row in rows), max(row["last_start_ns"] for row in rows)
        ),
        query.may_match(spans.c.name, attributes),
    )
    hits: set[object] = set()
    with connection.execute(statement, execution_options=STREAMED) as result:
        for trace_id, *span in result:
            if trace_id not in hits and query.matches(*span):
                hits.add(trace_id)
    left = [row["trace_id"] for row in rows if row["trace_id"] not in hits]
    if not query.content or not left:
        return hits
    previews = _previews(rows[0]["project_id"]).where(
        span_payload_refs.c.trace_id.in_(left), query.may_match_preview(payload_blobs.c.preview)
    )
    with connection.execute(previews, execution_options=STREAMED) as result:
        for trace_id, _, preview in result:
            if trace_id not in hits and query.found(preview):
                hits.add(trace_id)
    return hits


def _search_large(
    connection: sa.Connection,
    row: Row,
    query: TextQuery,
    after: SpanPosition | None,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    """Whether a span or payload of this trace matches; with a place to go on where time ran out
    before."""
    if after is None or after.start_time_ns != _IN_PREVIEWS:
        hit, stopped = _search_spans(connection, row, query, after, deadline)
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
    return _search_previews(connection, row, query, after.span_id, deadline)


def _search_spans(
    connection: sa.Connection,
    row: Row,
    query: TextQuery,
    after: SpanPosition | None,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    fields = row._mapping
    key = sa.tuple_(spans.c.start_time_ns, spans.c.span_id)
    whole = (
        spans.c.project_id == fields["project_id"],
        spans.c.trace_id == fields["trace_id"],
        spans.c.start_time_ns.between(fields["start_time_ns"], fields["last_start_ns"]),
    )
    attributes = sa.cast(spans.c.attributes, sa.Text)
    while True:
        here = list(whole)
        if after is not None:
            here.append(key > _place(after))
        last = connection.execute(
            sa.select(spans.c.start_time_ns, spans.c.span_id)
            .where(*here)
            .order_by(spans.c.start_time_ns, spans.c.span_id)
            .offset(STEP_SPANS - 1)
            .limit(1)
        ).first()
        bound = SpanPosition(*last) if last is not None else None
        if bound is not None:
            here.append(key <= _place(bound))
        statement = sa.select(spans.c.name, attributes, spans.c.policy_version).where(
            *here, query.may_match(spans.c.name, attributes)
        )
        with connection.execute(statement, execution_options=STREAMED) as result:
            if any(query.matches(*span) for span in result):
                return True, None
        if bound is None:
            return False, None
        after = bound
        if time.monotonic() >= deadline:
            return False, after


def _search_previews(
    connection: sa.Connection, row: Row, query: TextQuery, after: bytes, deadline: float
) -> tuple[bool, SpanPosition | None]:
    """The payloads of one trace by ref, behind those that begin with ``after``."""
    fields = row._mapping
    ref = span_payload_refs.c.ref
    of = (
        span_payload_refs.c.project_id == fields["project_id"],
        span_payload_refs.c.trace_id == fields["trace_id"],
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
        statement = _previews(fields["project_id"]).where(
            *here, query.may_match_preview(payload_blobs.c.preview)
        )
        with connection.execute(statement, execution_options=STREAMED) as result:
            if any(query.found(preview) for _, _, preview in result):
                return True, None
        if last is None:
            return False, None
        after = last[:_HEAD_BYTES]
        if time.monotonic() >= deadline:
            return False, SpanPosition(_IN_PREVIEWS, after)


def _previews(project: int) -> sa.Select[Any]:
    """(trace id, ref, preview) of the stored payloads that the traces of a project refer to."""
    refs, blobs = span_payload_refs.c, payload_blobs.c
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
        .where(refs.project_id == project)
    )


def _last_of(head: bytes) -> bytes:
    """The last ref that begins so."""
    return head + b"\xff" * (32 - len(head))


def _place(position: SpanPosition) -> sa.Tuple:
    return sa.tuple_(
        sa.literal(position.start_time_ns, sa.BigInteger),
        sa.literal(position.span_id, sa.LargeBinary),
    )
