"""Pages of whole spans with what they refer to: resources, scopes and logs.

These are read once a page, not joined row by row: a page of 10,000 spans has a handful of
resources. The page is cut to what fits into one answer (``page_size``), which bounds everything
except the logs of its first span; those are cut here, and the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.records import (
    SAME_ID_LIMIT,
    SpanPage,
    SpanPosition,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
    StoredTrace,
)
from tracefoundry.store.sql.reader import page_size
from tracefoundry.store.sql.reader.rows import Statement, columns_of, fetch, stream
from tracefoundry.store.sql.reader.spans import of_trace, page_of
from tracefoundry.store.sql.tables import resources, scopes, span_logs, spans

SPAN_COLUMNS = columns_of(spans, StoredSpan.__struct_fields__)
LOG_COLUMNS = columns_of(span_logs, StoredLog.__struct_fields__)
_RESOURCE_COLUMNS = columns_of(resources, StoredResource.__struct_fields__)
_SCOPE_COLUMNS = columns_of(scopes, StoredScope.__struct_fields__)


def span_page(
    connection: sa.Connection,
    trace: StoredTrace,
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> SpanPage:
    """A page of whole spans; it ends early where its answer would be too large."""
    return _page(
        connection, trace, page_of(trace, SPAN_COLUMNS, after, parent_id, limit + 1), limit
    )


def spans_with_id(connection: sa.Connection, trace: StoredTrace, span_id: bytes) -> SpanPage:
    """The spans of a span id, by start: more than one where an id was used twice."""
    statement = (
        sa.select(*SPAN_COLUMNS)
        .where(*of_trace(trace), spans.c.span_id == span_id)
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
    with stream(connection, statement) as rows:
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
    logs, truncated = _logs(connection, trace, sorted(logged))
    return SpanPage(
        found,
        following,
        resources_of(connection, trace.project_id, {span.resource_id for span in found}),
        scopes_of(connection, trace.project_id, {span.scope_id for span in found}),
        logs,
        truncated,
    )


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


def _logs(
    connection: sa.Connection, trace: StoredTrace, span_ids: Sequence[bytes]
) -> tuple[dict[bytes, list[StoredLog]], bool]:
    """Logs by span id. Not bounded by time: a log record has its own clock and its own day."""
    found: dict[bytes, list[StoredLog]] = {}
    logs_left = page_size.LOGS_LIMIT
    bytes_left = page_size.PAGE_BYTES
    for at in range(0, len(span_ids), page_size.IDS_AT_ONCE):
        statement = (
            sa.select(*LOG_COLUMNS)
            .where(
                span_logs.c.project_id == trace.project_id,
                span_logs.c.trace_id == trace.trace_id,
                span_logs.c.span_id.in_(span_ids[at : at + page_size.IDS_AT_ONCE]),
            )
            .order_by(span_logs.c.time_ns, span_logs.c.span_id, span_logs.c.content_hash)
            .limit(logs_left + 1)
        )
        with stream(connection, statement) as rows:
            for row in rows:
                log = StoredLog(*row)
                logs_left -= 1
                bytes_left -= page_size.shown_bytes(row, log.payloads)
                if logs_left < 0 or (bytes_left < 0 and found):
                    return found, True
                found.setdefault(log.span_id, []).append(log)
    return found, False
