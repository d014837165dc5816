"""Ingest for both transports, HTTP and gRPC: admission, passing to a worker, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tracefoundry.auth.caller import Caller
from tracefoundry.ingest.admission import Admission, Holders, Overloaded
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool
from tracefoundry.ingest.quota_ledger import QuotaLedger
from tracefoundry.rare_log import RareLog

RETRY_AFTER_S = 1
"""Retry-After if the byte budget is full."""
UNAVAILABLE_RETRY_AFTER_S = 5
"""Retry-After if the database, the object store or a worker fails."""


class IngestService:
    """Accepts exports from any transport. Belongs to one event loop."""

    def __init__(
        self,
        admission: Admission,
        pool: WorkerPool,
        metrics: IngestMetrics,
        quotas: QuotaLedger | None = None,
    ) -> None:
        self._admission = admission
        self._pool = pool
        self._metrics = metrics
        self._quotas = quotas or QuotaLedger()
        self._rare_log = RareLog()
        metrics.bytes_in_flight.set_function(lambda: float(admission.in_flight_bytes))

    @asynccontextmanager
    async def reserve(self, holders: Holders) -> AsyncIterator[ByteReservation]:
        """Keep the bytes of one body in the budget while the block runs, as they arrive."""
        reservation = ByteReservation(self._admission, holders)
        try:
            yield reservation
        finally:
            self._admission.release(reservation.size, holders)

    async def export(self, request: IngestRequest, transport: str, body: bytes) -> Outcome:
        """Let a worker store one admitted export. When cancelled, it ends only when the worker does
        not have the body any more."""
        request.exhausted = self._quotas.exhausted(request.token_project)
        outcome = await self._pool.submit(request, body)
        if outcome.quotas:
            self._observe_quotas(outcome)
        self._metrics.observe(request, transport, outcome)
        if outcome.status == "unavailable":
            detail = outcome.detail or outcome.message
            self._rare_log.warn(detail, f"exports are answered as unavailable: {detail}")
        return outcome

    def _observe_quotas(self, outcome: Outcome) -> None:
        self._quotas.observe(outcome.quotas)
        for report in outcome.quotas:
            if report.exceeded is not None:
                over = f"project {report.project} is over its quota {report.exceeded.quota}"
                self._rare_log.warn(over, f"{over}: its exports are refused")

    def count_overloaded(self, signal: str, transport: str) -> None:
        """Count an export that was not admitted."""
        self._metrics.requests.labels(signal, transport, "overloaded").inc()


class ByteReservation:
    """The reserved bytes of one body, which grow while the body is received."""

    def __init__(self, admission: Admission, holders: Holders) -> None:
        self._admission = admission
        self._holders = holders
        self.size = 0

    async def grow_to(self, received: int) -> None:
        """Reserve what has been received. Waits for the first bytes only.

        Raises:
            Overloaded: the budget has no space; the sender should send again.
        """
        more = received - self.size
        if more <= 0:
            return
        if self.size == 0:
            await self._admission.acquire(more, self._holders)
        else:
            self._admission.grow(more, self.size, self._holders)
        self.size = received


def holders_of(caller: Caller, named_project: str | None) -> Holders:
    """Whose shares of the budget an export counts in; nobody's where no login is asked for."""
    if caller.unrestricted:
        return ()
    # Two projects may each have a token of the same name.
    token = f"token {caller.project or ''}:{caller.name}"
    return token, f"project {caller.project or named_project or ''}"


__all__ = ["ByteReservation", "IngestService", "Overloaded", "holders_of"]
