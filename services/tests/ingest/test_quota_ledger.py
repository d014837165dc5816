"""Quotas as the listening process counts them, with a clock that tests move."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tracefoundry.ingest import quota_ledger
from tracefoundry.ingest.messages import Exhausted, QuotaReport
from tracefoundry.ingest.quota_ledger import BURST_S, Bucket, QuotaLedger
from tracefoundry.ingest.quota_metrics import QuotaMetrics
from tracefoundry.model.quotas import Quotas
from tracefoundry.model.times import DAY_NS

DAY = 20_000


@dataclass
class Clock:
    """Seconds since the start of :data:`DAY`."""

    seconds: float = 3_600.0

    def now_ns(self) -> int:
        """As ns since the epoch."""
        return DAY * DAY_NS + round(self.seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until a test moves it."""
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> QuotaLedger:
    """The ledger of the only listening process."""
    return QuotaLedger(now=lambda: clock.seconds, now_ns=clock.now_ns)


def report(
    limits: Quotas,
    spans: int = 0,
    *,
    size: int = 0,
    used: tuple[int, int] = (0, 0),
    read_at: float = 0.0,
    day: int = DAY,
    project: str = "shop",
    **more: Any,
) -> QuotaReport:
    """What a worker says of one project."""
    return QuotaReport(project, 1, limits, day, *used, read_at, spans=spans, size=size, **more)


def test_a_bucket_gives_its_rate_and_holds_a_burst() -> None:
    """What is not used adds up to the burst and no further."""
    bucket = Bucket(10, 0.0)
    bucket.take(int(10 * BURST_S), 0.0)
    assert [1, 1, 0] == [bucket.wait_s(now) for now in (0.0, 0.0, 0.5)]
    bucket.take(int(10 * BURST_S), 1_000.0)
    assert 1 == bucket.wait_s(1_000.0)


def test_a_body_larger_than_the_bucket_passes_once_and_is_paid_off(
    ledger: QuotaLedger, clock: Clock
) -> None:
    """The sender is told when; other projects go on."""
    ledger.observe([report(Quotas(spans_per_second=10), 250)])
    over = {"shop": Exhausted("spans_per_second", 10, 20)}
    assert over == ledger.exhausted(None) == ledger.exhausted("shop")
    assert {} == ledger.exhausted("other")
    clock.seconds += 19
    assert {"shop": Exhausted("spans_per_second", 10, 1)} == ledger.exhausted(None)
    clock.seconds += 1.5
    assert {} == ledger.exhausted(None)


def test_bytes_have_a_bucket_of_their_own(ledger: QuotaLedger) -> None:
    """Of one project whose spans are few."""
    limits = Quotas(spans_per_second=1_000, bytes_per_second=100)
    ledger.observe([report(limits, 1, size=400)])
    assert {} == ledger.exhausted(None)
    ledger.observe([report(limits, 1, size=300)])
    assert {"shop": Exhausted("bytes_per_second", 100, 2)} == ledger.exhausted(None)


def test_a_process_gives_its_part_of_the_rate(clock: Clock) -> None:
    """The limit that is named is the project's."""
    ledger = QuotaLedger(4, now=lambda: clock.seconds, now_ns=clock.now_ns)
    ledger.observe([report(Quotas(spans_per_second=20), 35)])
    assert {"shop": Exhausted("spans_per_second", 20, 2)} == ledger.exhausted(None)


def test_nobody_is_told_to_wait_longer_than_a_quota_may_take_to_change(
    ledger: QuotaLedger,
) -> None:
    """An hour of debt is asked for again and again."""
    ledger.observe([report(Quotas(spans_per_second=1), 10_000)])
    assert {"shop": Exhausted("spans_per_second", 1, 300)} == ledger.exhausted(None)


def test_a_changed_limit_starts_a_new_bucket(ledger: QuotaLedger) -> None:
    """Debt under the old one is forgiven."""
    ledger.observe([report(Quotas(spans_per_second=1), 10_000)])
    ledger.observe([report(Quotas(spans_per_second=2), 1)])
    assert {} == ledger.exhausted(None)


def test_a_day_counts_what_came_since_the_store_was_asked(
    ledger: QuotaLedger, clock: Clock
) -> None:
    """A newer reading replaces the count, whichever worker made it; an older one does not."""
    limits = Quotas(spans_per_day=100)
    ledger.observe([report(limits, 40, used=(50, 0), read_at=5.0)])
    assert {} == ledger.exhausted(None)
    ledger.observe([report(limits, 10, used=(0, 0), read_at=4.0)])
    assert {"shop": Exhausted("spans_per_day", 100, 300)} == ledger.exhausted(None)
    ledger.observe([report(limits, 0, used=(60, 0), read_at=6.0)])
    assert {} == ledger.exhausted(None)
    ledger.observe([report(limits, 40, used=(60, 0), read_at=6.0)])
    clock.seconds = 86_400 - 10
    assert {"shop": Exhausted("spans_per_day", 100, 11)} == ledger.exhausted(None)
    clock.seconds = 86_400
    assert {} == ledger.exhausted(None)


def test_content_counts_as_the_store_has_counted_it(ledger: QuotaLedger) -> None:
    """Only the store knows what of it is new."""
    limits = Quotas(content_bytes_per_day=1_000)
    ledger.observe([report(limits, 1, size=10**6, used=(1, 1_000))])
    assert {"shop": Exhausted("content_bytes_per_day", 1_000, 300)} == ledger.exhausted(None)


def test_one_warning_a_day_at_eighty_percent(
    ledger: QuotaLedger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the name of the project and the quota."""
    limits = Quotas(spans_per_day=100)
    caplog.set_level(logging.WARNING)
    ledger.observe([report(limits, 79)])
    assert [] == caplog.messages
    ledger.observe([report(limits, 1), report(limits, 10)])
    said = "project shop has used 80 percent or more of its quota: spans per day"
    assert [said] == caplog.messages
    clock.seconds += 86_400
    ledger.observe([report(limits, 90, day=DAY + 1, read_at=90_000.0)])
    assert [said] * 2 == caplog.messages


def test_what_is_remembered_is_bounded(
    ledger: QuotaLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project that was silent for longest is forgotten."""
    monkeypatch.setattr(quota_ledger, "MOST_PROJECTS", 2)
    limits = Quotas(spans_per_second=1)
    for project in ("a", "b", "a", "c"):
        ledger.observe([report(limits, 50, project=project)])
    assert {"a", "c"} == ledger.exhausted(None).keys()


def test_metrics_show_limits_and_the_used_part_of_a_day(ledger: QuotaLedger, clock: Clock) -> None:
    """Of today; a silent project has no figures on the next day."""
    registry = CollectorRegistry()
    QuotaMetrics(ledger, registry)
    ledger.observe([report(Quotas(spans_per_second=5, spans_per_day=100), 25)])

    def value(name: str, quota: str) -> float | None:
        return registry.get_sample_value(
            f"tracefoundry_quota_{name}", {"project": "shop", "quota": quota}
        )

    assert 5 == value("limit", "spans_per_second")
    assert (100, 0.25) == (value("limit", "spans_per_day"), value("used_ratio", "spans_per_day"))
    assert value("used_ratio", "spans_per_second") is None
    clock.seconds += 86_400
    assert value("limit", "spans_per_day") is None
