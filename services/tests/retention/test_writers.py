"""Writers go on while retention runs, and neither loses nor doubles anything for the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from retention.stock import SETTINGS, noon, run, select, span_at
from store.conftest import new_writer
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.retention.report import DiskUse
from tracefoundry.store.api import Writer
from tracefoundry.store.sql.tables import spans, traces

pytestmark = pytest.mark.faults

TODAY = day_of(time.time_ns())


@contextmanager
def writing(url: str, commit: Callable[[Writer, int], None]) -> Iterator[list[int]]:
    """A writer that commits until the block ends; gives how many commits it has made. What it
    raises is raised at the end."""
    done = [0]
    failures: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        writer = new_writer(url)
        try:
            writer.maintain(time.time_ns())
            while not over.is_set():
                commit(writer, done[0] + 1)
                done[0] += 1
        except Exception as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)
        finally:
            writer.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_for(done, 1, failures)
        yield done
    finally:
        over.set()
        thread.join(120)
    assert [] == failures


def wait_for(done: list[int], commits: int, failures: list[BaseException] | None = None) -> None:
    """Until so many commits have been made."""
    deadline = time.monotonic() + 120
    while done[0] < commits and not failures:
        assert time.monotonic() < deadline, "the writer stands still"
        time.sleep(0.002)


def test_writers_of_kept_days_do_not_notice(migrated_url: str) -> None:
    """Expired days go, all that is written meanwhile is there, in rows and in summaries."""
    writer = new_writer(migrated_url)
    expired = [span_at(noon(TODAY - 9) + n, trace=1_000_000 + n) for n in range(3_000)]
    writer.commit([writer.prepare_span(1, span) for span in expired])
    writer.close()

    def commit(writer: Writer, number: int) -> None:
        new = [span_at(noon(TODAY - day) + number, trace=number, span=day) for day in range(1, 6)]
        writer.commit([writer.prepare_span(1, span) for span in new])

    with writing(migrated_url, commit) as done:
        for _ in range(3):
            assert "done" == run(migrated_url, now_ns=time.time_ns()).state
            wait_for(done, done[0] + 2)
    assert 5 * done[0] == len(select(migrated_url, spans.c.span_id))
    assert done[0] == len(select(migrated_url, traces.c.trace_id))
    assert {5} == set(select(migrated_url, traces.c.span_count))
    assert {False} == set(select(migrated_url, traces.c.missing_expired))


def test_no_span_that_is_written_on_a_day_that_goes_is_left_without_its_trace(
    migrated_url: str,
) -> None:
    """A trace of that day alone, and one that goes on today; the last run takes what is left."""

    def commit(writer: Writer, number: int) -> None:
        new = [
            span_at(noon(TODAY - 9) + number, trace=number),
            span_at(noon(TODAY - 9) + number, trace=10_000_000, span=2 * number),
            span_at(noon(TODAY - 1) + number, trace=10_000_000, span=2 * number + 1),
        ]
        sent_until_taken(writer, lambda: [writer.prepare_span(1, span) for span in new])

    with writing(migrated_url, commit) as done:
        for _ in range(5):
            assert "done" == run(migrated_url, now_ns=time.time_ns()).state
            wait_for(done, done[0] + 2)
    run(migrated_url, now_ns=time.time_ns())
    kept = select(migrated_url, spans.c.start_time_ns)
    assert [noon(TODAY - 1) + number for number in range(1, done[0] + 1)] == sorted(kept)
    assert [(2 * done[0], True)] == select(
        migrated_url, traces.c.span_count, traces.c.missing_expired
    )


def test_a_day_that_the_disk_rule_drops_can_be_written_at_the_same_time(
    migrated_url: str,
) -> None:
    """It is inside the window of accepted spans, so its writers are real ones."""
    settings = replace(SETTINGS, retention_disk_percent=80)

    def full() -> list[DiskUse]:
        return [DiskUse(name="disk", holds="database", used_bytes=95, capacity_bytes=100)]

    def commit(writer: Writer, number: int) -> None:
        new = [span_at(noon(TODAY - 1) + number, trace=number), span_at(TODAY * DAY_NS + number)]
        sent_until_taken(writer, lambda: [writer.prepare_span(1, span) for span in new])

    with writing(migrated_url, commit) as done:
        for _ in range(3):
            run(migrated_url, None, settings, time.time_ns(), measure=full)
            wait_for(done, done[0] + 2)
    found = set(select(migrated_url, spans.c.trace_id))
    assert set() == found - set(select(migrated_url, traces.c.trace_id))
    today = [
        start for start in select(migrated_url, spans.c.start_time_ns) if start >= TODAY * DAY_NS
    ]
    assert done[0] == len(today)


def sent_until_taken(writer: Writer, prepared: Callable[[], list]) -> None:  # type: ignore[type-arg]
    """Commit as a sender does, who comes again after a 503."""
    from tracefoundry.store.api import StoreUnavailable

    for attempt in range(200):
        try:
            writer.commit(prepared())
        except StoreUnavailable:
            if attempt == 199:
                raise
            time.sleep(0.01)
        else:
            return
