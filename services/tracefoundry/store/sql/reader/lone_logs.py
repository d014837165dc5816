"""Deleting logs of traces that have no spans: sent ahead of their spans, or without them for ever.

Such a trace has no row in ``traces`` that a delete could lock before it looks for tombstones to
write. So one is put there, which a writer of spans waits for at its upsert as it would for any
other, and is gone before anybody can see it. Writers of logs alone wait for no row that is not
committed; they are kept out of ``span_logs`` while the tombstone is written, and find it after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.sql.tables import span_logs, traces

BATCH_TRACES = 200
BATCH_LOGS = 10_000
"""A batch ends with the trace that takes it past this many logs."""


@dataclass(frozen=True, slots=True)
class LoneTrace:
    """A trace of which there are only logs."""

    trace_id: bytes
    last_ns: int
    """Time of its latest log."""


def candidates(
    connection: sa.Connection, project: int, before_ns: int, after: bytes | None
) -> list[bytes]:
    """The next batch of traces without spans whose logs are all older than a time, by trace id."""
    log = span_logs.c
    later = span_logs.alias("later")
    statement = (
        sa.select(log.trace_id, sa.func.count().label("logs"))
        .where(
            log.project_id == project,
            log.time_ns < before_ns,
            ~_has_spans(),
            ~sa.exists().where(
                later.c.project_id == project,
                later.c.trace_id == log.trace_id,
                later.c.time_ns >= before_ns,
            ),
        )
        .group_by(log.trace_id)
        .order_by(log.trace_id)
        .limit(BATCH_TRACES)
    )
    if after is not None:
        statement = statement.where(log.trace_id > after)
    batch = []
    size = 0
    for row in connection.execute(statement):
        batch.append(row.trace_id)
        size += row.logs
        if size > BATCH_LOGS:
            break
    return batch


def claim(
    connection: sa.Connection, project: int, trace_ids: Sequence[bytes], before_ns: int | None
) -> list[LoneTrace]:
    """Keep writers from these traces until the transaction ends; returns those that are still
    without spans and, with ``before_ns``, older than that. :func:`remove` must follow.

    ``trace_ids`` are not empty.
    """
    insert: Any = (
        postgresql.insert(traces)
        if connection.dialect.name == "postgresql"
        else sqlite.insert(traces)
    )
    held = connection.execute(
        insert.values([_place(project, trace_id) for trace_id in sorted(trace_ids)])
        .on_conflict_do_nothing()
        .returning(traces.c.trace_id)
    )
    alone = list(held.scalars())
    if not alone:
        return []
    if connection.dialect.name == "postgresql":
        # Everybody comes in through the parent table, so the partitions need no lock.
        connection.exec_driver_sql("LOCK TABLE ONLY span_logs IN SHARE ROW EXCLUSIVE MODE")
    log = span_logs.c
    last = sa.func.max(log.time_ns).label("last_ns")
    statement = (
        sa.select(log.trace_id, last)
        .where(log.project_id == project, log.trace_id.in_(alone))
        .group_by(log.trace_id)
        .order_by(log.trace_id)
    )
    found = [LoneTrace(row.trace_id, row.last_ns) for row in connection.execute(statement)]
    going = [trace for trace in found if before_ns is None or trace.last_ns < before_ns]
    staying = set(alone) - {trace.trace_id for trace in going}
    if staying:
        _clear(connection, project, sorted(staying))
    return going


def remove(connection: sa.Connection, project: int, claimed: Sequence[LoneTrace]) -> int:
    """Delete the logs of traces that :func:`claim` gave; returns how many."""
    ids = [trace.trace_id for trace in claimed]
    deleted = connection.execute(
        sa.delete(span_logs).where(span_logs.c.project_id == project, span_logs.c.trace_id.in_(ids))
    ).rowcount
    _clear(connection, project, ids)
    return deleted


def _clear(connection: sa.Connection, project: int, trace_ids: Sequence[bytes]) -> None:
    """Take the rows of :func:`claim` out of ``traces`` again."""
    connection.execute(
        sa.delete(traces).where(traces.c.project_id == project, traces.c.trace_id.in_(trace_ids))
    )


def _has_spans() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        traces.c.project_id == span_logs.c.project_id, traces.c.trace_id == span_logs.c.trace_id
    )


def _place(project: int, trace_id: bytes) -> dict[str, Any]:
    """A row that holds a trace's place and says nothing."""
    return {
        "project_id": project,
        "trace_id": trace_id,
        "span_count": 0,
        "error_count": 0,
        "start_time_ns": 0,
        "last_start_ns": 0,
        "end_time_ns": 0,
        "root_span_id": b"",
        "root_name": "",
        "status": 0,
        "services": [],
        "models": [],
        "tools": [],
        "missing_roots": True,
        "missing_parents": 0,
        "recomputed_at_ns": 0,
    }
