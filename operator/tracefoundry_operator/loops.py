"""One task for each resource, which runs a pass when something that affects it changed.

Waking is cheap and can happen at any time; all wakes during a pass cause one more pass, not one
each. A failed pass is repeated with growing delays. Passes over one resource never overlap, and the
number of concurrent passes is limited, so that a restart with hundreds of resources does not
overload the API server.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from tracefoundry_operator.kinds import ObjectKey

DEBOUNCE_S = 0.3
"""Delay between the first event and the pass: most changes cause several events."""

CONCURRENT_PASSES = 8

RETRY_MIN_S = 1.0
RETRY_MAX_S = 60.0

_log = logging.getLogger(__name__)


class Result(Enum):
    """The result of a pass."""

    DONE = "done"
    RETRY = "retry"
    """An error that may be gone at the next try."""
    GONE = "gone"
    """The resource no longer exists."""


Pass = Callable[[ObjectKey], Awaitable[Result]]


@dataclass(slots=True)
class _Loop:
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    failures: int = 0


class Loops:
    """The tasks of all resources of one kind."""

    def __init__(self, pass_over: Pass, *, resync_s: float, debounce_s: float = DEBOUNCE_S) -> None:
        self._pass_over = pass_over
        self._resync_s = resync_s
        self._debounce_s = debounce_s
        self._slots = asyncio.Semaphore(CONCURRENT_PASSES)
        self._loops: dict[ObjectKey, _Loop] = {}
        self._stopped = False
        self._released = asyncio.Event()

    def __len__(self) -> int:
        return len(self._loops)

    def wake(self, key: ObjectKey) -> None:
        """Run a pass over this resource soon."""
        if self._stopped:
            return
        loop = self._loops.get(key)
        if loop is None:
            loop = self._loops[key] = _Loop()
            loop.task = asyncio.create_task(
                self._run(key, loop), name=f"{key.namespace}/{key.name}"
            )
        loop.wake.set()

    def release(self) -> None:
        """Let passes begin. Until the first lists are complete, wakes are only recorded."""
        self._released.set()

    async def stop(self) -> None:
        """Cancel all tasks, even during a pass: the next start continues from there."""
        self._stopped = True
        tasks = [loop.task for loop in self._loops.values() if loop.task is not None]
        self._loops.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: ObjectKey, loop: _Loop) -> None:
        await self._released.wait()
        while True:
            await self._wait(loop)
            await asyncio.sleep(self._debounce_s)
            async with self._slots:
                loop.wake.clear()
                result = await self._guarded(key)
            if result is Result.GONE and not loop.wake.is_set():
                # There is no await since the check, so no wake can be lost.
                self._loops.pop(key, None)
                return
            loop.failures = loop.failures + 1 if result is Result.RETRY else 0

    async def _wait(self, loop: _Loop) -> None:
        if loop.failures:
            limit = min(RETRY_MIN_S * 2 ** (loop.failures - 1), RETRY_MAX_S)
        else:
            # Random, so that the passes of all resources spread out over time.
            limit = self._resync_s * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        try:
            async with asyncio.timeout(limit):
                await loop.wake.wait()
        except TimeoutError:
            pass

    async def _guarded(self, key: ObjectKey) -> Result:
        """A pass; an unexpected error is logged, and other resources are not affected."""
        try:
            return await self._pass_over(key)
        except Exception:  # noqa: BLE001 - one resource must not stop the others
            _log.exception("pass over %s/%s failed", key.namespace, key.name)
            return Result.RETRY
