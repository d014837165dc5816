"""Encoders of rows as tuples of values to bind, in the order of ``Table.written``.

Spans and logs are given so to SQLite only; PostgreSQL copies them (``postgres.rows``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracefoundry.model.payload import BlobRow
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import TraceSummary
from tracefoundry.store.preparation import LogRow, SpanRow
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.encoding import TupleFormat, make_encoder
from tracefoundry.store.staging import TraceToPublish

Row = tuple[Any, ...]

span_row: SpanRow = make_encoder(columns.SPANS, TupleFormat())
log_row: LogRow = make_encoder(columns.SPAN_LOGS, TupleFormat())
imported_span_row: Callable[..., tuple[Row, bytes]] = make_encoder(
    columns.IMPORTED_SPANS, TupleFormat()
)
"""The row of an imported span and its digest; takes the day of the import first."""
imported_log_row: Callable[..., tuple[Row, bytes]] = make_encoder(
    columns.IMPORTED_SPAN_LOGS, TupleFormat()
)
"""The same for a log record."""
resource_row: Callable[[int, bytes, Resource, int], Row] = make_encoder(
    columns.RESOURCES, TupleFormat()
)
"""From project id, resource id, resource and today."""
scope_row: Callable[[int, bytes, Scope, int], Row] = make_encoder(columns.SCOPES, TupleFormat())
"""From project id, scope id, scope and today."""
trace_row: Callable[[int, bytes, TraceSummary, int], Row] = make_encoder(
    columns.TRACES, TupleFormat()
)
"""From project id, trace id, summary and the time of now."""


def published_row(trace: TraceToPublish, now_ns: int) -> Row:
    """The values of ``columns.PUBLISHED`` of an imported trace."""
    return (
        *trace_row(*trace.key, trace.summary, now_ns),
        trace.source,
        trace.import_day,
        trace.original_environment,
        trace.import_digest,
        trace.totals_pending,
    )


blob_row: Callable[[BlobRow], Row] = make_encoder(columns.PAYLOAD_BLOBS, TupleFormat())
"""From the description of a blob."""
