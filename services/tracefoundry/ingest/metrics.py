"""Prometheus metrics of ingest."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tracefoundry.ingest.messages import IngestRequest, Outcome


class IngestMetrics:
    """The ``tracefoundry_*`` metrics of ingest, in the given registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tracefoundry_ingest_requests_total",
            "OTLP exports by signal, transport and answer.",
            ["signal", "transport", "answer"],
            registry=registry,
        )
        self.accepted = Counter(
            "tracefoundry_spans_accepted_total",
            "Spans stored durably for the first time.",
            registry=registry,
        )
        self.duplicates = Counter(
            "tracefoundry_spans_duplicate_total",
            "Spans that were stored before with the same content.",
            registry=registry,
        )
        self.conflicts = Counter(
            "tracefoundry_spans_conflict_total",
            "Spans that were stored before with other content; the first one stays.",
            registry=registry,
        )
        self.rejected = Counter(
            "tracefoundry_spans_rejected_total",
            "Spans refused permanently, by reason.",
            ["reason"],
            registry=registry,
        )
        self.logs_accepted = Counter(
            "tracefoundry_logs_accepted_total",
            "GenAI log records stored durably for the first time.",
            registry=registry,
        )
        self.logs_rejected = Counter(
            "tracefoundry_logs_rejected_total",
            "Log records refused permanently, by reason.",
            ["reason"],
            registry=registry,
        )
        self.bytes_in_flight = Gauge(
            "tracefoundry_ingest_bytes_in_flight",
            "OTLP bytes received and not answered yet.",
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "tracefoundry_commit_seconds",
            "Time of the database transaction that stored an export.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=registry,
        )

        self.quota_refused = Counter(
            "tracefoundry_quota_refused_total",
            "Spans and log records refused because of a quota, by project and quota.",
            ["project", "quota"],
            registry=registry,
        )
        self.redactions = Counter(
            "tracefoundry_redactions_total",
            "Values that redaction changed, by rule.",
            ["rule"],
            registry=registry,
        )
        self.payload_bytes = Counter(
            "tracefoundry_payload_bytes_total",
            "Bytes of content received, and bytes added to the payload store (stored).",
            ["what"],
            registry=registry,
        )

    def observe(self, request: IngestRequest, transport: str, outcome: Outcome) -> None:
        """Count one answered export."""
        self.requests.labels(request.signal, transport, outcome.status).inc()
        for report in outcome.quotas:
            if report.exceeded is not None:
                self.quota_refused.labels(report.project, report.exceeded.quota).inc(report.refused)
        if outcome.status != "ok":
            return
        if outcome.commit_seconds:
            self.commit_seconds.observe(outcome.commit_seconds)
        for rule, count in outcome.redactions.items():
            self.redactions.labels(rule).inc(count)
        self.payload_bytes.labels("received").inc(outcome.payload_bytes)
        self.payload_bytes.labels("stored").inc(outcome.stored_bytes)
        if request.signal == "logs":
            self.logs_accepted.inc(outcome.accepted)
            for reason, count in outcome.rejected.items():
                self.logs_rejected.labels(reason).inc(count)
            return
        self.accepted.inc(outcome.accepted)
        self.duplicates.inc(outcome.duplicates)
        self.conflicts.inc(outcome.conflicts)
        for reason, count in outcome.rejected.items():
            self.rejected.labels(reason).inc(count)
