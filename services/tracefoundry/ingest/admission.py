"""Admission by bytes: the bodies that are received and not yet answered stay within a budget.

The budget counts bytes, because they fill the memory, not requests or spans. A body that does not
fit waits for ``WAIT_S``, in order of arrival and in a bounded queue. Then it is refused as
overloaded, and OTLP exporters and the collector send it again later. An admitted body is never
dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque

WAIT_S = 2.0
"""How long a body waits for space in the budget."""
QUEUE_LIMIT = 1_000
"""Most bodies that wait at once."""


class Overloaded(Exception):
    """The budget has no space for this body now."""


class Admission:
    """A byte budget. Belongs to one event loop."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.in_flight_bytes = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int) -> None:
        """Reserve bytes for a body; waits up to ``WAIT_S`` behind bodies that came before.

        A body larger than the whole budget is admitted if nothing else is in flight. It is within
        the limit of a single body, and would otherwise never succeed.

        Raises:
            Overloaded: not enough bytes were released in time, or too many bodies are waiting.
        """
        if not self._queue and self._fits(size):
            self.in_flight_bytes += size
            return
        if len(self._queue) >= QUEUE_LIMIT:
            raise Overloaded
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, admitted))
        try:
            await asyncio.wait_for(asyncio.shield(admitted), WAIT_S)
        except TimeoutError:
            if admitted.done() and not admitted.cancelled():
                return
            self._leave(size, admitted)
            raise Overloaded from None
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self.release(size)
            else:
                self._leave(size, admitted)
            raise

    def grow(self, size: int, held: int) -> None:
        """Reserve more for a body whose size was not announced; never waits.

        Waiting here could deadlock several half-received bodies. As with ``acquire``, a body that
        is alone may be larger than the whole budget. ``held`` is what it has reserved so far.

        Raises:
            Overloaded: the budget has no space now.
        """
        alone = self.in_flight_bytes == held
        if not alone and self.in_flight_bytes + size > self.capacity_bytes:
            raise Overloaded
        self.in_flight_bytes += size

    def release(self, size: int) -> None:
        """Release reserved bytes and admit waiting bodies that fit now."""
        self.in_flight_bytes -= size
        while self._queue and self._fits(self._queue[0][0]):
            waiting, admitted = self._queue.popleft()
            if not admitted.done():
                self.in_flight_bytes += waiting
                admitted.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.in_flight_bytes == 0 or self.in_flight_bytes + size <= self.capacity_bytes

    def _leave(self, size: int, admitted: asyncio.Future[None]) -> None:
        admitted.cancel()
        self._queue = deque(entry for entry in self._queue if entry[1] is not admitted)
        self.release(0)
