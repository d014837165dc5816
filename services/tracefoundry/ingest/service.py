"""What HTTP and gRPC have in common: admission, hand-over to a worker, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tracefoundry.ingest.admission import Admission, Overloaded
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool

RETRY_AFTER_S = 1
"""What a sender is told to wait when the budget is full."""
UNAVAILABLE_RETRY_AFTER_S = 5
"""What a sender is told to wait when the store is in trouble."""


class IngestService:
    """Takes exports from any transport. Belongs to one event loop."""

    def __init__(self, admission: Admission, pool: WorkerPool, metrics: IngestMetrics) -> None:
        self._admission = admission
        self._pool = pool
        self._metrics = metrics

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[Room]:
        """Room for a body of an announced size (0 when it was not announced).

        Raises:
            Overloaded: there is none; the sender should come again.
        """
        await self._admission.acquire(size)
        room = Room(self._admission, size)
        self._metrics.bytes_in_flight.set(self._admission.in_flight_bytes)
        try:
            yield room
        finally:
            self._admission.release(room.size)
            self._metrics.bytes_in_flight.set(self._admission.in_flight_bytes)

    async def export(self, request: IngestRequest, transport: str, body: bytes) -> Outcome:
        """Have a worker store one export that has been admitted."""
        outcome = await self._pool.submit(request, body)
        self._metrics.observe(request, transport, outcome)
        return outcome

    def turned_away(self, signal: str, transport: str) -> None:
        """Count an export that was not admitted."""
        self._metrics.requests.labels(signal, transport, "overloaded").inc()


class Room:
    """Reserved bytes of one body, which may grow while it is received."""

    def __init__(self, admission: Admission, size: int) -> None:
        self._admission = admission
        self.size = size

    def cover(self, received: int) -> None:
        """Reserve more when more has been received than was reserved.

        Raises:
            Overloaded: there is no room now.
        """
        if received > self.size:
            self._admission.grow(received - self.size, self.size)
            self.size = received


__all__ = ["IngestService", "Overloaded", "Room"]
