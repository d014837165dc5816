"""One task for each resource, which runs passes when something concerns it.

Waking is cheap and may happen at any time; what happens meanwhile is one pass more, not one pass
for each event. A pass that failed is repeated, later each time; passes of one resource never
overlap, and only a few resources are worked on at once, so that a restart with hundreds of them
does not flood the API server.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from tracefoundry_operator.kinds import InstanceKey

DEBOUNCE_S = 0.3
"""Time between the first event and the pass: most changes come as several events."""

AT_ONCE = 8
"""Resources that are worked on at the same time."""

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0

_log = logging.getLogger(__name__)


class Result(Enum):
    """How a pass ended."""

    DONE = "done"
    RETRY = "retry"
    """Something failed that may pass by itself."""
    GONE = "gone"
    """There is no such resource any more."""


Pass = Callable[[InstanceKey], Awaitable[Result]]


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
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._loops: dict[InstanceKey, _Loop] = {}
        self._stopped = False
        self._released = asyncio.Event()

    def __len__(self) -> int:
        return len(self._loops)

    def wake(self, key: InstanceKey) -> None:
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
        """Let passes begin; until then wakes are only noted, because not everything is known."""
        self._released.set()

    async def stop(self) -> None:
        """End all tasks, in the middle of what they do: the next start goes on from there."""
        self._stopped = True
        tasks = [loop.task for loop in self._loops.values() if loop.task is not None]
        self._loops.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: InstanceKey, loop: _Loop) -> None:
        await self._released.wait()
        while True:
            await self._wait(loop)
            await asyncio.sleep(self._debounce_s)
            async with self._slots:
                loop.wake.clear()
                result = await self._guarded(key)
            if result is Result.GONE and not loop.wake.is_set():
                # Nothing was awaited since the check, so no wake can be lost.
                self._loops.pop(key, None)
                return
            loop.failures = loop.failures + 1 if result is Result.RETRY else 0

    async def _wait(self, loop: _Loop) -> None:
        if loop.failures:
            limit = min(RETRY_FIRST_S * 2 ** (loop.failures - 1), RETRY_MOST_S)
        else:
            # Spread out, so that all resources do not come at the same moment for ever.
            limit = self._resync_s * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        try:
            async with asyncio.timeout(limit):
                await loop.wake.wait()
        except TimeoutError:
            pass

    async def _guarded(self, key: InstanceKey) -> Result:
        """A pass; an error in one resource's pass is logged, and all others go on."""
        try:
            return await self._pass_over(key)
        except Exception:  # noqa: BLE001 - one resource must not stop the others
            _log.exception("pass over %s/%s failed", key.namespace, key.name)
            return Result.RETRY
