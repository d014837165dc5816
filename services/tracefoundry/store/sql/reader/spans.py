"""The spans of one trace: skeletons, links, and whose usage counts.

Every query names the trace's first and last span start, so that PostgreSQL reads only the
partitions that can hold it. The caller gives the trace as it was read in the same snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import starmap
from typing import Any

import msgspec
import sqlalchemy as sa

from tracefoundry.model.event_facts import complete_facts
from tracefoundry.model.genai.cost import bounded_lookups
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.usage import counted_fields
from tracefoundry.store.event_views import completed_skeleton
from tracefoundry.store.json_slices import SLICE_CHARACTERS, first_slice
from tracefoundry.store.records import (
    COUNTS_LIMIT,
    EVENT_VIEW,
    LINK_BYTES,
    PAGE_BYTES,
    SKELETON_NAME_CHARACTERS,
    LinkPage,
    SkeletonPage,
    SpanLinks,
    SpanPosition,
    SpanSkeleton,
    StoredTrace,
)
from tracefoundry.store.run_starts import read_run_start
from tracefoundry.store.sql.reader.rows import (
    Statement,
    columns_of,
    fetch,
    narrow_columns,
    stream,
)
from tracefoundry.store.sql.reader.sources import logs_of_trace, spans_of_trace, tables_of
from tracefoundry.store.sql.statements import MOST_EVENT_VIEWS
from tracefoundry.store.sql.statements import run_starts as of_events

_NAME = SpanSkeleton._fields.index("name")
_SKELETONS_AT_ONCE = 5_000
"""Most skeletons in one statement: all its rows are held at once."""


@cache
def _skeleton(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return tuple(
        sa.func.substr(column, 1, SKELETON_NAME_CHARACTERS + 1).label("name")
        if column is spans.c.name
        else column
        for column in columns_of(spans, SpanSkeleton._fields)
    )


@cache
def _links(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return narrow_columns(spans, SpanLinks._fields)


def skeletons(
    connection: sa.Connection,
    trace: StoredTrace,
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> SkeletonPage:
    """A page of skeletons."""
    found: list[SpanSkeleton] = []
    columns = _skeleton(tables_of(trace).spans)
    most = limit + 1
    names = 0
    while len(found) < most:
        count = min(_SKELETONS_AT_ONCE, most - len(found))
        rows = fetch(connection, page_of(trace, columns, after, parent_id, count))
        found += map(SpanSkeleton._make, rows)
        names += sum(len(row[_NAME]) for row in rows)
        if len(rows) < count:
            break
        if names > PAGE_BYTES and len(found) > 1:
            limit = min(limit, len(found) - 1)
            break
        after = SpanPosition(found[-1].start_time_ns, found[-1].span_id)
    views = event_views(connection, trace)
    if views:
        with bounded_lookups():
            found = [completed_skeleton(span, views.get(span.span_id, ())) for span in found]
    if len(found) <= limit:
        return SkeletonPage(found, None)
    del found[limit:]
    return SkeletonPage(found, SpanPosition(found[-1].start_time_ns, found[-1].span_id))


def event_views(connection: sa.Connection, trace: StoredTrace) -> dict[bytes, list[GenAI]]:
    """What the logs of a trace say about its spans, by span id and time."""
    logs = tables_of(trace).logs
    statement = (
        sa.select(logs.c.span_id, sa.cast(logs.c.genai, sa.Text))
        .where(*logs_of_trace(trace), logs.c.genai.is_not(None))
        .order_by(logs.c.time_ns)
        .limit(MOST_EVENT_VIEWS)
    )
    views: dict[bytes, list[GenAI]] = {}
    for span_id, view in fetch(connection, statement):
        views.setdefault(span_id, []).append(EVENT_VIEW.decode(view))
    return views


def run_starts(connection: sa.Connection, trace: StoredTrace) -> list[RunStart]:
    """The starts of runs that the trace's logs tell of."""
    logs = tables_of(trace).logs.name
    where = f"{logs}.project_id = :project AND {logs}.trace_id = :trace"
    values: dict[str, Any] = {"project": trace.project_id, "trace": trace.trace_id}
    if trace.import_day is not None:
        where += f" AND {logs}.import_day = :import_day"
        values["import_day"] = trace.import_day
    rows = connection.execute(sa.text(of_events(where, logs)), values)
    return [read_run_start(*row) for row in rows]


def links_of(connection: sa.Connection, trace: StoredTrace, limit: int) -> LinkPage:
    """Links of spans that have some, by start."""
    spans = tables_of(trace).spans
    statement = (
        sa.select(*_links(spans))
        .where(*spans_of_trace(trace), spans.c.links.is_not(None))
        .order_by(spans.c.start_time_ns, spans.c.span_id)
        .limit(limit + 1)
    )
    found: list[SpanLinks] = []
    size = 0
    with stream(connection, statement, few=True) as rows:
        for span_id, text in rows:
            if len(found) == limit or size > LINK_BYTES:
                return LinkPage(found, more=True)
            size += len(text)
            cut = len(text) >= SLICE_CHARACTERS
            # Nothing behind a cut is looked for, so nothing is read.
            found.append(SpanLinks(span_id, first_slice(text, lambda *_: "").text if cut else text))
            if cut:
                return LinkPage(found, more=True)
    return LinkPage(found, more=False)


class _Usage(msgspec.Struct, gc=False):
    """What the counting rules ask of a span (:class:`tracefoundry.model.usage.UsageFacts`)."""

    span_id: bytes
    parent_span_id: bytes | None
    start_time_ns: int
    end_time_ns: int
    genai_kind: str | None
    response_id: str | None
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None


@cache
def _usage(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return columns_of(spans, _Usage.__struct_fields__)


def counting_spans(
    connection: sa.Connection, trace: StoredTrace
) -> dict[tuple[int, bytes], int] | None:
    """The usage fields that count in the trace, as bits, of each span by its (start, span id).

    None for a trace of more than :data:`COUNTS_LIMIT` spans.
    """
    if trace.summary.span_count > COUNTS_LIMIT:
        return None
    columns = _usage(tables_of(trace).spans)
    rows = fetch(connection, sa.select(*columns).where(*spans_of_trace(trace)))
    facts = list(starmap(_Usage, rows))
    complete_facts(facts, event_views(connection, trace))
    return {
        (facts[index].start_time_ns, facts[index].span_id): fields
        for index, fields in counted_fields(facts).items()
    }


def behind(spans: sa.Table, position: SpanPosition) -> sa.ColumnElement[bool]:
    """Condition for the spans behind a place."""
    place = sa.tuple_(
        sa.literal(position.start_time_ns, sa.BigInteger),
        sa.literal(position.span_id, sa.LargeBinary),
    )
    return sa.tuple_(spans.c.start_time_ns, spans.c.span_id) > place


def page_of(
    trace: StoredTrace,
    columns: Sequence[sa.ColumnElement[Any]],
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> Statement:
    """Spans of a trace, or of one parent's children, by start and span id."""
    spans = tables_of(trace).spans
    statement = sa.select(*columns).where(*spans_of_trace(trace))
    if parent_id is not None:
        statement = statement.where(spans.c.parent_span_id == parent_id)
    if after is not None:
        statement = statement.where(behind(spans, after))
    return statement.order_by(spans.c.start_time_ns, spans.c.span_id).limit(limit)
