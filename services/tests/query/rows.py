"""Model spans as database rows, for tests of the read path that need no writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.store import values
from tracefoundry.store.postgres.partitions import PARTITIONED
from tracefoundry.store.sql import columns, tables
from tracefoundry.store.sql.rows import log_row, resource_row, scope_row, span_row, trace_row
from tracefoundry.store.sql.schema import Table


def create_tables(engine: sa.Engine) -> None:
    """All tables, one partition each, and the project ``default`` with id 1."""
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        if engine.dialect.name == "postgresql":
            for table in PARTITIONED:
                connection.exec_driver_sql(
                    f"CREATE TABLE {table}_all PARTITION OF {table}"
                    " FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
                )
        connection.execute(
            sa.insert(tables.projects), {"project_id": 1, "name": "default", "created_at_ns": 0}
        )


def add_project(engine: sa.Engine, project_id: int, name: str) -> None:
    """Another project."""
    with engine.begin() as connection:
        connection.execute(
            sa.insert(tables.projects),
            {"project_id": project_id, "name": name, "created_at_ns": 0},
        )


def insert(
    engine: sa.Engine, spans: Sequence[Span], logs: Sequence[LogRecord] = (), project: int = 1
) -> None:
    """Insert spans of whole traces, with their summaries and dictionaries."""
    with engine.begin() as connection:
        insert_into(connection, spans, logs, project)


def insert_into(
    connection: sa.Connection,
    spans: Sequence[Span],
    logs: Sequence[LogRecord] = (),
    project: int = 1,
) -> None:
    """Like :func:`insert`, in a transaction of the caller's."""
    envelopes = [(span.resource, span.scope) for span in spans]
    envelopes += [(log.resource, log.scope) for log in logs]
    _dictionaries(connection, envelopes, project)
    if spans:
        _put(connection, tables.spans, [_span(span, project) for span in spans])
    if logs:
        _put(connection, tables.span_logs, [_log(log, project) for log in logs])
    by_trace: dict[bytes, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    for trace, members in by_trace.items():
        row = trace_row(project, trace, summarise([facts_of(span) for span in members]), 0)
        _put(connection, tables.traces, [_named(columns.TRACES, row)])


def _put(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows whose JSON values are text already; rows that are there stay."""
    places = [
        f"CAST(:{column.name} AS JSONB)"
        if isinstance(column.type, sa.JSON) and connection.dialect.name == "postgresql"
        else f":{column.name}"
        for column in table.c
        if column.name in rows[0]
    ]
    names = ", ".join(column.name for column in table.c if column.name in rows[0])
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(places)})"
            " ON CONFLICT DO NOTHING"
        ),
        list(rows),
    )


def _named(table: Table, row: Sequence[Any]) -> dict[str, Any]:
    """A row of an encoder by the names of its columns."""
    return dict(zip([column.name for column in table.written], row, strict=True))


def _dictionaries(
    connection: sa.Connection, envelopes: Sequence[tuple[Resource, Scope]], project: int
) -> None:
    resources = [
        resource_row(project, values.resource_id(resource), resource, 0)
        for resource, _ in envelopes
    ]
    scopes = [scope_row(project, values.scope_id(scope), scope, 0) for _, scope in envelopes]
    _put(connection, tables.resources, [_named(columns.RESOURCES, row) for row in resources])
    _put(connection, tables.scopes, [_named(columns.SCOPES, row) for row in scopes])


def _span(span: Span, project: int) -> dict[str, Any]:
    ids = values.resource_id(span.resource), values.scope_id(span.scope)
    row, _digest = span_row(project, span, *ids)
    return _named(columns.SPANS, row)


def _log(log: LogRecord, project: int) -> dict[str, Any]:
    ids = values.resource_id(log.resource), values.scope_id(log.scope)
    row, _content_hash = log_row(project, log, *ids)
    return _named(columns.SPAN_LOGS, row)
