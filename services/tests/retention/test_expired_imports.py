"""A run of retention on imported traces: by the day of their import, as whole days where it can."""

from __future__ import annotations

import time

import sqlalchemy as sa

from samples import make_span, trace_id
from stores import prepare_database
from tracefoundry.model.times import DAY_NS
from tracefoundry.retention.run import run_once
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store, open_store
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine, reading


def import_span(store: Store, trace: int, now_ns: int) -> None:
    """Import a trace of one old span."""
    span = make_span(trace, start=-400 * DAY_NS)
    with store.imports.open(now_ns) as run:
        run.admit([(1, span.trace_id)])
        run.stage([run.prepare_span(1, span)], [])
        assert 1 == run.publish("bundle_import").spans


def test_imports_go_with_their_day(database_url: str) -> None:
    """One of a month ago is gone with its rows, one of today stays, and so does a dry run's."""
    prepare_database(database_url)
    now_ns = time.time_ns()
    store = open_store(database_url)
    import_span(store, 1, now_ns - 30 * DAY_NS)
    import_span(store, 2, now_ns)
    dry = run_once(store, None, Settings(), now_ns, dry_run=True)
    assert 1 == dry.traces.deleted
    report = run_once(store, None, Settings(), now_ns)
    assert ("done", 1) == (report.state, report.traces.deleted)
    with store.reader.snapshot() as snapshot:
        assert [] == snapshot.find_traces([1], trace_id(1))
        (kept,) = snapshot.find_traces([1], trace_id(2))
        assert 1 == len(snapshot.spans(kept, limit=10).spans)
    engine = make_engine(database_url)
    with reading(engine) as connection:
        statement = sa.select(sa.func.count()).select_from(tables.imported_spans)
        assert 1 == connection.execute(statement).scalar_one()
    engine.dispose()
    store.close()


def test_a_run_removes_what_an_interrupted_import_left(database_url: str) -> None:
    """Rows that were staged by a process that died."""
    prepare_database(database_url)
    store = open_store(database_url)
    with store.imports.open(time.time_ns()) as run:
        span = make_span()
        run.admit([(1, span.trace_id)])
        run.stage([run.prepare_span(1, span)], [])
        run.abandon = lambda: None  # type: ignore[attr-defined]  # as if it had died here
    engine = make_engine(database_url)
    with reading(engine) as connection:
        staged = sa.select(sa.func.count()).select_from(tables.staged_imports)
        assert 1 == connection.execute(staged).scalar_one()
    run_once(store, None, Settings(), time.time_ns())
    with reading(engine) as connection:
        spans = sa.select(sa.func.count()).select_from(tables.imported_spans)
        assert (0, 0) == (
            connection.execute(staged).scalar_one(), connection.execute(spans).scalar_one(),
        )  # fmt: skip
    engine.dispose()
    store.close()
