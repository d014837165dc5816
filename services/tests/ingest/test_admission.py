"""The byte budget: fair, bounded, and never leaking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.ingest import admission
from tracefoundry.ingest.admission import Admission, Overloaded


def scenario(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a loop of its own."""
    asyncio.run(body())


async def turns(count: int = 20) -> None:
    """Let other tasks go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_bodies_are_admitted_up_to_the_budget() -> None:
    """Exactly the capacity fits."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(4)
        await budget.acquire(6)
        assert 10 == budget.in_flight_bytes
        budget.release(4)
        budget.release(6)
        assert 0 == budget.in_flight_bytes

    scenario(body)


def test_waiting_bodies_are_let_in_by_order_of_arrival() -> None:
    """A small body does not overtake a large one, which would otherwise starve."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(8)
        order: list[str] = []

        async def enter(name: str, size: int) -> None:
            await budget.acquire(size)
            order.append(name)

        waiting = []
        for name, size in (("large", 9), ("small", 1), ("smaller", 0)):
            waiting.append(asyncio.create_task(enter(name, size)))
            await turns()
        assert [] == order
        budget.release(8)
        await asyncio.gather(*waiting)
        assert ["large", "small", "smaller"] == order
        assert 10 == budget.in_flight_bytes

    scenario(body)


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it a body is turned away at once."""
    monkeypatch.setattr(admission, "QUEUE_LIMIT", 2)

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(10)
        waiting = [asyncio.create_task(budget.acquire(1)) for _ in range(2)]
        await turns()
        with pytest.raises(Overloaded):
            await budget.acquire(1)
        budget.release(10)
        await asyncio.gather(*waiting)
        assert 2 == budget.in_flight_bytes

    scenario(body)


def test_waiting_ends_in_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that waited in vain holds no bytes and blocks no other."""
    monkeypatch.setattr(admission, "WAIT_S", 0.01)

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(5)
        large = asyncio.create_task(budget.acquire(9))
        await turns()
        monkeypatch.setattr(admission, "WAIT_S", 30.0)
        small = asyncio.create_task(budget.acquire(5))
        with pytest.raises(Overloaded):
            await large
        # The small one came later, but fits as soon as the large one has given up.
        await small
        assert 10 == budget.in_flight_bytes

    scenario(body)


def test_a_body_above_the_whole_budget_is_admitted_alone() -> None:
    """It would otherwise never succeed; nothing else comes in beside it."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(1)
        oversize = asyncio.create_task(budget.acquire(25))
        await turns()
        assert not oversize.done()
        budget.release(1)
        await oversize
        assert 25 == budget.in_flight_bytes
        other = asyncio.create_task(budget.acquire(1))
        await turns()
        assert not other.done()
        budget.release(25)
        await other
        assert 1 == budget.in_flight_bytes

    scenario(body)


def test_a_holder_gets_half_of_the_budget() -> None:
    """Once others ask too, also while one of its bodies waits."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(3, ("token a",))
        await budget.acquire(1, ("token b",))
        waiting = asyncio.create_task(budget.acquire(3, ("token a",)))
        await turns()
        assert not waiting.done()
        await budget.acquire(3, ("token b",))
        with pytest.raises(Overloaded):
            budget.grow(3, 0, ("token a",))
        budget.release(3, ("token a",))
        await waiting
        budget.release(3, ("token a",))
        budget.release(4, ("token b",))
        assert (0, {}) == (budget.in_flight_bytes, budget._held)

    scenario(body)


def test_a_holder_that_is_alone_may_use_most_of_the_budget() -> None:
    """Until somebody else asks, for whom an eighth has stayed free."""

    async def body() -> None:
        budget = Admission(16)
        for _ in range(7):
            await budget.acquire(2, ("token a", "project p"))
        with pytest.raises(Overloaded):
            budget.grow(1, 2, ("token a", "project p"))
        waiting = asyncio.create_task(budget.acquire(2, ("token a", "project p")))
        await turns()
        await budget.acquire(2, ("token b", "project q"))
        budget.release(2, ("token a", "project p"))
        await turns()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        budget.release(2, ("token b", "project q"))
        for _ in range(6):
            budget.release(2, ("token a", "project p"))
        assert (0, {}, {}) == (budget.in_flight_bytes, budget._held, budget._queued)

    scenario(body)


def test_tokens_of_one_project_share_its_half() -> None:
    """However many tokens a project has."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(3, ("token a", "project p"))
        await budget.acquire(1, ("token c", "project q"))
        with pytest.raises(Overloaded):
            budget.grow(3, 0, ("token b", "project p"))
        budget.grow(3, 0, ("token b", "project q"))
        assert 7 == budget.in_flight_bytes

    scenario(body)


