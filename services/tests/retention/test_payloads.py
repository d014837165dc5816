"""Payloads expire by project and day."""

from __future__ import annotations

import pytest

from retention.stock import (
    NOW_NS,
    TODAY,
    add_project,
    ensure_days,
    names,
    noon,
    partition_names,
    put_payload,
    put_spans,
    run,
    select,
    span_at,
)
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.store.sql.tables import (
    payload_blobs,
    payload_days,
    payload_list_parts,
    span_payload_refs,
    spans,
)

MARK = (payload_days.c.project_id, payload_days.c.day, payload_days.c.reason)
HOUR_NS = 3_600 * 1_000_000_000


def test_a_day_past_its_retention_goes_whole_and_leaves_a_mark(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """Objects, rows and parts; the ref stays as long as spans do."""
    old = put_payload(migrated_url, objects, TODAY - 4)
    kept = put_payload(migrated_url, objects, TODAY - 3)
    report = run(migrated_url, objects)
    assert [kept] == names(objects)
    assert [TODAY - 3] == select(migrated_url, payload_blobs.c.day)
    assert [TODAY - 3] == select(migrated_url, payload_list_parts.c.day)
    assert [TODAY - 3, TODAY - 4] == sorted(select(migrated_url, span_payload_refs.c.day))[::-1]
    assert [(1, TODAY - 4, "retention")] == select(migrated_url, *MARK)
    assert [NOW_NS] == select(migrated_url, payload_days.c.expired_at_ns)
    (day,) = report.payloads.days
    assert ("default", 1, True) == (day.project, day.objects, day.bytes > 0)
    assert old.startswith("default/" + day.day)


def test_each_project_keeps_payloads_for_its_own_time(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """On one day, one goes and the other stays."""
    add_project(migrated_url, 2, "short", retention_payloads_ns=DAY_NS)
    kept = put_payload(migrated_url, objects, TODAY - 2)
    put_payload(migrated_url, objects, TODAY - 2, project=2, name="short")
    report = run(migrated_url, objects)
    assert [kept] == names(objects)
    assert [1] == select(migrated_url, payload_blobs.c.project_id)
    assert [1] == select(migrated_url, payload_list_parts.c.project_id)
    assert [(2, TODAY - 2, "retention")] == select(migrated_url, *MARK)
    (day,) = report.payloads.days
    assert ("short", 1, 1, 1) == (day.project, day.objects, day.blobs, day.list_parts)


def test_what_a_writer_still_stored_on_a_marked_day_goes_with_the_next_run(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """The time of the mark stays that of the first run."""
    put_payload(migrated_url, objects, TODAY - 4)
    run(migrated_url, objects)
    put_payload(migrated_url, objects, TODAY - 4, "late", trace=2)
    run(migrated_url, objects, now_ns=NOW_NS + HOUR_NS)
    assert ([], []) == (names(objects), select(migrated_url, payload_blobs.c.day))
    assert [NOW_NS] == select(migrated_url, payload_days.c.expired_at_ns)


def test_the_mark_goes_when_spans_of_the_day_have_gone(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """With the refs, which it explained."""
    put_payload(migrated_url, objects, TODAY - 4)
    run(migrated_url, objects)
    report = run(migrated_url, objects, now_ns=NOW_NS + 4 * DAY_NS)
    assert ([], []) == (select(migrated_url, *MARK), select(migrated_url, span_payload_refs.c.day))
    assert 1 == report.resources.payload_days


def test_without_a_payload_store_payloads_stay_and_are_counted(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """Their rows are all that tells of the objects."""
    stored = put_payload(migrated_url, objects, TODAY - 9)
    report = run(migrated_url, None)
    assert ("done", 1) == (report.state, report.payloads.waiting)
    assert ([TODAY - 9], []) == (
        select(migrated_url, payload_blobs.c.day),
        select(migrated_url, *MARK),
    )
    assert [stored] == names(objects)


def test_a_payload_store_that_is_down_keeps_no_span(
    migrated_url: str, objects: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day is marked, its rows stay for the next run, and the report says why."""
    put_payload(migrated_url, objects, TODAY - 4)
    put_spans(migrated_url, [span_at(noon(TODAY - 9))])

    def down(_prefix: str) -> int:
        raise ObjectStoreUnavailable("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(objects, "delete_prefix", down)
        report = run(migrated_url, objects)
    errors = {step.name: step.error for step in report.steps if step.error}
    assert ("failed", {"payloads": "the disk is gone"}) == (report.state, errors)
    assert [] == select(migrated_url, spans.c.start_time_ns)
    assert [TODAY - 4] == select(migrated_url, payload_blobs.c.day)
    assert "done" == run(migrated_url, objects).state
    assert ([], []) == (names(objects), select(migrated_url, payload_blobs.c.day))


def test_empty_partitions_that_writers_keep_ready_are_left_alone(
    postgres: str, objects: FilesystemStore
) -> None:
    """They would be made again within the hour."""
    ensure_days(postgres, range(TODAY - 9, TODAY + 1))
    put_payload(postgres, objects, TODAY - 5)
    run(postgres, objects)
    left = [name for name in partition_names(postgres) if name.startswith("payload_blobs")]
    days = [TODAY - 7, TODAY - 6, TODAY - 4, TODAY - 3, TODAY - 2, TODAY - 1, TODAY]
    ensure_days(postgres, days)
    assert len(days) == len(left)
    assert left == [name for name in partition_names(postgres) if name.startswith("payload_blobs")]
