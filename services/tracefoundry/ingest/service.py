"""Ingest for both transports, HTTP and gRPC: admission, passing to a worker, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tracefoundry.ingest.admission import Admission, Overloaded
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool

RETRY_AFTER_S = 1
"""Retry-After if the byte budget is full."""
UNAVAILABLE_RETRY_AFTER_S = 5
"""Retry-After if the database, the object store or a worker fails."""


class IngestService:
    """Accepts exports from any transport. Belongs to one event loop."""

    def __init__(self, admission: Admission, pool: WorkerPool, metrics: IngestMetrics) -> None:
        self._admission = admission
        self._pool = pool
        self._metrics = metrics

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[ByteReservation]:
        """Reserve bytes for a body of an announced size (0 if it was not announced).

        Raises:
            Overloaded: the budget has no space; the sender should send again.
        """
        await self._admission.acquire(size)
        reservation = ByteReservation(self._admission, size)
        self._metrics.bytes_in_flight.set(self._admission.in_flight_bytes)
        try:
            yield reservation
        finally:
            self._admission.release(reservation.size)
            self._metrics.bytes_in_flight.set(self._admission.in_flight_bytes)

    async def export(self, request: IngestRequest, transport: str, body: bytes) -> Outcome:
        """Let a worker store one admitted export."""
        outcome = await self._pool.submit(request, body)
        self._metrics.observe(request, transport, outcome)
        return outcome

    def count_overloaded(self, signal: str, transport: str) -> None:
        """Count an export that was not admitted."""
        self._metrics.requests.labels(signal, transport, "overloaded").inc()


class ByteReservation:
    """The reserved bytes of one body, which can grow while the body is received."""

    def __init__(self, admission: Admission, size: int) -> None:
        self._admission = admission
        self.size = size

    def grow_to(self, received: int) -> None:
        """Reserve more bytes if more have been received than are reserved.

        Raises:
            Overloaded: the budget has no space now.
        """
        if received > self.size:
            self._admission.grow(received - self.size, self.size)
            self.size = received


__all__ = ["ByteReservation", "IngestService", "Overloaded"]
