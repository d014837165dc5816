"""How long a million expired spans take to go from PostgreSQL, and what the disk gets back."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import psycopg

from platform_under_test import postgres
from tracefoundry.model.times import DAY_NS
from tracefoundry.retention import run_once
from tracefoundry.settings import Settings
from tracefoundry.store import migrations
from tracefoundry.store.api import open_store
from tracefoundry.store.postgres import partitions

SPANS = 1_000_000
TRACE_SPANS = 10
DAYS_AGO = 9

_FILL_SPANS = """
INSERT INTO spans (project_id, trace_id, span_id, start_time_ns, end_time_ns, parent_span_id, kind,
                   status_code, flags, policy_version, resource_id, scope_id, digest, name,
                   attributes)
SELECT 1, decode(lpad(to_hex(n / %(trace_spans)s), 32, '0'), 'hex'), int8send(n),
       %(start)s + n * 1000, %(start)s + n * 1000 + 500, int8send(n - 1), 1, 0, 0, 1,
       decode(repeat('0a', 16), 'hex'), decode(repeat('0b', 16), 'hex'), int8send(n) || int8send(n),
       'step ' || n %% 50,
       jsonb_build_object('gen_ai.operation.name', 'chat', 'gen_ai.request.model', 'm-large',
                          'http.response.status_code', 200, 'session', md5(n::text),
                          'url.full', 'https://service.example/path/' || md5((n / 7)::text))
FROM generate_series(1, %(spans)s) AS n
"""
_FILL_TRACES = """
INSERT INTO traces (project_id, trace_id, span_count, error_count, start_time_ns, last_start_ns,
                    end_time_ns, root_span_id, root_name, service, status, services, models, tools,
                    missing_roots, missing_parents, recomputed_at_ns)
SELECT project_id, trace_id, count(*), 0, min(start_time_ns), max(start_time_ns), max(end_time_ns),
       (array_agg(span_id))[1], 'step', 'agent', 0, '["agent"]', '["m-large"]', '[]', false, 0, 0
FROM spans GROUP BY project_id, trace_id
"""


def on_postgres(spans: int = SPANS) -> dict[str, Any]:
    """Seconds of a run that drops a day of spans and their traces, and bytes before and after."""
    now_ns = time.time_ns()
    day = now_ns // DAY_NS - DAYS_AGO
    with postgres() as server:
        url = server.create_database("retention")
        migrations.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            partitions.ensure(connection, [day])
            order = {"spans": spans, "start": day * DAY_NS, "trace_spans": TRACE_SPANS}
            connection.execute(_FILL_SPANS, order)
            connection.execute(_FILL_TRACES)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            before = _look(connection)
            began = time.monotonic()
            with closing(open_store(url)) as store:
                report = run_once(store, None, Settings(), now_ns)
            took_s = time.monotonic() - began
            after = _look(connection)
    if (before["spans"], after["spans"], after["traces"]) != (spans, 0, 0):
        raise RuntimeError(f"{after['spans']} spans and {after['traces']} traces are left")
    return {
        "spans": spans,
        "traces": before["traces"],
        "seconds": took_s,
        "steps": {step.name: step.seconds for step in report.steps},
        "bytes_before": before["bytes"],
        "bytes_after": after["bytes"],
    }


def _look(connection: psycopg.Connection) -> dict[str, int]:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM traces),"
        " pg_database_size(current_database())"
    ).fetchone()
    assert row is not None
    return {"spans": row[0], "traces": row[1], "bytes": row[2]}
