"""Trace summaries while their spans expire: marked first, removed at the end.

A trace is marked ``missing_expired`` before any of its spans goes. That freezes its summary: a
writer that adds a span to it adds counts and times and recomputes nothing, so totals are never
taken over what happens to be left. The mark is what readers see of spans that are gone.

The row goes after the spans, in a transaction that locks it first. A writer that has put a span in
between has either moved ``last_start_ns`` (and the row stays), or its span is expired itself and is
deleted here, or it waits for the lock and makes the row anew. So no span is left without a row, and
no row stays for spans that are all gone.

Imported traces count from their import and are not touched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from tracefoundry.model.times import DAY_NS
from tracefoundry.store.deletion_api import Check
from tracefoundry.store.deletion_records import (
    ExpiredTraces,
)
from tracefoundry.store.sql.deletion.batches import (
    Condition,
    Row,
    batches,
    delete_rows,
    in_parts,
    one_of,
)
from tracefoundry.store.sql.deletion.locked_traces import (
    delete_of_traces,
    lock_traces,
    traces_by_start,
)
from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.tables import span_logs, span_payload_refs, spans, traces

BATCH_TRACES = 2_000


def count_expired(engine: sa.Engine, project: int, before_ns: int) -> tuple[int, int, int]:
    """(traces all of whose spans start before, spans of those, traces of which only some do)."""
    whole = traces.c.last_start_ns < before_ns
    statement = sa.select(
        sa.func.count().filter(whole),
        sa.func.coalesce(sa.func.sum(traces.c.span_count).filter(whole), 0),
        sa.func.count().filter(~whole, ~traces.c.missing_expired),
    ).where(*_expired(project, before_ns))
    with reading(engine) as connection:
        row = connection.execute(statement).one()
    return int(row[0]), int(row[1]), int(row[2])


def mark_expired(engine: sa.Engine, project: int, before_ns: int, check: Check) -> int:
    """Mark all traces that have spans from before an instant; returns how many of those that were
    marked now have later spans too.

    A summary that waited for a recompute does so no more: it is frozen as it is.

    Raises:
        StoreUnavailable: batches before are marked; calling again goes on.
    """
    cut = 0
    where = [*_expired(project, before_ns), ~traces.c.missing_expired]
    for batch in batches(engine, traces_by_start(where, traces_limit=BATCH_TRACES), check):
        work = partial(_mark, project=project, before_ns=before_ns)
        for marked in in_parts(engine, batch, work):
            cut += sum(row.last_start_ns >= before_ns for row in marked)
    return cut


def _mark(
    connection: sa.Connection, batch: Sequence[Row], project: int, before_ns: int
) -> list[Row]:
    ids = [row.trace_id for row in batch]
    locked = lock_traces(connection, project, ids, traces.c.start_time_ns < before_ns)
    if locked:
        statement = sa.update(traces).where(
            traces.c.project_id == project,
            one_of(connection, traces.c.trace_id, [row.trace_id for row in locked]),
        )
        connection.execute(statement.values(missing_expired=True, totals_pending=False))
    return locked


def delete_spans(
    engine: sa.Engine, project: int, start_ns: int, before_ns: int, check: Check
) -> int:
    """Delete spans that start in ``[start_ns, before_ns)`` trace by trace, for a table without
    partitions: there is no index by start.

    Raises:
        StoreUnavailable: batches before are deleted; calling again goes on.
    """
    total = 0
    expired = _expired(project, before_ns)
    for batch in batches(engine, traces_by_start(expired, traces_limit=BATCH_TRACES), check):
        total += delete_rows(
            engine,
            spans,
            check,
            spans.c.project_id == project,
            spans.c.trace_id.in_([row.trace_id for row in batch]),
            spans.c.start_time_ns >= start_ns,
            spans.c.start_time_ns < before_ns,
        )
    return total


def delete_expired(engine: sa.Engine, project: int, before_ns: int, check: Check) -> ExpiredTraces:
    """Remove the rows of traces all of whose spans start before an instant, which are gone or go
    here.

    Raises:
        StoreUnavailable: batches before are removed; calling again goes on.
    """
    total = ExpiredTraces()
    where = [*_expired(project, before_ns), traces.c.last_start_ns < before_ns]
    for batch in batches(engine, traces_by_start(where, traces_limit=BATCH_TRACES), check):
        work = partial(_delete, project=project, before_ns=before_ns)
        for deleted in in_parts(engine, batch, work):
            total.add(deleted)
    return total


def _delete(
    connection: sa.Connection, batch: Sequence[Row], project: int, before_ns: int
) -> ExpiredTraces:
    ids = [row.trace_id for row in batch]
    locked = lock_traces(connection, project, ids, traces.c.last_start_ns < before_ns)
    if not locked:
        return ExpiredTraces()
    ids = [row.trace_id for row in locked]
    return ExpiredTraces(
        span_count=sum(row.span_count for row in locked),
        spans=delete_of_traces(connection, spans, project, ids, spans.c.start_time_ns < before_ns),
        logs=delete_of_traces(connection, span_logs, project, ids, span_logs.c.time_ns < before_ns),
        payload_refs=delete_of_traces(
            connection, span_payload_refs, project, ids,
            span_payload_refs.c.day < before_ns // DAY_NS,
        ),
        traces=delete_of_traces(connection, traces, project, ids),
    )  # fmt: skip


def _expired(project: int, before_ns: int) -> list[Condition]:
    return [
        traces.c.project_id == project,
        traces.c.start_time_ns < before_ns,
        traces.c.source == "otlp",
    ]