def test_one_body_may_be_larger_than_a_share() -> None:
    """If its holder has nothing else in flight: it is within the limit of a body."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(2, ("token a",))
        await budget.acquire(1, ("token b",))
        budget.grow(5, 2, ("token a",))
        assert 8 == budget.in_flight_bytes
        with pytest.raises(Overloaded):
            budget.grow(1, 0, ("token a",))

    scenario(body)


def test_a_holder_cannot_fill_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it is left for others."""
    monkeypatch.setattr(admission, "QUEUE_LIMIT", 4)

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(5, ("token a",))
        await budget.acquire(1, ("token b",))
        first = [asyncio.create_task(budget.acquire(1, ("token a",))) for _ in range(2)]
        await turns()
        with pytest.raises(Overloaded):
            await budget.acquire(1, ("token a",))
        await budget.acquire(1, ("token b",))
        budget.release(5, ("token a",))
        await asyncio.gather(*first)

    scenario(body)


def test_growth_is_at_once_or_not_at_all() -> None:
    """Two half-received bodies must not wait for each other."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(4)
        await budget.acquire(4)
        budget.grow(2, 4)
        assert 10 == budget.in_flight_bytes
        with pytest.raises(Overloaded):
            budget.grow(1, 6)
        assert 10 == budget.in_flight_bytes

    scenario(body)


def test_a_body_that_is_alone_may_grow_above_the_budget() -> None:
    """As one whose size was announced may: the limit of a body is another one."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(0)
        budget.grow(8, 0)
        budget.grow(8, 8)
        assert 16 == budget.in_flight_bytes
        budget.release(16)
        assert 0 == budget.in_flight_bytes

    scenario(body)


@pytest.mark.parametrize("admitted", [False, True])
def test_cancelling_a_waiting_body_leaks_nothing(admitted: bool) -> None:
    """Before its turn came, and in the moment when it has just come."""

    async def body() -> None:
        budget = Admission(10)
        await budget.acquire(10)
        waiting = asyncio.create_task(budget.acquire(7))
        await turns()
        if admitted:
            budget.release(10)
        waiting.cancel()
        [outcome] = await asyncio.gather(waiting, return_exceptions=True)
        if outcome is None:
            budget.release(7)  # the turn was faster than the cancellation
        if not admitted:
            budget.release(10)
        assert 0 == budget.in_flight_bytes
        await budget.acquire(10)

    scenario(body)


CAPACITY = 10
ACTIONS = st.one_of(
    st.tuples(st.just("acquire"), st.integers(0, 15)),
    st.tuples(st.just("release"), st.integers(0, 50)),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("grow"), st.integers(0, 15)),
)


@given(st.lists(ACTIONS, max_size=40))
def test_any_sequence_keeps_the_budget(actions: list[tuple[str, int]]) -> None:
    """In flight is what is held, above the capacity only for one body alone, and 0 at the end."""

    async def body() -> None:
        budget = Admission(CAPACITY)
        held: list[int] = []
        waiting: list[tuple[int, asyncio.Task[None]]] = []

        async def settle() -> None:
            await turns()
            for entry in list(waiting):
                size, task = entry
                if task.done():
                    waiting.remove(entry)
                    if not task.cancelled() and task.exception() is None:
                        held.append(size)
            assert sum(held) == budget.in_flight_bytes
            if budget.in_flight_bytes > CAPACITY:
                assert 1 == sum(size > 0 for size in held)

        for action, number in actions:
            if action == "acquire":
                waiting.append((number, asyncio.create_task(budget.acquire(number))))
            elif action == "release" and held:
                budget.release(held.pop(number % len(held)))
            elif action == "cancel" and waiting:
                waiting[number % len(waiting)][1].cancel()
            elif action == "grow" and held:
                index = number % len(held)
                try:
                    budget.grow(number, held[index])
                except Overloaded:
                    pass
                else:
                    held[index] += number
            await settle()
        while held or waiting:
            assert held, "nothing is held, and yet somebody waits"
            budget.release(held.pop())
            await settle()
        assert 0 == budget.in_flight_bytes

    asyncio.run(body())
