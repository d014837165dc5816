"""Plain looks into the tables, independent of the reader under test elsewhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.store.api import open_store
from tracefoundry.store.records import (
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
    StoredTrace,
)
from tracefoundry.store.sql import decoding
from tracefoundry.store.sql.engine import make_engine, reading
from tracefoundry.store.sql.reader.rows import columns_of
from tracefoundry.store.sql.tables import resources, scopes, span_logs, spans, traces


def rows(url: str, statement: sa.Executable | str) -> list[dict[str, Any]]:
    """All rows of a query as dicts."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            query = sa.text(statement) if isinstance(statement, str) else statement
            return [dict(row) for row in connection.execute(query).mappings()]
    finally:
        engine.dispose()


def trace_rows(url: str) -> list[dict[str, Any]]:
    """All trace summaries by trace id, without the time of their recompute."""
    found = rows(url, sa.select(traces).order_by(traces.c.project_id, traces.c.trace_id))
    for row in found:
        del row["recomputed_at_ns"]
    return found


def count(url: str, table: str) -> int:
    """How many rows a table has."""
    return int(rows(url, f"SELECT count(*) AS n FROM {table}")[0]["n"])


def read_spans(url: str) -> list[Span]:
    """All spans by trace, start and id, decoded."""
    query = sa.select(*columns_of(spans, StoredSpan.__struct_fields__), spans.c.trace_id)
    order = (spans.c.trace_id, spans.c.start_time_ns, spans.c.span_id)
    found = []
    engine = make_engine(url)
    with reading(engine) as connection:
        sources, instruments = _envelopes(connection)
        for *row, trace_id in connection.execute(query.order_by(*order)):
            stored = StoredSpan(*row)
            envelope = sources[stored.resource_id], instruments[stored.scope_id]
            found.append(decoding.decode_span(stored, *envelope, trace_id=trace_id))
    engine.dispose()
    return found


def read_logs(url: str) -> list[LogRecord]:
    """All log records by trace and time, decoded."""
    query = sa.select(*columns_of(span_logs, StoredLog.__struct_fields__), span_logs.c.trace_id)
    order = (span_logs.c.trace_id, span_logs.c.time_ns)
    found = []
    engine = make_engine(url)
    with reading(engine) as connection:
        sources, instruments = _envelopes(connection)
        for *row, trace_id in connection.execute(query.order_by(*order)):
            stored = StoredLog(*row)
            envelope = sources[stored.resource_id], instruments[stored.scope_id]
            found.append(decoding.decode_log(stored, *envelope, trace_id=trace_id))
    engine.dispose()
    return found


def read_trace(url: str, trace_id: bytes, project_id: int = 1) -> StoredTrace:
    """A trace as the store's reader gives it."""
    store = open_store(url)
    with store.reader.snapshot() as snapshot:
        (trace,) = snapshot.find_traces([project_id], trace_id)
    store.close()
    return trace


def _envelopes(connection: sa.Connection) -> tuple[dict[bytes, Resource], dict[bytes, Scope]]:
    resource_columns = columns_of(resources, StoredResource.__struct_fields__)
    scope_columns = columns_of(scopes, StoredScope.__struct_fields__)
    stored_resources = [
        StoredResource(*row) for row in connection.execute(sa.select(*resource_columns))
    ]
    stored_scopes = [StoredScope(*row) for row in connection.execute(sa.select(*scope_columns))]
    return (
        {stored.resource_id: decoding.decode_resource(stored) for stored in stored_resources},
        {stored.scope_id: decoding.decode_scope(stored) for stored in stored_scopes},
    )


def empty(url: str, *names: str) -> None:
    """Delete all rows of tables."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for name in names:
            connection.execute(sa.text(f"DELETE FROM {name}"))
    engine.dispose()
