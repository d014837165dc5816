"""Partitions on PostgreSQL that do not go at the first try, and runs that meet."""

from __future__ import annotations

import psycopg
import pytest

from retention.stock import (
    TODAY,
    noon,
    partition_names,
    put_spans,
    run,
    run_at_work,
    select,
    span_at,
)
from tracefoundry.store.postgres import partition_drops
from tracefoundry.store.postgres.deletion import RUN_LOCK
from tracefoundry.store.sql.tables import spans, traces

GOING = "spans_20260518"
"""The partition of TODAY - 9."""


@pytest.fixture
def expired(postgres: str) -> str:
    """A database with an expired span and one of today."""
    put_spans(postgres, [span_at(noon(TODAY - 9)), span_at(noon(TODAY), trace=2)])
    return postgres


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a moment only."""
    monkeypatch.setattr("tracefoundry.store.postgres.deletion.LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(partition_drops, "PAUSE_S", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_partition_that_is_in_use_stays_with_its_summaries(expired: str) -> None:
    """The next run finishes the detach that this one had to leave."""
    with psycopg.connect(expired) as reader:
        reader.execute("SELECT count(*) FROM spans").fetchone()
        report = run(expired)
    (marked,) = select(expired, traces.c.missing_expired, traces.c.start_time_ns)[1:]
    assert ("done", [GOING]) == (report.state, report.spans.in_use)
    assert (True, noon(TODAY - 9)) == tuple(marked)
    assert GOING in partition_names(expired)
    again = run(expired)
    assert ([], 1) == (again.spans.in_use, again.traces.deleted)
    assert GOING not in partition_names(expired)


@pytest.mark.usefixtures("impatient")
def test_a_detach_that_somebody_interrupted_is_finished_first(expired: str) -> None:
    """No other partition of the table could be detached before."""
    put_spans(expired, [span_at(noon(TODAY - 10), trace=3)])
    with psycopg.connect(expired, autocommit=True) as by_hand, psycopg.connect(expired) as reader:
        reader.execute("SELECT count(*) FROM spans").fetchone()
        by_hand.execute("SET lock_timeout = 50")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            by_hand.execute(f"ALTER TABLE spans DETACH PARTITION {GOING} CONCURRENTLY")
    report = run(expired)
    assert ("done", []) == (report.state, report.spans.in_use)
    assert ["spans_20260527"] == [
        name for name in partition_names(expired) if name.startswith("spans_")
    ]
    assert [noon(TODAY)] == select(expired, traces.c.start_time_ns)


def test_a_table_that_was_detached_and_not_dropped_is_dropped(expired: str) -> None:
    """It carries our comment; one that somebody detached to keep does not."""
    with psycopg.connect(expired, autocommit=True) as connection:
        assert partition_drops.finish(connection, GOING)
        connection.execute("CREATE TABLE spans_20260517 (LIKE spans)")
    run(expired)
    assert ["spans_20260517", "spans_20260527"] == [
        name for name in partition_names(expired) if name.startswith("spans_")
    ]


def test_a_second_run_leaves_the_first_alone(migrated_url: str) -> None:
    """It says so and does nothing; a dry run may look all the same."""
    put_spans(migrated_url, [span_at(noon(TODAY - 9))])
    with run_at_work(migrated_url):
        report = run(migrated_url)
        dry = run(migrated_url, dry_run=True)
    assert ("busy", []) == (report.state, report.steps)
    assert ("done", 1) == (dry.state, dry.traces.deleted)
    assert 1 == len(select(migrated_url, spans.c.span_id))
    assert "done" == run(migrated_url).state


def test_the_lock_of_a_run_ends_with_it(postgres: str) -> None:
    """Also on the server's side."""
    run(postgres)
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)).fetchone()
    assert (True,) == row


def test_the_row_estimate_of_a_large_partition_comes_from_the_database(
    expired: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None before the first ANALYZE."""
    monkeypatch.setattr(partition_drops, "COUNTED_BYTES", 0)
    dry = run(expired, dry_run=True)
    assert None in [one.rows_estimate for one in dry.spans.partitions if one.table == "spans"]
    with psycopg.connect(expired, autocommit=True) as connection:
        connection.execute(f"ANALYZE {GOING}")
    dry = run(expired, dry_run=True)
    assert [1] == [one.rows_estimate for one in dry.spans.partitions if one.table == "spans"]
