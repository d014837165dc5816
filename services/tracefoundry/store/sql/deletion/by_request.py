"""Deleting traces by request: the row of ``traces`` is locked, the tombstone written, then rows go.

That order is what makes it right beside writers: a writer of the same trace waits for the lock at
its upsert, finds the tombstone after it, and drops its own spans. Everything of a trace goes in one
transaction. A trace of which there are only logs has no row to lock; ``logs_without_spans`` says
how it goes. The references of a trace to its payloads stay here: they are the list of what is still
to be removed, for ``payload_removal``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import sqlalchemy as sa

from tracefoundry.store.records import Deleted
from tracefoundry.store.sql.deletion import logs_without_spans
from tracefoundry.store.sql.deletion.batches import Condition, Find, Row, batches, in_parts
from tracefoundry.store.sql.deletion.locked_traces import (
    delete_of_traces,
    lock_traces,
    traces_by_start,
)
from tracefoundry.store.sql.deletion.tombstones import write_tombstones
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.tables import (
    imported_span_logs,
    imported_spans,
    span_logs,
    spans,
    traces,
)
from tracefoundry.store.sql.tables import projects as projects_table

BATCH_TRACES = 200
BATCH_SPANS = 10_000
"""A batch ends with the trace that takes it past this many spans."""


def delete_trace(
    engine: sa.Engine, project: int, trace_id: bytes, *, now_ns: int, retention_ns: int
) -> Deleted:
    """Delete one trace, or the logs that came without its spans. All counts are 0 when there is
    nothing of it.

    Raises:
        StoreUnavailable: nothing was deleted; trying again may help.
    """

    def work(connection: sa.Connection) -> Deleted:
        window_ns = _window_of(connection, project, retention_ns)
        # The second look at spans is for those that were just being written at the first one.
        for step in (_delete_spans, _delete_logs, _delete_spans):
            deleted = step(
                connection, project, [trace_id], now_ns=now_ns, window_ns=window_ns, before_ns=None
            )
            if deleted != Deleted():
                break
        return deleted

    return write_again(engine, work)


def delete_before(
    engine: sa.Engine,
    projects: Sequence[int],
    before_ns: int,
    *,
    now_ns: int,
    retention_ns: int,
) -> Deleted:
    """Delete all traces of these projects that end before a time, oldest start first, then the
    logs of traces without spans of which the latest is older.

    Raises:
        StoreUnavailable: batches before this one are deleted; calling again goes on.
    """
    total = Deleted()
    for project in projects:
        with reading(engine) as connection:
            window_ns = _window_of(connection, project, retention_ns)
        for step, find in (
            (_delete_spans, _ended_before(project, before_ns)),
            (_delete_logs, logs_without_spans.find_before(project, before_ns)),
        ):
            for batch in batches(engine, find):
                work = partial(
                    _delete_rows,
                    step=step,
                    project=project,
                    now_ns=now_ns,
                    window_ns=window_ns,
                    before_ns=before_ns,
                )
                for deleted in in_parts(engine, batch, work):
                    total.add(deleted)
    return total


def _delete_rows(
    connection: sa.Connection,
    rows: Sequence[Row],
    *,
    step: Callable[..., Deleted],
    project: int,
    **times: int,
) -> Deleted:
    """A step of a deletion on the traces of some rows."""
    return step(connection, project, [row.trace_id for row in rows], **times)


def _ended_before(project: int, before_ns: int) -> Find:
    """Finds traces that end before a time. A trace starts no later than it ends, which lets the
    index by start bound the search."""
    row = traces.c
    where = (
        row.project_id == project,
        row.start_time_ns < before_ns,
        row.end_time_ns < before_ns,
    )
    return traces_by_start(where, traces_limit=BATCH_TRACES, spans_limit=BATCH_SPANS)


def _window_of(connection: sa.Connection, project: int, retention_ns: int) -> int:
    """How far back a span of this project may start to be accepted."""
    own = connection.execute(
        sa.select(projects_table.c.retention_spans_ns).where(projects_table.c.project_id == project)
    ).scalar()
    return max(own or 0, retention_ns)


def _delete_spans(
    connection: sa.Connection,
    project: int,
    trace_ids: Sequence[bytes],
    *,
    now_ns: int,
    window_ns: int,
    before_ns: int | None,
) -> Deleted:
    """Delete those of these traces that are there and, with ``before_ns``, end before it."""
    still: list[Condition] = [] if before_ns is None else [traces.c.end_time_ns < before_ns]
    locked = lock_traces(connection, project, trace_ids, *still)
    if not locked:
        return Deleted()
    last_starts = {row.trace_id: row.last_start_ns for row in locked}
    write_tombstones(connection, project, last_starts, now_ns=now_ns, window_ns=window_ns)
    deleted = Deleted(traces=len(locked))
    by_day: dict[int | None, list[Row]] = {}
    for row in locked:
        by_day.setdefault(row.import_day, []).append(row)
    for import_day, rows in by_day.items():
        deleted.add(_delete_rows_of(connection, project, rows, import_day))
    delete_of_traces(connection, traces, project, list(last_starts))
    return deleted


def _delete_rows_of(
    connection: sa.Connection, project: int, rows: Sequence[Row], import_day: int | None
) -> Deleted:
    """Delete the spans and logs of traces that came over OTLP, or were imported on one day."""
    ids = [row.trace_id for row in rows]
    if import_day is not None:
        imported, logs = imported_spans, imported_span_logs
        return Deleted(
            spans=delete_of_traces(
                connection, imported, project, ids, imported.c.import_day == import_day
            ),
            logs=delete_of_traces(connection, logs, project, ids, logs.c.import_day == import_day),
        )
    first_start, last_start = (
        min(row.start_time_ns for row in rows),
        max(row.last_start_ns for row in rows),
    )
    started = spans.c.start_time_ns.between(first_start, last_start)
    return Deleted(
        spans=delete_of_traces(connection, spans, project, ids, started),
        logs=delete_of_traces(connection, span_logs, project, ids),
    )


def _delete_logs(
    connection: sa.Connection,
    project: int,
    trace_ids: Sequence[bytes],
    *,
    now_ns: int,
    window_ns: int,
    before_ns: int | None,
) -> Deleted:
    """Delete the logs of those of these traces that have no spans and, with ``before_ns``, no
    later log."""
    last_times = logs_without_spans.lock(connection, project, trace_ids, before_ns)
    if not last_times:
        return Deleted()
    write_tombstones(connection, project, last_times, now_ns=now_ns, window_ns=window_ns)
    return Deleted(logs=logs_without_spans.delete(connection, project, list(last_times)))
