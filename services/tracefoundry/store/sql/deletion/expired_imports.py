"""Imported traces expire by the day of their import, whole: all rows of one have that day.

The row of a trace goes with or before its spans and logs, so that nothing shows half of it. Where
whole days are dropped afterwards, the rows of those days are left to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from tracefoundry.store.deletion_api import Check
from tracefoundry.store.deletion_records import ExpiredTraces
from tracefoundry.store.sql.deletion.batches import Condition, Row, batches, in_parts
from tracefoundry.store.sql.deletion.locked_traces import (
    delete_of_traces,
    lock_traces,
    traces_by_start,
)
from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.tables import imported_span_logs, imported_spans, traces

BATCH_TRACES = 500
BATCH_SPANS = 10_000


def count(engine: sa.Engine, project: int, before_day: int) -> ExpiredTraces:
    """What :func:`delete` would remove."""
    spans = sa.func.coalesce(sa.func.sum(traces.c.span_count), 0)
    statement = sa.select(sa.func.count(), spans).where(*_expired(project, before_day))
    with reading(engine) as connection:
        row = connection.execute(statement).one()
    return ExpiredTraces(traces=int(row[0]), span_count=int(row[1]))


def delete(
    engine: sa.Engine, project: int, before_day: int, rows_from: int, check: Check
) -> ExpiredTraces:
    """Remove imported traces of before a day; the spans and logs of those of ``rows_from`` on.

    Raises:
        StoreUnavailable: batches before are removed; calling again goes on.
    """
    total = ExpiredTraces()
    find = traces_by_start(
        _expired(project, before_day), traces_limit=BATCH_TRACES, spans_limit=BATCH_SPANS
    )
    work = partial(_delete, project=project, before_day=before_day, rows_from=rows_from)
    for batch in batches(engine, find, check):
        for deleted in in_parts(engine, batch, work):
            total.add(deleted)
    return total


def _delete(
    connection: sa.Connection, batch: Sequence[Row], project: int, before_day: int, rows_from: int
) -> ExpiredTraces:
    locked = lock_traces(
        connection, project, [row.trace_id for row in batch], traces.c.import_day < before_day
    )
    if not locked:
        return ExpiredTraces()
    ids = [row.trace_id for row in locked]
    removed = ExpiredTraces(span_count=sum(row.span_count for row in locked))
    in_rows = [row.trace_id for row in locked if row.import_day >= rows_from]
    if in_rows:
        spans, logs = imported_spans, imported_span_logs
        removed.spans = delete_of_traces(
            connection, spans, project, in_rows, spans.c.import_day.between(rows_from, before_day)
        )
        removed.logs = delete_of_traces(
            connection, logs, project, in_rows, logs.c.import_day.between(rows_from, before_day)
        )
    removed.traces = delete_of_traces(connection, traces, project, ids)
    return removed


def _expired(project: int, before_day: int) -> list[Condition]:
    return [traces.c.project_id == project, traces.c.import_day < before_day]
