"""The queue between the agent's threads and the exporter's, bounded in bytes.

An item counts from :meth:`ByteQueue.put` until :meth:`ByteQueue.finish`, so that a batch that is
being retried still counts. What does not fit is dropped and counted: the agent never waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from tracefoundry_sdk.export.items import Item


@dataclass(frozen=True, slots=True)
class Batch:
    """Items taken together, in the order in which they came."""

    items: list[Item]
    size_bytes: int


class ByteQueue:
    """A bounded queue that knows how much was put, delivered and lost."""

    def __init__(self, *, max_bytes: int, batch_bytes: int, delay_s: float) -> None:
        """``delay_s`` is how long the first item of a batch may wait for company."""
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._delay_s = delay_s
        self._condition = threading.Condition()
        self._items: deque[Item] = deque()
        self._first_put_s = 0.0
        self._waiting_bytes = 0  # in the deque
        self._held_bytes = 0  # in the deque and in unfinished batches
        self._put = 0
        self._finished = 0
        self._lost = 0
        self._hurry = False  # a flush or an urgent item asks for no delay
        self._closed = False

    def put(self, item: Item, *, urgent: bool = False) -> bool:
        """Add an item; False if it was dropped because it does not fit or the queue is closed."""
        size = item.size_bytes
        with self._condition:
            if self._closed or self._held_bytes + size > self._max_bytes:
                self._lost += 1
                return False
            was_empty = not self._items
            if was_empty:
                self._first_put_s = time.monotonic()
            self._items.append(item)
            self._put += 1
            self._held_bytes += size
            self._waiting_bytes += size
            if urgent:
                self._hurry = True
            if was_empty or urgent or self._waiting_bytes >= self._batch_bytes:
                self._condition.notify_all()
            return True

    def take(self) -> Batch | None:
        """Wait for a batch: full, old enough, or asked for. None if closed and empty."""
        with self._condition:
            while True:
                if not self._items:
                    self._hurry = False
                    if self._closed:
                        return None
                    self._condition.wait()
                    continue
                rest_s = self._first_put_s + self._delay_s - time.monotonic()
                full = self._waiting_bytes >= self._batch_bytes
                if rest_s <= 0 or full or self._hurry or self._closed:
                    return self._pop()
                self._condition.wait(rest_s)

    def _pop(self) -> Batch:
        items = [self._items.popleft()]
        size = items[0].size_bytes
        while self._items and size + self._items[0].size_bytes <= self._batch_bytes:
            item = self._items.popleft()
            items.append(item)
            size += item.size_bytes
        self._waiting_bytes -= size
        self._first_put_s = time.monotonic() - self._delay_s  # what is left has waited already
        return Batch(items=items, size_bytes=size)

    def finish(self, batch: Batch, *, lost: int) -> None:
        """The batch was delivered, but for ``lost`` of its items."""
        with self._condition:
            self._finished += len(batch.items)
            self._held_bytes -= batch.size_bytes
            self._lost += lost
            self._condition.notify_all()

    def wait_delivered(self, timeout_s: float) -> bool:
        """Wait until what was put so far has left; True if it did in time."""
        deadline = time.monotonic() + timeout_s
        with self._condition:
            target = self._put
            self._hurry = True
            self._condition.notify_all()
            while self._finished < target:
                rest_s = deadline - time.monotonic()
                if rest_s <= 0:
                    return False
                self._condition.wait(rest_s)
            return True

    def close(self) -> None:
        """Take no more; the rest may still be taken out."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def lost(self) -> int:
        """Items that were dropped or could not be delivered, since the start."""
        with self._condition:
            return self._lost

    @property
    def unfinished(self) -> int:
        """Items that are neither delivered nor lost."""
        with self._condition:
            return self._put - self._finished

    @property
    def held_bytes(self) -> int:
        """Estimated memory of all that is unfinished."""
        with self._condition:
            return self._held_bytes
