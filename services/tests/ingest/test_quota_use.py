"""Quotas as a worker applies them."""

from __future__ import annotations

import time

import pytest

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest.batch import Batch, over_quota
from tracefoundry.ingest.messages import Exhausted, IngestRequest, QuotaReport
from tracefoundry.ingest.quota_use import QuotaUse, exceeded_for_a_day
from tracefoundry.model.quotas import Quotas
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.records import ProjectRecord, ProjectUsage

RULES = ProjectRules(retention_spans_ns=DAY_NS, retention_payloads_ns=DAY_NS)
PLAIN = ProjectRecord(1, "plain", 0)
RATE = ProjectRecord(2, "rate", 0, quota_spans_per_second=5)
DAY = ProjectRecord(3, "day", 0, quota_spans_per_day=100)


def export(**exhausted: Exhausted) -> IngestRequest:
    """An export, with what the listening process knows."""
    return IngestRequest(1, "traces", "protobuf", exhausted=exhausted)


def read(use: QuotaUse, *projects: ProjectRecord) -> None:
    """Let it know of these projects."""
    use.read(projects, RULES)
    use.start_body()


def test_without_quotas_nothing_is_counted_and_the_store_is_not_asked() -> None:
    """The usual case costs nothing."""
    asked: list[int] = []
    use = QuotaUse(lambda day: asked.append(day) or {})  # type: ignore[func-returns-value]
    read(use, PLAIN, RATE)
    assert [] == asked
    assert use.report(PLAIN, export()) is None
    assert [] == use.reports(100, 1)
    read(use, PLAIN)
    assert not use.limited


def test_the_platforms_quotas_hold_for_projects_without_their_own() -> None:
    """As for all settings."""
    use = QuotaUse(lambda _: {})
    use.read(
        [PLAIN],
        ProjectRules(
            retention_spans_ns=1, retention_payloads_ns=1, quotas=Quotas(spans_per_second=9)
        ),
    )
    report = use.report(PLAIN, export())
    assert report is not None
    assert Quotas(spans_per_second=9) == report.limits


def test_one_answer_holds_for_a_whole_body() -> None:
    """A reading in the middle of a body does not change it."""
    used = {DAY.project_id: ProjectUsage(99, 0)}
    use = QuotaUse(lambda _: used)
    read(use, DAY)
    assert use.any_near
    first = use.report(DAY, export())
    assert first is not None
    assert first.exceeded is None
    used[DAY.project_id] = ProjectUsage(100, 0)
    use.read([DAY], RULES)
    assert use.report(DAY, export()) is first
    use.start_body()
    later = use.report(DAY, export())
    assert later is not None
    assert later.exceeded is not None
    assert ("spans_per_day", 100) == (later.exceeded.quota, later.exceeded.limit)


def test_what_the_listening_process_says_holds_for_the_limit_it_knows() -> None:
    """A limit that was changed or removed since is not held against the project."""
    use = QuotaUse(lambda _: {})
    read(use, PLAIN, RATE)
    known = Exhausted("spans_per_second", 5, 7)
    report = use.report(RATE, export(rate=known))
    assert report is not None
    assert report.exceeded == known
    assert use.report(PLAIN, export(plain=known)) is None
    use.start_body()
    report = use.report(RATE, export(rate=Exhausted("spans_per_second", 4, 7)))
    assert report is not None
    assert report.exceeded is None


def test_bytes_of_a_body_are_divided_by_spans() -> None:
    """Among those that were accepted; who sent nothing is not reported."""
    use = QuotaUse(lambda _: {})
    read(use, RATE, DAY)
    for project, spans in ((RATE, 3), (DAY, 0)):
        report = use.report(project, export())
        assert report is not None
        report.spans += spans
    assert [("rate", 300)] == [(each.project, each.size) for each in use.reports(1_000, 10)]


@pytest.mark.parametrize(("spans", "content", "quota"), [
    (99, 999, None),
    (100, 0, "spans_per_day"),
    (0, 1_000, "content_bytes_per_day"),
])  # fmt: skip
def test_a_day_ends_at_midnight(spans: int, content: int, quota: str | None) -> None:
    """Utc; until then the sender asks every five minutes, because a quota may be raised."""
    limits = Quotas(spans_per_day=100, content_bytes_per_day=1_000)
    found = [
        exceeded_for_a_day(limits, spans, content, now_ns)
        for now_ns in (DAY_NS, 2 * DAY_NS - 9_500_000_000)
    ]
    assert [(quota, 300), (quota, 10)] == [
        (each and each.quota, wait if each is None else each.retry_after_s)
        for each, wait in zip(found, (300, 10), strict=True)
    ]


def test_only_projects_with_a_quota_for_a_day_are_metered() -> None:
    """And only if something of theirs is stored."""
    now = time.monotonic()
    reports = [
        QuotaReport("rate", 2, Quotas(spans_per_second=5), 1, 0, 0, now, spans=1),
        QuotaReport("day", 3, Quotas(spans_per_day=5), 1, 0, 0, now, spans=1),
        QuotaReport("idle", 4, Quotas(spans_per_day=5), 1, 0, 0, now, refused=1),
    ]
    assert {3} == Batch(export(), quotas=reports).metered


def test_a_body_of_which_a_quota_refused_everything_waits_for_the_longest() -> None:
    """Other reasons of refusal stand beside it: they are said again when it is sent again."""
    limits = Quotas(spans_per_day=5)
    reports = [
        QuotaReport(name, 1, limits, 1, 5, 0, 0.0, Exhausted("spans_per_day", 5, wait), refused=1)
        for name, wait in (("a", 20), ("b", 30))
    ]
    batch = Batch(export(), quotas=reports)
    batch.reject("over_quota", "project 'a' is over its quota", 2)
    outcome = over_quota(batch)
    assert outcome is not None
    assert ("over_quota", 30) == (outcome.status, outcome.retry_after_s)
    assert "project 'a' is over its quota" in outcome.message
    assert over_quota(Batch(export())) is None
