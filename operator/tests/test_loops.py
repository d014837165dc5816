"""The tasks that run passes: debounce, retries, no overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.loops import Loops, Result

KEY = ObjectKey("TraceFoundry", "tracing", "main")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition, not one that could set an event
            await asyncio.sleep(0.005)


@pytest.mark.asyncio
async def test_many_wakes_cause_few_passes_and_none_overlap() -> None:
    """All changes during a pass cause one more pass."""
    running, most, passes = 0, 0, 0
    release = asyncio.Event()

    async def pass_over(key: ObjectKey) -> Result:
        nonlocal running, most, passes
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.01)
    loops.release()
    loops.wake(KEY)
    await until(lambda: running == 1)
    for _ in range(50):
        loops.wake(KEY)
    release.set()
    await until(lambda: passes == 2)
    await asyncio.sleep(0.05)  # a third pass would come within the debounce time
    await loops.stop()
    assert (1, 2) == (most, passes)


@pytest.mark.asyncio
async def test_a_failed_pass_is_repeated_and_affects_no_other_resource() -> None:
    """An unexpected error, and another resource."""
    seen: list[str] = []

    async def pass_over(key: ObjectKey) -> Result:
        seen.append(key.name)
        if key.name == "bad" and seen.count("bad") == 1:
            raise KeyError("unexpected")
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.01)
    loops.release()
    loops.wake(ObjectKey("TraceFoundry", "tracing", "bad"))
    loops.wake(ObjectKey("TraceFoundry", "tracing", "good"))
    await until(lambda: seen.count("bad") == 2)
    await loops.stop()
    assert ["bad", "good", "bad"] == seen


@pytest.mark.asyncio
async def test_the_task_of_a_deleted_resource_ends_and_can_start_again() -> None:
    """Otherwise tasks of deleted resources would accumulate."""
    passes = 0

    async def pass_over(key: ObjectKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.GONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.0)
    loops.release()
    for expected in (1, 2):
        loops.wake(KEY)
        await until(lambda expected=expected: passes == expected and not len(loops))  # type: ignore[misc]
    await loops.stop()


@pytest.mark.asyncio
async def test_a_pass_comes_without_a_wake_after_the_resync_time() -> None:
    """It finds missed changes."""
    passes = 0

    async def pass_over(key: ObjectKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=0.02, debounce_s=0.0)
    loops.release()
    loops.wake(KEY)
    await until(lambda: passes >= 3)
    await loops.stop()


@pytest.mark.asyncio
async def test_no_pass_begins_before_everything_is_known() -> None:
    """It would create what already exists."""
    passes = 0

    async def pass_over(key: ObjectKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.0)
    loops.wake(KEY)
    await asyncio.sleep(0.05)  # a pass would come at once
    before = passes
    loops.release()
    await until(lambda: passes == 1)
    await loops.stop()
    assert 0 == before
