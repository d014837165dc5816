"""Deleting traces: the row of ``traces`` is locked first, the tombstone is written, then rows go.

The order is what keeps a concurrent writer right (contract, section 6): it waits for the lock at
its upsert, finds the tombstone after it, and drops its own spans. Everything of a trace goes in
one transaction; many traces go in batches, so that no transaction grows without bound and SQLite's
other writer gets its turn. Logs whose trace has no spans have no such row; ``lone_logs`` says how
they go. The references of a trace to its payloads stay here, and are what ``payload_removal`` goes
by afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.model.times import DAY_NS
from tracefoundry.store.records import ANY_TIME_NS, Deleted
from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.reader import lone_logs
from tracefoundry.store.sql.reader.free_pages import give_back
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.tables import projects as projects_table
from tracefoundry.store.sql.tables import span_logs, spans, tombstones, traces

BATCH_TRACES = 200
BATCH_SPANS = 10_000
"""A batch ends with the trace that takes it past this many spans."""
AHEAD_NS = DAY_NS
"""How far ahead of the clock a span may start and still be accepted (contract, section 6)."""


def delete_trace(
    engine: sa.Engine, project: int, trace_id: bytes, *, now_ns: int, retention_ns: int
) -> Deleted:
    """Delete one trace, or the logs that came without its spans. All counts are 0 when there is
    nothing of it.

    Raises:
        StoreUnavailable: nothing was deleted; trying again may help.
    """

    def work(connection: sa.Connection) -> Deleted:
        keep_ns = _window(connection, project, retention_ns)
        # The second look at spans is for those that were just being written at the first one.
        for step in (_delete, _delete_logs, _delete):
            deleted = step(connection, project, [trace_id], now_ns, keep_ns, None)
            if deleted != Deleted():
                break
        return deleted

    deleted = write_again(engine, work)
    give_back(engine)
    return deleted


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
            keep_ns = _window(connection, project, retention_ns)
        after: tuple[int, bytes] | None = None
        while True:
            with reading(engine) as connection:
                rows = _candidates(connection, project, before_ns, after)
            if not rows:
                break
            ids = [row.trace_id for row in rows]
            total.add(
                write_again(
                    engine,
                    partial(
                        _delete,
                        project=project,
                        ids=ids,
                        now_ns=now_ns,
                        retention_ns=keep_ns,
                        before_ns=before_ns,
                    ),
                )
            )
            after = (rows[-1].start_time_ns, rows[-1].trace_id)
        behind: bytes | None = None
        while True:
            with reading(engine) as connection:
                ids = lone_logs.candidates(connection, project, before_ns, behind)
            if not ids:
                break
            total.add(
                write_again(
                    engine,
                    partial(
                        _delete_logs,
                        project=project,
                        ids=ids,
                        now_ns=now_ns,
                        retention_ns=keep_ns,
                        before_ns=before_ns,
                    ),
                )
            )
            behind = ids[-1]
    give_back(engine)
    return total


def _window(connection: sa.Connection, project: int, retention_ns: int) -> int:
    """How far back a span of this project may start to be accepted."""
    own = connection.execute(
        sa.select(projects_table.c.retention_spans_ns).where(projects_table.c.project_id == project)
    ).scalar()
    return max(own or 0, retention_ns)


def _candidates(
    connection: sa.Connection, project: int, before_ns: int, after: tuple[int, bytes] | None
) -> list[Row]:
    """The next batch by (start, trace id). A trace starts no later than it ends, which lets the
    index by start bound the search."""
    row = traces.c
    statement = sa.select(row.start_time_ns, row.trace_id, row.span_count).where(
        row.project_id == project, row.start_time_ns < before_ns, row.end_time_ns < before_ns
    )
    if after is not None:
        place = sa.tuple_(sa.literal(after[0], sa.BigInteger), sa.literal(after[1], sa.LargeBinary))
        statement = statement.where(sa.tuple_(row.start_time_ns, row.trace_id) > place)
    statement = statement.order_by(row.start_time_ns, row.trace_id).limit(BATCH_TRACES)
    batch = []
    size = 0
    for found in connection.execute(statement):
        batch.append(found)
        size += found.span_count
        if size > BATCH_SPANS:
            break
    return batch


def _delete(
    connection: sa.Connection,
    project: int,
    ids: Sequence[bytes],
    now_ns: int,
    retention_ns: int,
    before_ns: int | None,
) -> Deleted:
    """Delete those of these traces that are there and, with ``before_ns``, end before it."""
    statement = (
        sa.select(
            traces.c.trace_id,
            traces.c.start_time_ns,
            traces.c.last_start_ns,
            traces.c.end_time_ns,
        )
        .where(traces.c.project_id == project, traces.c.trace_id.in_(ids))
        .order_by(traces.c.trace_id)
        .with_for_update()
    )
    locked = connection.execute(statement).all()
    going = [row for row in locked if before_ns is None or row.end_time_ns < before_ns]
    if not going:
        return Deleted()
    last_starts = {row.trace_id: row.last_start_ns for row in going}
    _bury(connection, project, last_starts, now_ns, retention_ns)
    buried = sorted(last_starts)
    deleted = Deleted(traces=len(going))
    deleted.spans = connection.execute(
        sa.delete(spans).where(
            spans.c.project_id == project,
            spans.c.trace_id.in_(buried),
            spans.c.start_time_ns.between(
                min(row.start_time_ns for row in going), max(row.last_start_ns for row in going)
            ),
        )
    ).rowcount
    deleted.logs = connection.execute(
        sa.delete(span_logs).where(
            span_logs.c.project_id == project, span_logs.c.trace_id.in_(buried)
        )
    ).rowcount
    connection.execute(
        sa.delete(traces).where(traces.c.project_id == project, traces.c.trace_id.in_(buried))
    )
    return deleted


def _delete_logs(
    connection: sa.Connection,
    project: int,
    ids: Sequence[bytes],
    now_ns: int,
    retention_ns: int,
    before_ns: int | None,
) -> Deleted:
    """Delete the logs of those of these traces that have no spans and, with ``before_ns``, no
    later log."""
    going = lone_logs.claim(connection, project, ids, before_ns)
    if not going:
        return Deleted()
    times = {trace.trace_id: trace.last_ns for trace in going}
    _bury(connection, project, times, now_ns, retention_ns)
    return Deleted(logs=lone_logs.remove(connection, project, going))


def _bury(
    connection: sa.Connection,
    project: int,
    last_starts: Mapping[bytes, int],
    now_ns: int,
    retention_ns: int,
) -> None:
    """Write the tombstones, by trace id with the latest known time of each.

    A span that is still on its way may start as late as a clock that runs ahead says; a tombstone
    is over when the window of accepted start times has passed even that one.
    """
    rows = [
        {
            "project_id": project,
            "trace_id": trace_id,
            "deleted_at_ns": now_ns,
            "keep_until_ns": min(max(last, now_ns + AHEAD_NS) + retention_ns, ANY_TIME_NS),
            "reason": "deleted",
        }
        for trace_id, last in sorted(last_starts.items())
    ]
    insert: Any = (
        postgresql.insert(tombstones)
        if connection.dialect.name == "postgresql"
        else sqlite.insert(tombstones)
    )
    changed = {name: insert.excluded[name] for name in ("deleted_at_ns", "keep_until_ns", "reason")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["project_id", "trace_id"], set_=changed), rows
    )
