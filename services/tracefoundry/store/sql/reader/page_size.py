"""How many full spans fit into one answer, counted in the bytes that the answer will have.

An answer repeats things that are stored once: every span carries its whole resource and scope, and
two spans with one id carry the same logs. A few hundred kilobytes that a sender stored could
become hundreds of megabytes of JSON, so the size of a page is what it becomes, not what was read.
Everything is measured in the database first, cheapest first, and loaded only for the rows that
stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.tables import resources, scopes, span_logs

PAGE_BYTES = 32 * 1024 * 1024
"""A page of full rows ends before the row that would take it past this size; its first row may be
larger alone."""
LOGS_LIMIT = 100_000
"""Most log records on one page, and the most that are loaded of the first row's."""
IDS_AT_ONCE = 1000
"""Most ids named in one statement."""
PREVIEW_BYTES = 1024
"""What the preview of a payload may add to its entry: 256 characters of up to four bytes."""

_PREVIEW_SHARE = 5
"""The same in the database, where entries are not counted: none is shorter than 200 bytes."""


def fitting(connection: sa.Connection, trace: Row, rows: Sequence[Row]) -> tuple[int, set[bytes]]:
    """How many of these full rows, from the first on, make one answer; at least one, if any.

    Also the ids of those spans that have logs.
    """
    counts = _log_counts(connection, trace, _distinct(row.span_id for row in rows))
    kept = 0
    logs = 0
    for row in rows:
        logs += counts.get(row.span_id, 0)
        if kept and logs > LOGS_LIMIT:
            break
        kept += 1
    rows = rows[:kept]
    logged = {row.span_id for row in rows if row.span_id in counts}
    if kept <= 1:
        return kept, logged
    project = trace._mapping["project_id"]
    resource_bytes = _sizes(
        connection,
        resources.c.resource_id,
        (resources.c.service, resources.c.attributes, resources.c.extra),
        {row.resource_id for row in rows},
        resources.c.project_id == project,
    )
    scope_bytes = _sizes(
        connection,
        scopes.c.scope_id,
        (scopes.c.name, scopes.c.version, scopes.c.attributes, scopes.c.extra),
        {row.scope_id for row in rows},
        scopes.c.project_id == project,
    )
    log_bytes = _sizes(
        connection,
        span_logs.c.span_id,
        (
            span_logs.c.name,
            span_logs.c.severity_text,
            span_logs.c.attributes,
            span_logs.c.body,
            span_logs.c.extra,
            span_logs.c.redactions,
            *[span_logs.c.payloads] * (1 + _PREVIEW_SHARE),
        ),
        logged,
        span_logs.c.project_id == project,
        span_logs.c.trace_id == trace._mapping["trace_id"],
    )
    size = 0
    for kept, row in enumerate(rows):
        size += (
            shown_bytes(row)
            + resource_bytes.get(row.resource_id, 0)
            + scope_bytes.get(row.scope_id, 0)
            + log_bytes.get(row.span_id, 0)
        )
        if kept and size > PAGE_BYTES:
            return kept, logged & {row.span_id for row in rows[:kept]}
    return len(rows), logged


def row_bytes(row: Row) -> int:
    """Bytes of the texts of a row, which are nearly all of its answer."""
    return sum(
        len(value) if value.isascii() else len(value.encode("utf-8"))
        for value in row
        if type(value) is str
    )


def shown_bytes(row: Row) -> int:
    """Like :func:`row_bytes`, of a span or log, with the previews that its answer gets."""
    payloads = row._mapping["payloads"]
    entries = 0 if payloads is None else payloads.count('"slot"')
    return row_bytes(row) + entries * PREVIEW_BYTES


def _log_counts(
    connection: sa.Connection, trace: Row, span_ids: Sequence[bytes]
) -> dict[bytes, int]:
    """Number of logs by span id, of those that have any; read from the index alone."""
    fields = trace._mapping
    counts: dict[bytes, int] = {}
    for at in range(0, len(span_ids), IDS_AT_ONCE):
        statement = (
            sa.select(span_logs.c.span_id, sa.func.count())
            .where(
                span_logs.c.project_id == fields["project_id"],
                span_logs.c.trace_id == fields["trace_id"],
                span_logs.c.span_id.in_(span_ids[at : at + IDS_AT_ONCE]),
            )
            .group_by(span_logs.c.span_id)
        )
        counts.update({span_id: count for span_id, count in connection.execute(statement)})  # noqa: C416
    return counts


def _sizes(
    connection: sa.Connection,
    key: sa.Column[Any],
    columns: Sequence[sa.Column[Any]],
    ids: Iterable[bytes],
    *of: sa.ColumnElement[bool],
) -> dict[bytes, int]:
    """Bytes of these text and JSON columns, summed over the rows with each id."""
    size = sum(
        (
            sa.func.coalesce(_octets(column, connection.dialect.name), sa.literal(0))
            for column in columns
        ),
        start=sa.literal(0),
    )
    wanted = sorted(ids)
    sizes: dict[bytes, int] = {}
    for at in range(0, len(wanted), IDS_AT_ONCE):
        statement = (
            sa.select(key, sa.func.sum(size))
            .where(*of, key.in_(wanted[at : at + IDS_AT_ONCE]))
            .group_by(key)
        )
        for found, total in connection.execute(statement):
            sizes[found] = int(total)
    return sizes


def _octets(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[int]:
    if dialect == "postgresql":
        return sa.func.octet_length(sa.cast(column, sa.Text), type_=sa.BigInteger)
    return sa.func.length(sa.cast(column, sa.LargeBinary), type_=sa.BigInteger)


def _distinct(ids: Iterable[bytes]) -> list[bytes]:
    """Ids once each, in their order."""
    return list(dict.fromkeys(ids))
