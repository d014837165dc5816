"""Admission by bytes: the bodies that are received and not yet answered stay within a budget.

The budget counts bytes, because they fill the memory, not requests or spans; and bytes that have
arrived, because announcing costs a sender nothing. No token and no project gets more than its share
of it, so that one sender cannot keep all others out. While nobody else asks it may use most of the
budget, because many clusters have a single token. A body that does not fit waits for ``WAIT_S``, in
order of arrival and in a bounded queue. Then it is refused as overloaded, and OTLP exporters and
the collector send it again later. An admitted body is never dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

WAIT_S = 2.0
"""How long a body waits for space in the budget."""
QUEUE_LIMIT = 1_000
"""Most bodies that wait at once."""
SHARES = 2
"""A token or a project gets at most one of so many parts of the budget and of the queue."""
RESERVED_PARTS = 8
"""One of so many parts of the budget stays free for others even while nobody else asks: bodies that
have stopped arriving would keep it until their deadline."""

Holders = tuple[str, ...]
"""Names of those whose shares a body counts in: its token and its project. Empty without login."""


class Overloaded(Exception):
    """The budget has no space for this body now."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A body in the queue."""

    size: int
    holders: Holders
    admitted: asyncio.Future[None]


class Admission:
    """A byte budget. Belongs to one event loop."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.in_flight_bytes = 0
        self._share_bytes = max(1, capacity_bytes // SHARES)
        self._sole_share_bytes = max(1, capacity_bytes - capacity_bytes // RESERVED_PARTS)
        self._held: dict[str, int] = {}
        self._queue: deque[_Waiting] = deque()
        self._queued: dict[str, int] = {}
        """Bodies in the queue by holder."""

    async def acquire(self, size: int, holders: Holders = ()) -> None:
        """Reserve bytes for a body; waits up to ``WAIT_S`` behind bodies that came before.

        A body larger than the whole budget is admitted if nothing else is in flight, and one larger
        than a share if its holder has nothing else in flight. It is within the limit of a single
        body, and would otherwise never succeed.

        Raises:
            Overloaded: not enough bytes were released in time, or too many bodies are waiting.
        """
        if not self._queue and self._fits(size, holders):
            self._hold(size, holders)
            return
        self._check_queue(holders)
        waiting = _Waiting(size, holders, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        for holder in holders:
            self._queued[holder] = self._queued.get(holder, 0) + 1
        self._admit_waiting()
        try:
            await asyncio.wait_for(asyncio.shield(waiting.admitted), WAIT_S)
        except TimeoutError:
            if waiting.admitted.done() and not waiting.admitted.cancelled():
                return
            self._leave(waiting)
            raise Overloaded from None
        except asyncio.CancelledError:
            if waiting.admitted.done() and not waiting.admitted.cancelled():
                self.release(size, holders)
            else:
                self._leave(waiting)
            raise

    def grow(self, size: int, held: int, holders: Holders = ()) -> None:
        """Reserve more for a body, of which ``held`` bytes are reserved so far; never waits.

        Waiting here could deadlock several half-received bodies. As with ``acquire``, a body that
        is alone may be larger than the whole budget or its share.

        Raises:
            Overloaded: the budget has no space now.
        """
        alone = self.in_flight_bytes == held
        if not alone and self.in_flight_bytes + size > self.capacity_bytes:
            raise Overloaded
        for holder in holders:
            total = self._held.get(holder, 0)
            if total != held and total + size > self._share_of(holder):
                raise Overloaded
        self._hold(size, holders)

    def release(self, size: int, holders: Holders = ()) -> None:
        """Release reserved bytes and admit waiting bodies that fit now."""
        self.in_flight_bytes -= size
        for holder in holders:
            left = self._held.get(holder, 0) - size
            if left > 0:
                self._held[holder] = left
            else:
                self._held.pop(holder, None)
        if self._queue:
            self._admit_waiting()

    def _hold(self, size: int, holders: Holders) -> None:
        self.in_flight_bytes += size
        for holder in holders:
            self._held[holder] = self._held.get(holder, 0) + size

    def _has_space(self, size: int) -> bool:
        return self.in_flight_bytes == 0 or self.in_flight_bytes + size <= self.capacity_bytes

    def _fits(self, size: int, holders: Holders) -> bool:
        return self._has_space(size) and all(
            holder not in self._held or self._held[holder] + size <= self._share_of(holder)
            for holder in holders
        )

    def _share_of(self, holder: str) -> int:
        """Most bytes that a holder may have now."""
        sole = self._held.get(holder, 0) == self.in_flight_bytes and self._queued.get(
            holder, 0
        ) == len(self._queue)
        return self._sole_share_bytes if sole else self._share_bytes

    def _admit_waiting(self) -> None:
        """Admit in order of arrival. A body whose holder has used its share lets others pass."""
        for waiting in list(self._queue):
            if not self._has_space(waiting.size):
                return
            if waiting.admitted.done():
                self._dequeue(waiting)
            elif self._fits(waiting.size, waiting.holders):
                self._dequeue(waiting)
                self._hold(waiting.size, waiting.holders)
                waiting.admitted.set_result(None)

    def _check_queue(self, holders: Holders) -> None:
        if len(self._queue) >= QUEUE_LIMIT:
            raise Overloaded
        for holder in holders:
            if self._queued.get(holder, 0) >= QUEUE_LIMIT // SHARES:
                raise Overloaded

    def _leave(self, waiting: _Waiting) -> None:
        waiting.admitted.cancel()
        if waiting in self._queue:
            self._dequeue(waiting)
        self._admit_waiting()

    def _dequeue(self, waiting: _Waiting) -> None:
        self._queue.remove(waiting)
        for holder in waiting.holders:
            left = self._queued[holder] - 1
            if left:
                self._queued[holder] = left
            else:
                del self._queued[holder]
