"""Prometheus metrics of quotas, made from the ledger when they are read."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tracefoundry.ingest.quota_ledger import QuotaLedger
from tracefoundry.model.quotas import QUOTA_NAMES


class QuotaMetrics(Collector):
    """``tracefoundry_quota_limit`` and ``tracefoundry_quota_used_ratio``."""

    def __init__(self, ledger: QuotaLedger, registry: CollectorRegistry) -> None:
        self._ledger = ledger
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The projects that sent today; a project without quotas has no series."""
        limit = GaugeMetricFamily(
            "tracefoundry_quota_limit",
            "Quotas of projects that sent today (UTC).",
            labels=["project", "quota"],
        )
        used = GaugeMetricFamily(
            "tracefoundry_quota_used_ratio",
            "Used part of quotas for a day (UTC); 1 is all, and from 0.8 a warning is logged.",
            labels=["project", "quota"],
        )
        for project, limits, shares in self._ledger.shares_today():
            for name in QUOTA_NAMES:
                value = limits.limit(name)
                if value is not None:
                    limit.add_metric([project, name], value)
            for name, share in shares.items():
                used.add_metric([project, name], share)
        yield limit
        yield used
