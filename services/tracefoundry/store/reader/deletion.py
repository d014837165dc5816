"""Deleting traces: the row of ``traces`` is locked first, the tombstone is written, then rows go.

The order is what keeps a concurrent writer right (contract, section 6): it waits for the lock at
its upsert, finds the tombstone after it, and drops its own spans. Everything of a trace goes in
one transaction; many traces go in batches, so that no transaction grows without bound and SQLite's
other writer gets its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.contract import StoreUnavailable
from tracefoundry.store.engine import reading, writing
from tracefoundry.store.reader.row import Row
from tracefoundry.store.tables import span_logs, spans, tombstones, traces

BATCH_TRACES = 200
BATCH_SPANS = 10_000
"""A batch ends with the trace that takes it past this many spans."""
ATTEMPTS = 3
"""How often a batch is tried when the database gives way to another transaction."""

_GAVE_WAY = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialisation failure and of a deadlock."""

TraceKey = tuple[int, bytes]


@dataclass(slots=True)
class Deleted:
    """What went."""

    traces: int = 0
    spans: int = 0
    logs: int = 0

    def add(self, other: Deleted) -> None:
        """Count another batch in."""
        self.traces += other.traces
        self.spans += other.spans
        self.logs += other.logs


def delete_keys(
    engine: sa.Engine,
    keys: Sequence[TraceKey],
    *,
    now_ns: int,
    retention_ns: int,
    before_ns: int | None = None,
) -> Deleted:
    """Delete these traces in one transaction; with ``before_ns`` only those that end before it.

    A trace that is gone already is passed over. The tombstone lasts until every span that can
    have started by now is outside the window of accepted start times.

    Raises:
        StoreUnavailable: nothing was deleted; trying again may help.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with writing(engine) as connection:
                return _delete(connection, sorted(keys), now_ns, retention_ns, before_ns)
        except StoreUnavailable as error:
            code = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)
            if attempt == ATTEMPTS or code not in _GAVE_WAY:
                raise
    raise AssertionError("the last attempt returns or raises")


def delete_before(
    engine: sa.Engine,
    projects: Sequence[int],
    before_ns: int,
    *,
    now_ns: int,
    retention_ns: int,
) -> Deleted:
    """Delete all traces of these projects that end before a time, oldest start first.

    Raises:
        StoreUnavailable: batches before this one are deleted; calling again goes on.
    """
    total = Deleted()
    for project in projects:
        after: tuple[int, bytes] | None = None
        while True:
            with reading(engine) as connection:
                rows = _candidates(connection, project, before_ns, after)
            if not rows:
                break
            total.add(
                delete_keys(
                    engine,
                    [(project, row.trace_id) for row in rows],
                    now_ns=now_ns,
                    retention_ns=retention_ns,
                    before_ns=before_ns,
                )
            )
            after = (rows[-1].start_time_ns, rows[-1].trace_id)
    return total


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
    keys: Sequence[TraceKey],
    now_ns: int,
    retention_ns: int,
    before_ns: int | None,
) -> Deleted:
    locked: list[Row] = []
    for project in sorted({project for project, _ in keys}):
        statement = (
            sa.select(
                traces.c.project_id,
                traces.c.trace_id,
                traces.c.start_time_ns,
                traces.c.last_start_ns,
                traces.c.end_time_ns,
            )
            .where(
                traces.c.project_id == project,
                traces.c.trace_id.in_([trace for owner, trace in keys if owner == project]),
            )
            .order_by(traces.c.trace_id)
            .with_for_update()
        )
        locked += connection.execute(statement).all()
    going = [row for row in locked if before_ns is None or row.end_time_ns < before_ns]
    if not going:
        return Deleted()
    _bury(connection, going, now_ns, retention_ns)
    deleted = Deleted(traces=len(going))
    for project in sorted({row.project_id for row in going}):
        own = [row for row in going if row.project_id == project]
        ids = [row.trace_id for row in own]
        deleted.spans += connection.execute(
            sa.delete(spans).where(
                spans.c.project_id == project,
                spans.c.trace_id.in_(ids),
                spans.c.start_time_ns.between(
                    min(row.start_time_ns for row in own), max(row.last_start_ns for row in own)
                ),
            )
        ).rowcount
        deleted.logs += connection.execute(
            sa.delete(span_logs).where(
                span_logs.c.project_id == project, span_logs.c.trace_id.in_(ids)
            )
        ).rowcount
        connection.execute(
            sa.delete(traces).where(traces.c.project_id == project, traces.c.trace_id.in_(ids))
        )
    return deleted


def _bury(connection: sa.Connection, going: Sequence[Row], now_ns: int, retention_ns: int) -> None:
    """Write the tombstones. A span that is still on its way may start later than the last one
    that came, so a tombstone lasts for at least one window from now."""
    rows = [
        {
            "project_id": row.project_id,
            "trace_id": row.trace_id,
            "deleted_at_ns": now_ns,
            "keep_until_ns": max(row.last_start_ns, now_ns) + retention_ns,
            "reason": "deleted",
        }
        for row in going
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
