"""Trace summaries while their spans expire: first marked, removed at the end.

A trace is marked ``missing_expired`` before any of its spans goes. That freezes its summary: a
writer that adds a span to it adds counts and times and recomputes nothing, so totals are never
taken over what happens to be left. The mark is what readers see of spans that are gone.

The row goes after the spans, in a transaction that locks it first, as a writer's upsert does. A
writer that has put a span in meanwhile has either moved ``last_start_ns`` (and the row stays), or
its span is expired itself and is deleted here, or it waits for the lock and makes the row anew. So
no span is left without a row, and no row stays for spans that are all gone.

Imported traces count from their import and are not touched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from tracefoundry.model.times import DAY_NS
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.expiry.rows import BATCH_ROWS, Check, execute, one_of
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.tables import span_logs, span_payload_refs, spans, traces

BATCH_TRACES = 2_000


@dataclass(slots=True)
class Removed:
    """What went with trace rows.

    Attributes:
        traces: rows of traces.
        told_of: spans that they told of, most of them gone before.
        spans: spans deleted here; the others likewise.
        logs: see above.
        payload_refs: see above.
    """

    traces: int = 0
    told_of: int = 0
    spans: int = 0
    logs: int = 0
    payload_refs: int = 0


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


def mark_expired(engine: sa.Engine, project: int, before_ns: int, check: Check) -> tuple[int, int]:
    """Mark all traces that have spans from before an instant; (all, those with later spans too).

    A summary that waited for a recompute does so no more: it is frozen as it is.

    Raises:
        StoreUnavailable: batches before are marked; calling again goes on.
    """
    total = cut = 0
    after: Row | None = None
    while True:
        check()
        where = [*_expired(project, before_ns), ~traces.c.missing_expired]
        batch = _candidates(engine, where, after, BATCH_TRACES)
        if not batch:
            return total, cut
        after = batch[-1]
        ids = sorted(row.trace_id for row in batch)
        marked = write_again(engine, partial(_mark, project=project, ids=ids, before_ns=before_ns))
        total += len(marked)
        cut += sum(row.last_start_ns >= before_ns for row in marked)


def _mark(
    connection: sa.Connection, project: int, ids: Sequence[bytes], before_ns: int
) -> list[Row]:
    found = _lock(connection, project, ids, traces.c.start_time_ns < before_ns)
    if found:
        statement = sa.update(traces).where(
            traces.c.project_id == project,
            one_of(connection, traces.c.trace_id, [row.trace_id for row in found]),
        )
        connection.execute(statement.values(missing_expired=True, totals_pending=False))
    return found


def delete_spans(engine: sa.Engine, project: int, before_ns: int, check: Check) -> int:
    """Delete spans from before an instant trace by trace, for a table without partitions.

    Raises:
        StoreUnavailable: batches before are deleted; calling again goes on.
    """
    total = 0
    after: Row | None = None
    place: sa.ColumnElement[int] = sa.literal_column("rowid", sa.Integer)
    while True:
        check()
        batch = _candidates(engine, _expired(project, before_ns), after, BATCH_TRACES)
        if not batch:
            return total
        after = batch[-1]
        where = (
            spans.c.project_id == project,
            spans.c.trace_id.in_([row.trace_id for row in batch]),
            spans.c.start_time_ns < before_ns,
        )
        picked = sa.select(place).select_from(spans).where(*where).limit(BATCH_ROWS)
        statement = sa.delete(spans).where(place.in_(picked))
        deleted = BATCH_ROWS
        while deleted == BATCH_ROWS:
            check()
            deleted = execute(engine, statement)
            total += deleted


def remove_expired(engine: sa.Engine, project: int, before_ns: int, check: Check) -> Removed:
    """Remove the rows of traces all of whose spans start before an instant, which are gone or go
    here.

    Raises:
        StoreUnavailable: batches before are removed; calling again goes on.
    """
    total = Removed()
    after: Row | None = None
    while True:
        check()
        where = [*_expired(project, before_ns), traces.c.last_start_ns < before_ns]
        batch = _candidates(engine, where, after, BATCH_TRACES)
        if not batch:
            return total
        after = batch[-1]
        ids = sorted(row.trace_id for row in batch)
        work = partial(_remove, project=project, ids=ids, before_ns=before_ns)
        removed = write_again(engine, work)
        total.traces += removed.traces
        total.told_of += removed.told_of
        total.spans += removed.spans
        total.logs += removed.logs
        total.payload_refs += removed.payload_refs


def _remove(
    connection: sa.Connection, project: int, ids: Sequence[bytes], before_ns: int
) -> Removed:
    found = _lock(connection, project, ids, traces.c.last_start_ns < before_ns)
    if not found:
        return Removed()
    gone = [row.trace_id for row in found]

    def delete(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        return connection.execute(
            sa.delete(table).where(
                table.c.project_id == project, one_of(connection, table.c.trace_id, gone), *where
            )
        ).rowcount

    return Removed(
        spans=delete(spans, spans.c.start_time_ns < before_ns),
        logs=delete(span_logs, span_logs.c.time_ns < before_ns),
        payload_refs=delete(span_payload_refs, span_payload_refs.c.day < before_ns // DAY_NS),
        traces=delete(traces),
        told_of=sum(row.span_count for row in found),
    )


def _expired(project: int, before_ns: int) -> list[sa.ColumnElement[bool]]:
    return [
        traces.c.project_id == project,
        traces.c.start_time_ns < before_ns,
        traces.c.source == "otlp",
    ]


def _candidates(
    engine: sa.Engine, where: Sequence[sa.ColumnElement[bool]], after: Row | None, limit: int
) -> list[Row]:
    """The next traces by (start, id), without their locks."""
    row = traces.c
    statement = sa.select(row.start_time_ns, row.trace_id).where(*where)
    if after is not None:
        place = sa.tuple_(
            sa.literal(after.start_time_ns, sa.BigInteger),
            sa.literal(after.trace_id, sa.LargeBinary),
        )
        statement = statement.where(sa.tuple_(row.start_time_ns, row.trace_id) > place)
    statement = statement.order_by(row.start_time_ns, row.trace_id).limit(limit)
    with reading(engine) as connection:
        return list(connection.execute(statement))


def _lock(
    connection: sa.Connection, project: int, ids: Sequence[bytes], still: sa.ColumnElement[bool]
) -> list[Row]:
    """Lock rows in the order in which writers lock them; those for which the condition holds."""
    statement = (
        sa.select(traces.c.trace_id, traces.c.last_start_ns, traces.c.span_count)
        .where(traces.c.project_id == project, one_of(connection, traces.c.trace_id, ids), still)
        .order_by(traces.c.trace_id)
        .with_for_update()
    )
    return list(connection.execute(statement))


def oldest_span_day(engine: sa.Engine, after: int) -> int | None:
    """The oldest day after one on which any span starts. Reads a whole index: for rare use."""
    statement = sa.select(sa.func.min(spans.c.start_time_ns)).where(
        spans.c.start_time_ns >= (after + 1) * DAY_NS
    )
    with reading(engine) as connection:
        first_ns = connection.execute(statement).scalar_one()
    return None if first_ns is None else int(first_ns) // DAY_NS
