"""Spans, logs and summaries expire by day, on every database."""

from __future__ import annotations

import sqlalchemy as sa

from retention.stock import (
    NOW_NS,
    TODAY,
    add_project,
    execute,
    noon,
    partition_names,
    put_logs,
    put_spans,
    run,
    select,
    span_at,
)
from samples import llm, trace_id
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.sql.tables import span_logs, spans, traces

FIRST_KEPT = TODAY - 7


def test_the_last_instant_of_a_day_goes_and_the_first_of_the_next_stays(migrated_url: str) -> None:
    """Spans and logs alike."""
    last_ns, first_ns = FIRST_KEPT * DAY_NS - 1, FIRST_KEPT * DAY_NS
    put_spans(migrated_url, [span_at(last_ns, trace=1), span_at(first_ns, trace=2)])
    put_logs(migrated_url, [last_ns, first_ns], trace=3)
    report = run(migrated_url)
    assert "done" == report.state
    assert [first_ns] == select(migrated_url, spans.c.start_time_ns)
    assert [first_ns] == select(migrated_url, span_logs.c.time_ns)
    assert [trace_id(2)] == select(migrated_url, traces.c.trace_id)
    assert (1, 0) == (report.traces.deleted, report.traces.cut)


def test_a_partition_is_dropped_with_its_bytes_in_the_report(postgres: str) -> None:
    """All tables of the day; the days that are kept stay attached."""
    put_spans(postgres, [span_at(noon(TODAY - 9)), span_at(noon(TODAY - 1), trace=2)])
    report = run(postgres)
    gone = "".join(name for name in partition_names(postgres) if "20260518" in name)
    dropped = {(one.table, one.day): one for one in report.spans.partitions}
    assert "" == gone
    assert {"spans", "span_logs", "span_payload_refs"} == {table for table, _ in dropped}
    assert 1 == dropped["spans", "2026-05-18"].rows_estimate
    assert dropped["spans", "2026-05-18"].bytes > 0
    assert "spans_20260526" in partition_names(postgres)


def test_a_project_with_a_shorter_retention_loses_its_rows_only(migrated_url: str) -> None:
    """Those of its neighbour on the same day stay."""
    add_project(migrated_url, 2, "short", retention_spans_ns=2 * DAY_NS)
    for project in (1, 2):
        put_spans(
            migrated_url,
            [span_at(noon(TODAY - 4), trace=1), span_at(noon(TODAY - 1), trace=2)],
            project,
        )
        put_logs(migrated_url, [noon(TODAY - 4)], trace=3, project=project)
    report = run(migrated_url)
    short = next(line for line in report.spans.projects if line.project == "short")
    assert [(1, noon(TODAY - 4)), (1, noon(TODAY - 1)), (2, noon(TODAY - 1))] == select(
        migrated_url, spans.c.project_id, spans.c.start_time_ns
    )
    assert [1] == select(migrated_url, span_logs.c.project_id)
    assert [(1, trace_id(1)), (1, trace_id(2)), (2, trace_id(2))] == select(
        migrated_url, traces.c.project_id, traces.c.trace_id
    )
    assert (1, 1, 1) == (short.spans, short.logs, short.traces_deleted)


def test_a_project_with_a_longer_retention_keeps_the_day_for_itself(migrated_url: str) -> None:
    """The other projects' rows of that day go one by one."""
    add_project(migrated_url, 2, "long", retention_spans_ns=30 * DAY_NS)
    for project in (1, 2):
        put_spans(migrated_url, [span_at(noon(TODAY - 10))], project)
    run(migrated_url)
    assert [2] == select(migrated_url, spans.c.project_id)
    assert [2] == select(migrated_url, traces.c.project_id)


def test_a_trace_that_loses_its_first_spans_says_so_and_is_frozen(migrated_url: str) -> None:
    """Counts and totals stay those of the whole trace; a later span adds to the counts alone."""
    put_spans(
        migrated_url,
        [
            span_at(noon(TODAY - 8), span=1, name="root", attributes=llm(10, 5)),
            span_at(noon(TODAY - 1), span=2, parent=1, attributes=llm(1, 1)),
        ],
    )
    report = run(migrated_url)
    put_spans(migrated_url, [span_at(noon(TODAY), span=3, parent=1, attributes=llm(100, 100))])
    row = traces.c
    (found,) = select(
        migrated_url, row.missing_expired, row.span_count, row.root_name, row.start_time_ns,
        row.totals_pending,
    )  # fmt: skip
    assert (True, 3, "root", noon(TODAY - 8), False) == tuple(found)
    assert [noon(TODAY - 1), noon(TODAY)] == select(migrated_url, spans.c.start_time_ns)
    assert (0, 1) == (report.traces.deleted, report.traces.cut)
    assert (0, 0) == (run(migrated_url).traces.deleted, run(migrated_url).traces.cut)


def test_a_cut_trace_waits_for_no_recompute_any_more(migrated_url: str) -> None:
    """It could never be done."""
    put_spans(migrated_url, [span_at(noon(TODAY - 8), span=1), span_at(noon(TODAY), span=2)])
    execute(migrated_url, sa.update(traces).values(totals_pending=True))
    run(migrated_url)
    assert [(False, True)] == select(
        migrated_url, traces.c.totals_pending, traces.c.missing_expired
    )


def test_imported_traces_count_from_their_import(migrated_url: str) -> None:
    """Their spans are old by nature."""
    put_spans(migrated_url, [span_at(noon(TODAY - 8))])
    execute(migrated_url, sa.update(traces).values(source="bundle_import", import_day=TODAY))
    run(migrated_url)
    assert [False] == select(migrated_url, traces.c.missing_expired)


def test_many_spans_go_in_many_batches(migrated_url: str) -> None:
    """A large trace and many small ones."""
    add_project(migrated_url, 2, "short", retention_spans_ns=DAY_NS)
    large = [span_at(noon(TODAY - 3) + n, trace=1, span=n + 1) for n in range(6_000)]
    small = [span_at(noon(TODAY - 3) + n, trace=n + 2) for n in range(2_500)]
    put_spans(migrated_url, large, 2)
    put_spans(migrated_url, small, 2)
    report = run(migrated_url)
    assert ([], []) == (
        select(migrated_url, spans.c.span_id),
        select(migrated_url, traces.c.trace_id),
    )
    assert (2_501, 8_500) == (report.traces.deleted, report.traces.spans)
    assert 8_500 == sum(line.spans for line in report.spans.projects)


def test_a_second_run_finds_nothing_to_do(migrated_url: str) -> None:
    """Nothing is dropped twice."""
    put_spans(migrated_url, [span_at(noon(TODAY - day), trace=day) for day in range(12)])
    run(migrated_url)
    again = run(migrated_url, now_ns=NOW_NS + 3_600 * 1_000_000_000)
    assert ([], 0, 0) == (again.spans.partitions, again.traces.deleted, again.traces.cut)
