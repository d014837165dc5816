"""Finding traces, locking them, and deleting what belongs to them.

A deletion locks the rows of ``traces`` first, in the order of trace ids, as writers do at their
upsert. So neither waits for the other in a circle, and a writer that comes during a deletion waits
for its end: it then finds the tombstone, or makes the row anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import sqlalchemy as sa

from tracefoundry.store.sql.deletion.batches import Condition, Find, Row, limit_size, one_of
from tracefoundry.store.sql.tables import traces


def traces_by_start(
    where: Sequence[Condition], *, traces_limit: int, spans_limit: float = math.inf
) -> Find:
    """Finds traces by (start, trace id), at most ``traces_limit`` at once; a batch ends with the
    trace that takes it past ``spans_limit`` spans."""
    row = traces.c
    first = (
        sa.select(row.start_time_ns, row.trace_id, row.span_count.label("size"))
        .where(*where)
        .order_by(row.start_time_ns, row.trace_id)
        .limit(traces_limit)
    )

    def find(connection: sa.Connection, after: Row | None) -> list[Row]:
        statement = first
        if after is not None:
            place = sa.tuple_(
                sa.literal(after.start_time_ns, sa.BigInteger),
                sa.literal(after.trace_id, sa.LargeBinary),
            )
            statement = first.where(sa.tuple_(row.start_time_ns, row.trace_id) > place)
        return limit_size(connection.execute(statement), spans_limit)

    return find


def lock_traces(
    connection: sa.Connection, project: int, trace_ids: Sequence[bytes], *where: Condition
) -> list[Row]:
    """Lock those of these traces for which the conditions hold once they are locked."""
    statement = (
        sa.select(
            traces.c.trace_id,
            traces.c.start_time_ns,
            traces.c.last_start_ns,
            traces.c.span_count,
            traces.c.import_day,
        )
        .where(
            traces.c.project_id == project,
            one_of(connection, traces.c.trace_id, sorted(trace_ids)),
            *where,
        )
        .order_by(traces.c.trace_id)
        .with_for_update()
    )
    return list(connection.execute(statement))


def delete_of_traces(
    connection: sa.Connection,
    table: sa.Table,
    project: int,
    trace_ids: Sequence[bytes],
    *where: Condition,
) -> int:
    """Delete the rows of these traces from a table; returns how many."""
    statement = sa.delete(table).where(
        table.c.project_id == project, one_of(connection, table.c.trace_id, trace_ids), *where
    )
    return connection.execute(statement).rowcount
