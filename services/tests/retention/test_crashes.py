"""A run may end anywhere; what is there tells the truth, and the next run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from retention.stock import (
    TODAY,
    add_project,
    everything,
    execute,
    log_at,
    noon,
    put_orphan,
    put_payload,
    put_spans,
    run,
    select,
    span_at,
)
from store.conftest import new_writer
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.retention import RetentionReport
from tracefoundry.store.sql.tables import (
    metadata,
    payload_blobs,
    payload_days,
    projects,
    spans,
    traces,
)

pytestmark = pytest.mark.faults

MAX_STEPS = 400


class Crash(Exception):
    """The process ends here."""


def crash_at(number: int) -> Callable[[], bool]:
    """Raises at the n-th place where a run looks whether it should end."""
    seen = 0

    def stop() -> bool:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Crash
        return False

    return stop


def fill(url: str, objects: FilesystemStore) -> None:
    """Two projects with days of all ages: gone, going, cut and kept."""
    writer = new_writer(url)
    for project, name in ((1, "default"), (2, "short")):
        days = (TODAY - 9, TODAY - 8, TODAY - 3, TODAY)
        new = [span_at(noon(day), trace=day) for day in days]
        new += [span_at(noon(TODAY - 9 + n), trace=7, span=n + 1) for n in range(10)]
        logs = [log_at(noon(day), trace=day) for day in days]
        writer.commit(
            [writer.prepare_span(project, span) for span in new],
            [writer.prepare_log(project, log) for log in logs],
        )
        for day in (TODAY - 9, TODAY - 3, TODAY):
            put_payload(url, objects, day, project=project, name=name, trace=day)
    writer.close()
    put_orphan(objects, TODAY - 1, "orphan", 2 * DAY_NS)


def check_truth(url: str, objects: FilesystemStore) -> None:
    """No span without its trace; no trace that hides that spans are gone; no payload that is gone
    and not said to be."""
    summaries = {
        (project, trace): (count, expired)
        for project, trace, count, expired in select(
            url, traces.c.project_id, traces.c.trace_id, traces.c.span_count,
            traces.c.missing_expired,
        )
    }  # fmt: skip
    stored: dict[tuple[int, bytes], int] = {}
    for key in select(url, spans.c.project_id, spans.c.trace_id, spans.c.span_id):
        stored[key[:2]] = stored.get(key[:2], 0) + 1
    assert set() == stored.keys() - summaries.keys()
    for trace, (count, expired) in summaries.items():
        assert expired or stored[trace] == count
    there = {name.name.rpartition("/")[2] for name in objects.list()}
    marked = set(select(url, payload_days.c.project_id, payload_days.c.day))
    blob = payload_blobs.c
    for project, day, digest in select(url, blob.project_id, blob.day, blob.object):
        assert digest.hex() in there or (project, day) in marked


def test_a_crash_between_any_two_steps_is_made_good_by_the_next_run(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """Whatever was interrupted, the end is the same."""
    add_project(
        migrated_url, 2, "short", retention_spans_ns=2 * DAY_NS, retention_payloads_ns=DAY_NS
    )
    fill(migrated_url, objects)
    run(migrated_url, objects)
    end = _comparable(migrated_url, objects)
    # A second each on PostgreSQL, which runs the same steps: there every seventh.
    for number in range(1, MAX_STEPS, 1 if migrated_url.startswith("sqlite") else 7):
        _refill(migrated_url, objects)
        try:
            run(migrated_url, objects, stop=crash_at(number))
        except Crash:
            check_truth(migrated_url, objects)
            report: RetentionReport = run(migrated_url, objects)
            assert ("done", end) == (report.state, _comparable(migrated_url, objects))
        else:
            assert number > 30
            return
    raise AssertionError("a run has more steps than this test looks at")


def _refill(url: str, objects: FilesystemStore) -> None:
    """The state before the run again."""
    execute(url, *(sa.delete(table) for table in metadata.sorted_tables if table is not projects))
    for stored in list(objects.list()):
        objects.delete([stored.name])
    fill(url, objects)


def _comparable(url: str, objects: FilesystemStore) -> dict[str, object]:
    """Everything but the moment of a recompute and the partitions, empty ones of which come and go
    with the writers of the test."""
    found = everything(url, objects)
    found["traces"] = sorted(
        select(
            url, traces.c.project_id, traces.c.trace_id, traces.c.span_count,
            traces.c.missing_expired, traces.c.start_time_ns, traces.c.last_start_ns,
        )
    )  # fmt: skip
    return found


def test_a_run_that_is_asked_to_end_does_so(migrated_url: str, objects: FilesystemStore) -> None:
    """The report says how far it came."""
    fill_one(migrated_url)
    ended = threading.Event()
    ended.set()
    report = run(migrated_url, objects, stop=ended.is_set)
    assert ("stopped", 1) == (report.state, len(select(migrated_url, spans.c.span_id)))


def fill_one(url: str) -> None:
    """One expired span."""
    put_spans(url, [span_at(noon(TODAY - 9))])


def test_a_dry_run_changes_nothing_and_says_what_a_run_then_does(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """On a database with something of everything."""
    add_project(
        migrated_url, 2, "short", retention_spans_ns=2 * DAY_NS, retention_payloads_ns=DAY_NS
    )
    fill(migrated_url, objects)
    before = everything(migrated_url, objects)
    dry = run(migrated_url, objects, dry_run=True)
    assert before == everything(migrated_url, objects)
    real = run(migrated_url, objects)
    assert (True, False) == (dry.dry_run, real.dry_run)
    assert real.spans == dry.spans
    assert real.payloads == dry.payloads
    assert real.traces == dry.traces
    assert real.objects == dry.objects
    only_real = ("free pages", "interrupted imports")
    assert [step.name for step in real.steps if step.name not in only_real] == [
        step.name for step in dry.steps
    ]
