"""How many whole spans fit into one answer, counted in the bytes that the answer will have.

An answer repeats things that are stored once: every span carries its whole resource and scope, and
two spans with one id carry the same logs. A few hundred kilobytes that a sender stored could
become hundreds of megabytes of JSON, so the size of a page is what it becomes, not what was read.
Everything is measured in the database first, cheapest first, and loaded only for the rows that
stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.records import LOGS_LIMIT as LOGS_LIMIT
from tracefoundry.store.records import PAGE_BYTES as PAGE_BYTES
from tracefoundry.store.records import PREVIEW_BYTES, StoredSpan, StoredTrace
from tracefoundry.store.sql.reader.rows import pairs
from tracefoundry.store.sql.reader.sources import logs_of_trace, tables_of
from tracefoundry.store.sql.tables import resources, scopes

IDS_AT_ONCE = 1000
"""Most ids named in one statement."""

_PREVIEW_SHARE = 5
"""The same in the database, where entries are not counted: none is shorter than 200 bytes."""


def fitting(
    connection: sa.Connection,
    trace: StoredTrace,
    found: Sequence[StoredSpan],
    sizes: Sequence[int],
) -> tuple[int, set[bytes]]:
    """How many of these spans, from the first on, make one answer; at least one, if any.

    Also the ids of those spans that have logs. ``sizes`` holds the :func:`shown_bytes` of each.
    """
    counts = _log_counts(connection, trace, _distinct(span.span_id for span in found))
    kept = 0
    logs = 0
    for span in found:
        logs += counts.get(span.span_id, 0)
        if kept and logs > LOGS_LIMIT:
            break
        kept += 1
    found = found[:kept]
    logged = {span.span_id for span in found if span.span_id in counts}
    if kept <= 1:
        return kept, logged
    resource_bytes = dictionary_bytes(
        connection, resources, trace.project_id, {span.resource_id for span in found}
    )
    scope_bytes = dictionary_bytes(
        connection, scopes, trace.project_id, {span.scope_id for span in found}
    )
    log = tables_of(trace).logs.c
    log_bytes = _sizes(
        connection,
        log.span_id,
        (
            log.name,
            log.severity_text,
            log.attributes,
            log.body,
            log.extra,
            log.redactions,
            *[log.payloads] * (1 + _PREVIEW_SHARE),
        ),
        logged,
        *logs_of_trace(trace),
    )
    size = 0
    for kept, span in enumerate(found):
        size += (
            sizes[kept]
            + resource_bytes.get(span.resource_id, 0)
            + scope_bytes.get(span.scope_id, 0)
            + log_bytes.get(span.span_id, 0)
        )
        if kept and size > PAGE_BYTES:
            return kept, logged & {span.span_id for span in found[:kept]}
    return len(found), logged


def text_bytes(row: Sequence[Any]) -> int:
    """Bytes of the texts of a row, which are nearly all of it."""
    # A list is summed in half the time of a generator, and every row that is read comes here.
    return sum(
        [
            len(value) if value.isascii() else len(value.encode("utf-8"))
            for value in row
            if type(value) is str
        ]
    )


def shown_bytes(row: Sequence[Any], payloads: str | None) -> int:
    """Bytes of the answer that a row of a span or log becomes, with the previews of its
    ``payloads``."""
    return text_bytes(row) + (0 if payloads is None else payloads.count('"slot"') * PREVIEW_BYTES)


def dictionary_bytes(
    connection: sa.Connection, table: sa.Table, project_id: int, ids: Collection[bytes]
) -> dict[bytes, int]:
    """Bytes of resources or scopes, by id."""
    if table is resources:
        key = table.c.resource_id
        texts: tuple[sa.Column[Any], ...] = (table.c.service, table.c.attributes, table.c.extra)
    else:
        key = table.c.scope_id
        texts = (table.c.name, table.c.version, table.c.attributes, table.c.extra)
    return _sizes(connection, key, texts, ids, table.c.project_id == project_id)


def _log_counts(
    connection: sa.Connection, trace: StoredTrace, span_ids: Sequence[bytes]
) -> dict[bytes, int]:
    """Number of logs by span id, of those that have any; read from the index alone."""
    logs = tables_of(trace).logs
    counts: dict[bytes, int] = {}
    for at in range(0, len(span_ids), IDS_AT_ONCE):
        statement = (
            sa.select(logs.c.span_id, sa.func.count())
            .where(
                *logs_of_trace(trace),
                logs.c.span_id.in_(span_ids[at : at + IDS_AT_ONCE]),
            )
            .group_by(logs.c.span_id)
        )
        counts.update(pairs(connection, statement))
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
