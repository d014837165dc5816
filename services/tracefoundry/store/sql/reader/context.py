"""What the spans of a page refer to: their resources and scopes, and the logs joined to them.

Read once a page by id, not joined row by row: a page of 10,000 spans has a handful of resources.
The page was cut to what fits into one answer (``page_size``), which bounds all of this except the
logs of its first span; those are cut here, visibly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.sql.reader import page_size
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.spans import STREAMED, SpanPage
from tracefoundry.store.sql.tables import resources, scopes, span_logs


@dataclass(frozen=True, slots=True)
class SpanContext:
    """What full rows of a page refer to."""

    resources: dict[bytes, Row]
    """Rows (service, environment, attributes, extra) by resource id."""
    scopes: dict[bytes, Row]
    """Rows (name, version, attributes, extra) by scope id."""
    logs: dict[bytes, list[Row]]
    """Log records by span id, in the order of their time."""
    logs_truncated: bool
    """The first span alone has more logs, by number or by size, than an answer may hold; the
    latest ones are left out."""


def context_of(connection: sa.Connection, trace: Row, page: SpanPage) -> SpanContext:
    """Resources, scopes and logs of a page of full rows."""
    project = trace._mapping["project_id"]
    logs, truncated = _logs(connection, trace, sorted(page.logged))
    return SpanContext(
        resources=_dictionary(
            connection,
            project,
            resources.c.resource_id,
            {row.resource_id for row in page.rows},
            (
                resources.c.service,
                resources.c.environment,
                sa.cast(resources.c.attributes, sa.Text).label("attributes"),
                sa.cast(resources.c.extra, sa.Text).label("extra"),
            ),
        ),
        scopes=_dictionary(
            connection,
            project,
            scopes.c.scope_id,
            {row.scope_id for row in page.rows},
            (
                scopes.c.name,
                scopes.c.version,
                sa.cast(scopes.c.attributes, sa.Text).label("attributes"),
                sa.cast(scopes.c.extra, sa.Text).label("extra"),
            ),
        ),
        logs=logs,
        logs_truncated=truncated,
    )


def _dictionary(
    connection: sa.Connection,
    project: int,
    key: sa.Column[Any],
    ids: Iterable[bytes],
    columns: Sequence[sa.ColumnElement[Any]],
) -> dict[bytes, Row]:
    rows: dict[bytes, Row] = {}
    wanted = sorted(ids)
    for at in range(0, len(wanted), page_size.IDS_AT_ONCE):
        statement = sa.select(key.label("id"), *columns).where(
            key.table.c.project_id == project, key.in_(wanted[at : at + page_size.IDS_AT_ONCE])
        )
        for row in connection.execute(statement):
            rows[row.id] = row
    return rows


def _logs(
    connection: sa.Connection, trace: Row, span_ids: Sequence[bytes]
) -> tuple[dict[bytes, list[Row]], bool]:
    """Logs by span id. Not bounded by time: a log record has its own clock and its own day."""
    fields = trace._mapping
    found: dict[bytes, list[Row]] = {}
    columns = [
        sa.cast(column, sa.Text).label(column.name)
        if column.name in ("attributes", "body", "extra", "payloads", "redactions")
        else column
        for column in span_logs.c
        if column.name not in ("project_id", "trace_id")
    ]
    left = page_size.LOGS_LIMIT
    room = page_size.PAGE_BYTES
    for at in range(0, len(span_ids), page_size.IDS_AT_ONCE):
        statement = (
            sa.select(*columns)
            .where(
                span_logs.c.project_id == fields["project_id"],
                span_logs.c.trace_id == fields["trace_id"],
                span_logs.c.span_id.in_(span_ids[at : at + page_size.IDS_AT_ONCE]),
            )
            .order_by(span_logs.c.time_ns, span_logs.c.span_id, span_logs.c.content_hash)
            .limit(left + 1)
        )
        with connection.execute(statement, execution_options=STREAMED) as result:
            for row in result:
                left -= 1
                room -= page_size.shown_bytes(row)
                if left < 0 or (room < 0 and found):
                    return found, True
                found.setdefault(row.span_id, []).append(row)
    return found, False
