"""Which tables hold the spans and logs of a trace: those of ingest, or those of imports.

Every query of a trace's spans or logs takes its table and its conditions from here. An imported
trace names its day of import, so that PostgreSQL reads one partition.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tracefoundry.store.records import StoredTrace
from tracefoundry.store.sql import tables

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True, eq=False)
class SourceTables:
    """The tables of one source."""

    spans: sa.Table
    logs: sa.Table


_INGESTED = SourceTables(tables.spans, tables.span_logs)
_IMPORTED = SourceTables(tables.imported_spans, tables.imported_span_logs)


def tables_of(trace: StoredTrace) -> SourceTables:
    """The tables in which a trace's rows are."""
    return _INGESTED if trace.import_day is None else _IMPORTED


def spans_of_trace(trace: StoredTrace) -> list[Condition]:
    """Conditions for the spans of a trace."""
    summary = trace.summary
    spans = tables_of(trace).spans
    return [
        spans.c.project_id == trace.project_id,
        spans.c.trace_id == trace.trace_id,
        spans.c.start_time_ns.between(summary.start_time_ns, summary.last_start_ns),
        *of_import(trace, spans),
    ]


def logs_of_trace(trace: StoredTrace) -> list[Condition]:
    """Conditions for the logs of a trace. Not bounded by time: a log record has its own clock."""
    logs = tables_of(trace).logs
    return [
        logs.c.project_id == trace.project_id,
        logs.c.trace_id == trace.trace_id,
        *of_import(trace, logs),
    ]


def of_import(trace: StoredTrace, table: sa.Table) -> list[Condition]:
    """The condition on the day of import of an imported trace; none for others."""
    return [] if trace.import_day is None else [table.c.import_day == trace.import_day]
