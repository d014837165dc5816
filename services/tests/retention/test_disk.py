"""The rule by disk percentage, with a disk that is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from retention.stock import (
    SETTINGS,
    TODAY,
    add_project,
    everything,
    names,
    noon,
    put_payload,
    put_spans,
    run,
    select,
    span_at,
)
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.retention.report import DiskUse
from tracefoundry.store.sql.tables import payload_days, spans, traces

LIMITED = replace(SETTINGS, retention_disk_percent=80)


def filled(*percents: int, holds: str = "database") -> Callable[[], Sequence[DiskUse]]:
    """A disk that is as full as this at one look after the other, and then stays so."""
    left = list(percents)

    def measure() -> list[DiskUse]:
        percent = left.pop(0) if len(left) > 1 else left[0]
        return [
            DiskUse(
                name="disk",
                holds="payloads" if holds == "payloads" else "database",
                used_bytes=percent,
                capacity_bytes=100,
            )
        ]

    return measure


@pytest.fixture
def stocked(migrated_url: str, objects: FilesystemStore) -> str:
    """Payloads and spans of today and two days before."""
    for day in (TODAY - 2, TODAY - 1, TODAY):
        put_payload(migrated_url, objects, day)
        put_spans(migrated_url, [span_at(noon(day), trace=day)])
    return migrated_url


def test_below_the_limit_nothing_goes(stocked: str, objects: FilesystemStore) -> None:
    """At it, neither."""
    before = everything(stocked, objects)
    report = run(stocked, objects, LIMITED, measure=filled(80))
    assert before == everything(stocked, objects)
    assert ([], []) == (report.disk.payload_days, report.disk.span_days)


def test_the_oldest_payload_day_goes_first(stocked: str, objects: FilesystemStore) -> None:
    """And no more than is needed; its mark says why."""
    report = run(stocked, objects, LIMITED, measure=filled(81, 80))
    assert ["2026-05-25"] == report.disk.payload_days
    assert ["2026-05-26", "2026-05-27"] == [name.split("/")[1] for name in names(objects)]
    assert [(TODAY - 2, "disk")] == select(stocked, payload_days.c.day, payload_days.c.reason)
    assert 3 == len(select(stocked, spans.c.span_id))


def test_then_spans_and_never_today(stocked: str, objects: FilesystemStore) -> None:
    """When nothing is left to drop the report says so, once."""
    report = run(stocked, objects, LIMITED, measure=filled(95))
    assert ["2026-05-25", "2026-05-26"] == report.disk.payload_days
    assert ["2026-05-25", "2026-05-26"] == report.disk.span_days
    assert [noon(TODAY)] == select(stocked, spans.c.start_time_ns)
    assert [noon(TODAY)] == select(stocked, traces.c.start_time_ns)
    assert ["2026-05-27"] == [name.split("/")[1] for name in names(objects)]
    assert report.disk.message is not None
    assert report.disk.message.startswith("nothing is left to drop and still above 80 percent")


def test_a_full_payload_disk_costs_no_span(stocked: str, objects: FilesystemStore) -> None:
    """Dropping them would not make it less full."""
    report = run(stocked, objects, LIMITED, measure=filled(95, holds="payloads"))
    assert (2, 0) == (len(report.disk.payload_days), len(report.disk.span_days))
    assert 3 == len(select(stocked, spans.c.span_id))


def test_the_day_is_marked_for_all_projects(stocked: str, objects: FilesystemStore) -> None:
    """Also for one whose first payload of that day is just on its way."""
    add_project(stocked, 2, "other")
    run(stocked, objects, LIMITED, measure=filled(95, 50))
    assert [(1, TODAY - 2), (2, TODAY - 2)] == select(
        stocked, payload_days.c.project_id, payload_days.c.day
    )


def test_a_trace_that_goes_on_today_is_cut(migrated_url: str) -> None:
    """And may get spans of the dropped day again, which go with the next run that needs to."""
    put_spans(
        migrated_url, [span_at(noon(TODAY - 1), span=1), span_at(noon(TODAY), span=2, parent=1)]
    )
    run(migrated_url, None, LIMITED, measure=filled(95))
    assert [(True, 2)] == select(migrated_url, traces.c.missing_expired, traces.c.span_count)
    assert [noon(TODAY)] == select(migrated_url, spans.c.start_time_ns)
    put_spans(migrated_url, [span_at(noon(TODAY - 1), span=1)])
    assert [noon(TODAY - 1), noon(TODAY)] == select(migrated_url, spans.c.start_time_ns)
    run(migrated_url, None, LIMITED, measure=filled(95))
    assert [noon(TODAY)] == select(migrated_url, spans.c.start_time_ns)


def test_a_dry_run_reckons_and_changes_nothing(stocked: str, objects: FilesystemStore) -> None:
    """It names what would go first."""
    before = everything(stocked, objects)
    report = run(stocked, objects, LIMITED, dry_run=True, measure=filled(95))
    assert before == everything(stocked, objects)
    assert ["2026-05-25", "2026-05-26"] == report.disk.payload_days
    assert "2026-05-25" == report.disk.span_days[0]


def test_what_can_be_measured_is_measured(migrated_url: str, objects: FilesystemStore) -> None:
    """The real disk, and a PostgreSQL database against the capacity that was set."""
    settings = replace(SETTINGS, retention_disk_percent=99, database_capacity_bytes=1 << 50)
    report = run(migrated_url, objects, settings, dry_run=True)
    assert ["payload folder", "database"] == [
        use.name.removesuffix(" file") for use in report.disk.before
    ]
    assert all(0 < use.used_bytes < use.capacity_bytes for use in report.disk.before)


def test_a_database_whose_capacity_is_unknown_is_left_out(postgres: str) -> None:
    """And the report says what to set."""
    report = run(postgres, None, LIMITED)
    assert "TRACEFOUNDRY_DATABASE_CAPACITY" in (report.disk.message or "")
