"""Deleting logs of traces that have no spans: sent ahead of their spans, or without any.

Such a trace has no row in ``traces`` that a deletion could lock before it writes a tombstone. So
one is inserted, which a writer of spans waits for at its upsert as for any other, and which is gone
before anybody can see it. Writers of logs alone wait for no row that is not committed; they are
kept out of ``span_logs`` until the tombstone is written, and find it then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.store.sql.deletion.batches import Find, Row, limit_size
from tracefoundry.store.sql.deletion.locked_traces import delete_of_traces
from tracefoundry.store.sql.deletion.tombstones import insert_into
from tracefoundry.store.sql.tables import span_logs, traces

BATCH_TRACES = 200
BATCH_LOGS = 10_000
"""A batch ends with the trace that takes it past this many logs."""


def find_before(project: int, before_ns: int) -> Find:
    """Finds traces without spans whose logs are all older than a time, by trace id."""
    log = span_logs.c
    later = span_logs.alias("later")
    first = (
        sa.select(log.trace_id, sa.func.count().label("size"))
        .where(
            log.project_id == project,
            log.time_ns < before_ns,
            ~sa.exists().where(
                traces.c.project_id == log.project_id, traces.c.trace_id == log.trace_id
            ),
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

    def find(connection: sa.Connection, after: Row | None) -> list[Row]:
        statement = first if after is None else first.where(log.trace_id > after.trace_id)
        return limit_size(connection.execute(statement), BATCH_LOGS)

    return find


def lock(
    connection: sa.Connection, project: int, trace_ids: Sequence[bytes], before_ns: int | None
) -> dict[bytes, int]:
    """Keep writers from these traces until the transaction ends. Returns those that are still
    without spans and, with ``before_ns``, older than that, with the time of their latest log;
    :func:`delete` must follow for all of them.

    ``trace_ids`` are not empty.
    """
    insert = insert_into(connection, traces)
    held = connection.execute(
        insert.values([_placeholder(project, trace_id) for trace_id in sorted(trace_ids)])
        .on_conflict_do_nothing()
        .returning(traces.c.trace_id)
    )
    without_spans = list(held.scalars())
    if not without_spans:
        return {}
    if connection.dialect.name == "postgresql":
        # Everybody comes in through the parent table, so the partitions need no lock.
        connection.exec_driver_sql("LOCK TABLE ONLY span_logs IN SHARE ROW EXCLUSIVE MODE")
    log = span_logs.c
    statement = (
        sa.select(log.trace_id, sa.func.max(log.time_ns))
        .where(log.project_id == project, log.trace_id.in_(without_spans))
        .group_by(log.trace_id)
        .order_by(log.trace_id)
    )
    last_times = {
        trace_id: last_ns
        for trace_id, last_ns in connection.execute(statement)
        if before_ns is None or last_ns < before_ns
    }
    staying = sorted(set(without_spans) - last_times.keys())
    if staying:
        delete_of_traces(connection, traces, project, staying)
    return last_times


def delete(connection: sa.Connection, project: int, trace_ids: Sequence[bytes]) -> int:
    """Delete the logs of traces that :func:`lock` returned, and the rows that it inserted; returns
    how many logs."""
    deleted = delete_of_traces(connection, span_logs, project, trace_ids)
    delete_of_traces(connection, traces, project, trace_ids)
    return deleted


def _placeholder(project: int, trace_id: bytes) -> dict[str, Any]:
    """A row that can be locked and says nothing."""
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
