"""Admission by bytes: what is received and not yet answered never exceeds a budget.

Bytes, not requests or spans, are what fills memory. A body waits a moment for room, in arrival
order and in a bounded queue; then its sender is told to come again, which OTLP exporters and the
collector do. Nothing that was admitted is ever dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque

WAIT_S = 2.0
"""How long a body waits for room."""
QUEUE_LIMIT = 1_000
"""Most bodies that wait at once."""


class Overloaded(Exception):
    """There is no room for this body now."""


class Admission:
    """A byte budget. Belongs to one event loop."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.in_flight_bytes = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int) -> None:
        """Reserve room for a body, waiting up to ``WAIT_S`` behind those that came before.

        A body larger than the whole budget is admitted when nothing else is in flight: it is
        within the limit of a single body, and would otherwise never succeed.

        Raises:
            Overloaded: no room came free in time, or too many are waiting.
        """
        if not self._queue and self._fits(size):
            self.in_flight_bytes += size
            return
        if len(self._queue) >= QUEUE_LIMIT:
            raise Overloaded
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), WAIT_S)
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return
            self._leave(size, turn)
            raise Overloaded from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(size)
            else:
                self._leave(size, turn)
            raise

    def grow(self, size: int, held: int) -> None:
        """Reserve more for a body whose size was not announced, at once or not at all.

        Waiting here could lock several half-received bodies against each other. As with
        ``acquire``, a body that is alone may be larger than the whole budget; ``held`` is what
        has been reserved for it so far.

        Raises:
            Overloaded: there is no room now.
        """
        alone = self.in_flight_bytes == held
        if not alone and self.in_flight_bytes + size > self.capacity_bytes:
            raise Overloaded
        self.in_flight_bytes += size

    def release(self, size: int) -> None:
        """Give room back and let those in who waited for it."""
        self.in_flight_bytes -= size
        while self._queue and self._fits(self._queue[0][0]):
            waiting, turn = self._queue.popleft()
            if not turn.done():
                self.in_flight_bytes += waiting
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.in_flight_bytes == 0 or self.in_flight_bytes + size <= self.capacity_bytes

    def _leave(self, size: int, turn: asyncio.Future[None]) -> None:
        turn.cancel()
        self._queue = deque(entry for entry in self._queue if entry[1] is not turn)
        self.release(0)
