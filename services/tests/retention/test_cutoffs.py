"""Which day is the first that is kept."""

from __future__ import annotations

import pytest

from tracefoundry.model.times import DAY_NS, date_of, day_of_date
from tracefoundry.retention.cutoffs import GRACE_NS, cutoffs
from tracefoundry.settings import Settings
from tracefoundry.store.records import ProjectRecord


@pytest.mark.parametrize(("after_ns", "expected"), [(-1, 92), (0, 93), (DAY_NS - 1, 93)])
def test_a_day_goes_when_its_last_instant_is_older_than_the_retention(
    after_ns: int, expected: int
) -> None:
    """To the nanosecond, two minutes after the retention has passed."""
    now_ns = 100 * DAY_NS + GRACE_NS + after_ns
    project = ProjectRecord(1, "default", 0)
    keep = cutoffs(Settings(), [project], now_ns)
    assert (expected, expected) == (keep.spans_day, keep.projects[0].spans_day)


def test_partitions_wait_for_the_longest_retention() -> None:
    """The platform's own counts as well as those of the projects."""
    projects = [
        ProjectRecord(1, "default", 0),
        ProjectRecord(2, "short", 0, retention_spans_ns=2 * DAY_NS),
        ProjectRecord(3, "long", 0, retention_spans_ns=30 * DAY_NS),
    ]
    now_ns = 100 * DAY_NS + DAY_NS // 2
    keep = cutoffs(Settings(), projects, now_ns)
    assert [93, 98, 70] == [project.spans_day for project in keep.projects]
    assert [97, 98, 97] == [project.payloads_day for project in keep.projects]
    assert (70, 97, 93, 100) == (
        keep.spans_day,
        keep.payloads_day,
        keep.window_day,
        keep.today,
    )
    assert 93 == cutoffs(Settings(), projects[1:2], now_ns).spans_day


def test_payloads_do_not_outlive_the_spans_of_their_project() -> None:
    """However long a project wants to keep them."""
    project = ProjectRecord(1, "a", 0, None, 2 * DAY_NS, 5 * DAY_NS)
    keep = cutoffs(Settings(), [project], 100 * DAY_NS + DAY_NS // 2)
    assert 98 == keep.projects[0].payloads_day


def test_no_project_keeps_longer_than_the_platform_allows() -> None:
    """Even one whose row is older than the ceiling; partitions do not wait for it either."""
    environment = {
        "TRACEFOUNDRY_RETENTION_SPANS_MAX": "14d",
        "TRACEFOUNDRY_RETENTION_PAYLOADS_MAX": "5d",
    }
    project = ProjectRecord(1, "a", 0, None, 60 * DAY_NS, 30 * DAY_NS)
    settings = Settings.from_environment(environment)
    keep = cutoffs(settings, [project], 100 * DAY_NS + DAY_NS // 2)
    assert (86, 95) == (keep.projects[0].spans_day, keep.projects[0].payloads_day)
    assert (86, 95) == (keep.spans_day, keep.payloads_day)


def test_days_and_dates_are_the_same_thing() -> None:
    """Back and forth."""
    assert 20_600 == day_of_date(date_of(20_600))
