"""Pages of whole spans with what they refer to: resources, scopes and logs.

These are read once a page, not joined row by row: a page of 10,000 spans has a handful of
resources. The page is cut to what fits into one answer (``page_size``), which bounds everything
except the logs of its first span; those are cut here, and the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.json_slices import JsonSlice, ReadPiece, check_place, read_slice
from tracefoundry.store.narrowing import add_span, narrowed, opening_of
from tracefoundry.store.records import (
    SAME_ID_LIMIT,
    SpanPage,
    SpanPart,
    SpanPosition,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
    StoredTrace,
)
from tracefoundry.store.sql.reader import page_size
from tracefoundry.store.sql.reader.rows import (
    Statement,
    columns_of,
    fetch,
    narrow_columns,
    stream,
)
from tracefoundry.store.sql.reader.sources import logs_of_trace, spans_of_trace, tables_of
from tracefoundry.store.sql.reader.spans import page_of
from tracefoundry.store.sql.tables import resources, scopes

_SHOWN_RESOURCE = narrow_columns(resources, StoredResource.__struct_fields__)
_SHOWN_SCOPE = narrow_columns(scopes, StoredScope.__struct_fields__)
_RESOURCE_COLUMNS = columns_of(resources, StoredResource.__struct_fields__)
_SCOPE_COLUMNS = columns_of(scopes, StoredScope.__struct_fields__)


@cache
def _shown_span(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return narrow_columns(spans, StoredSpan.__struct_fields__)


@cache
def _shown_log(logs: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return narrow_columns(logs, StoredLog.__struct_fields__)


def span_page(
    connection: sa.Connection,
    trace: StoredTrace,
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> SpanPage:
    """A page of whole spans; it ends early where its answer would be too large."""
    columns = _shown_span(tables_of(trace).spans)
    return _page(connection, trace, page_of(trace, columns, after, parent_id, limit + 1), limit)


def spans_with_id(connection: sa.Connection, trace: StoredTrace, span_id: bytes) -> SpanPage:
    """The spans of a span id, by start: more than one where an id was used twice."""
    spans = tables_of(trace).spans
    statement = (
        sa.select(*_shown_span(spans))
        .where(*spans_of_trace(trace), spans.c.span_id == span_id)
        .order_by(spans.c.start_time_ns)
        .limit(SAME_ID_LIMIT + 1)
    )
    return _page(connection, trace, statement, SAME_ID_LIMIT)


def _page(
    connection: sa.Connection, trace: StoredTrace, statement: Statement, limit: int
) -> SpanPage:
    """At most ``limit`` spans of a statement that gives one more where there is one."""
    found: list[StoredSpan] = []
    sizes: list[int] = []
    total = 0
    with stream(connection, statement, few=True) as rows:
        for row in rows:
            span = StoredSpan(*row)
            found.append(span)
            sizes.append(page_size.shown_bytes(row, span.payloads))
            total += sizes[-1]
            if total > page_size.PAGE_BYTES and len(found) > 1:
                break
    more = len(found)
    del found[limit:]
    fit, logged = page_size.fitting(connection, trace, found, sizes)
    del found[fit:]
    following = None
    if fit < more:
        following = SpanPosition(found[-1].start_time_ns, found[-1].span_id)
    page = SpanPage([], following, {}, {}, {}, logs_truncated=False)
    project_id = trace.project_id

    def reading(span: StoredSpan, part: SpanPart) -> ReadPiece:
        return _reading(connection, trace, SpanPosition(span.start_time_ns, span.span_id), part)

    page.spans.extend(add_span(page, span, reading) for span in found)
    found_resources = _dictionary(
        connection, project_id, resources.c.resource_id,
        {span.resource_id for span in found}, _SHOWN_RESOURCE,
    )  # fmt: skip
    for values in found_resources:
        page.resources[values[0]] = narrowed(page, StoredResource(*values), values[0])
    found_scopes = _dictionary(
        connection, project_id, scopes.c.scope_id, {span.scope_id for span in found}, _SHOWN_SCOPE
    )
    for values in found_scopes:
        page.scopes[values[0]] = narrowed(page, StoredScope(*values), values[0])
    truncated = _add_logs(connection, trace, sorted(logged), page)
    return replace(page, logs_truncated=truncated)


def span_part(
    connection: sa.Connection,
    trace: StoredTrace,
    span: SpanPosition,
    part: SpanPart,
    place: int,
    *,
    checked: bool,
) -> JsonSlice | None:
    """The slice of a part of a span that begins at a place."""
    read = _reading(connection, trace, span, part)
    if not read(1, 1):
        return None
    if checked:
        check_place(read, place)
    return read_slice(read, place, opening_of(part))


def _reading(
    connection: sa.Connection, trace: StoredTrace, span: SpanPosition, part: SpanPart
) -> ReadPiece:
    """Reads pieces of a column of one span."""
    spans = tables_of(trace).spans
    column = sa.cast(spans.c[part], sa.Text)

    def read(place: int, count: int) -> str:
        statement = sa.select(sa.func.substr(column, place + 1, count)).where(
            *spans_of_trace(trace),
            spans.c.span_id == span.span_id,
            spans.c.start_time_ns == span.start_time_ns,
        )
        text: str | None = connection.execute(statement).scalar()
        return text or ""

    return read


def resources_of(
    connection: sa.Connection, project_id: int, ids: Collection[bytes]
) -> dict[bytes, StoredResource]:
    """Resources by their ids."""
    rows = _dictionary(connection, project_id, resources.c.resource_id, ids, _RESOURCE_COLUMNS)
    return {row[0]: StoredResource(*row) for row in rows}


def scopes_of(
    connection: sa.Connection, project_id: int, ids: Collection[bytes]
) -> dict[bytes, StoredScope]:
    """Scopes by their ids."""
    rows = _dictionary(connection, project_id, scopes.c.scope_id, ids, _SCOPE_COLUMNS)
    return {row[0]: StoredScope(*row) for row in rows}


def _dictionary(
    connection: sa.Connection,
    project_id: int,
    key: sa.Column[Any],
    ids: Collection[bytes],
    columns: Sequence[sa.ColumnElement[Any]],
) -> Iterator[tuple[Any, ...]]:
    wanted = sorted(ids)
    for at in range(0, len(wanted), page_size.IDS_AT_ONCE):
        statement = sa.select(*columns).where(
            key.table.c.project_id == project_id,
            key.in_(wanted[at : at + page_size.IDS_AT_ONCE]),
        )
        yield from fetch(connection, statement)


def _add_logs(
    connection: sa.Connection, trace: StoredTrace, span_ids: Sequence[bytes], page: SpanPage
) -> bool:
    """Add the logs of these spans to a page; returns whether some had to be left out.

    Not bounded by time: a log record has its own clock and its own day.
    """
    logs = tables_of(trace).logs
    found = page.logs
    logs_left = page_size.LOGS_LIMIT
    bytes_left = page_size.PAGE_BYTES
    for at in range(0, len(span_ids), page_size.IDS_AT_ONCE):
        statement = (
            sa.select(*_shown_log(logs))
            .where(
                *logs_of_trace(trace),
                logs.c.span_id.in_(span_ids[at : at + page_size.IDS_AT_ONCE]),
            )
            .order_by(logs.c.time_ns, logs.c.span_id, logs.c.content_hash)
            .limit(logs_left + 1)
        )
        with stream(connection, statement, few=True) as rows:
            for row in rows:
                log = StoredLog(*row)
                logs_left -= 1
                bytes_left -= page_size.shown_bytes(row, log.payloads)
                if logs_left < 0 or (bytes_left < 0 and found):
                    return True
                shown = narrowed(page, log, log.content_hash)
                found.setdefault(log.span_id, []).append(shown)
    return False
