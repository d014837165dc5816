"""Whose token it is: the cache, revocation, and a database that cannot be asked."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from auth.conftest import START_NS, Clock
from tracefoundry.auth import authenticator
from tracefoundry.auth.authenticator import Authenticator
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import Unauthenticated
from tracefoundry.auth.token_text import hash_of, new_token
from tracefoundry.model.times import SECOND_NS
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.records import TokenRecord

Result = TypeVar("Result")


@dataclass
class Records:
    """A database of tokens at its seam."""

    by_hash: dict[bytes, TokenRecord] = field(default_factory=dict)
    down: bool = False
    asked: int = 0
    batches: list[int] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def find(self, token_hashes: Sequence[bytes]) -> list[TokenRecord]:
        """The records, or trouble."""
        self.asked += 1
        self.before()
        if self.down:
            raise StoreUnavailable("the database is down")
        self.batches.append(len(token_hashes))
        return [self.by_hash[each] for each in token_hashes if each in self.by_hash]

    def add(self, **changes: Any) -> str:
        """A new token's text."""
        text = new_token()
        record = TokenRecord(
            token_id=1,
            token_hash=hash_of(text),
            name="ci",
            role="viewer",
            project_id=None,
            project=None,
            created_at_ns=START_NS,
            expires_at_ns=None,
            revoked_at_ns=None,
        )
        self.by_hash[hash_of(text)] = replace(record, **changes)
        return text

    def revoke(self, text: str) -> None:
        """Mark a token as revoked."""
        key = hash_of(text)
        self.by_hash[key] = replace(self.by_hash[key], revoked_at_ns=START_NS)


@pytest.fixture
def records() -> Records:
    """No tokens yet."""
    return Records()


@pytest.fixture
def known(records: Records, clock: Clock) -> Iterator[Authenticator]:
    """An authenticator over the records."""
    made = Authenticator(records.find, clock=clock, now_ns=clock.now_ns)
    yield made
    made.close()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """In an event loop of its own: the cache belongs to none."""
    return asyncio.run(work)


def test_a_token_stands_for_its_caller(known: Authenticator, records: Records) -> None:
    """With the address of this request, not of the one that filled the cache."""
    text = records.add(role="engineer", project_id=7, project="shop")
    for address in ("10.0.0.1", "10.0.0.2"):
        expected = Caller(
            name="ci", role=Role.ENGINEER, project_id=7, project="shop", address=address
        )
        assert expected == run(known.authenticate(text, address))
    assert 1 == records.asked


def test_a_revoked_token_dies_within_five_seconds(
    known: Authenticator, records: Records, clock: Clock
) -> None:
    """That long it is believed without asking, and not longer."""
    text = records.add()
    run(known.authenticate(text))
    records.revoke(text)
    clock.seconds = 4.9
    run(known.authenticate(text))
    clock.seconds = 5.0
    with pytest.raises(Unauthenticated):
        run(known.authenticate(text))


def test_an_expired_token_dies_at_once_whatever_the_cache_says(
    known: Authenticator, records: Records, clock: Clock
) -> None:
    """Its end is known beforehand."""
    text = records.add(expires_at_ns=START_NS + SECOND_NS)
    run(known.authenticate(text))
    clock.seconds = 1.0
    with pytest.raises(Unauthenticated):
        run(known.authenticate(text))
    assert 1 == records.asked


def test_an_unknown_token_is_asked_for_once_a_second(
    known: Authenticator, records: Records, clock: Clock
) -> None:
    """A token that is made a moment after its first use works a second later."""
    text = records.add()
    record = records.by_hash.pop(hash_of(text))
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            run(known.authenticate(text))
    assert 1 == records.asked
    records.by_hash[hash_of(text)] = record
    clock.seconds = 1.0
    assert "ci" == run(known.authenticate(text)).name


def test_a_database_that_is_down_is_never_the_senders_fault(
    known: Authenticator, records: Records
) -> None:
    """A 401 would make it throw its data away, so nobody hears that his token is wrong."""
    records.down = True
    for text in (records.add(), new_token()):
        with pytest.raises(StoreUnavailable):
            run(known.authenticate(text))


def test_a_token_that_was_good_is_believed_half_a_minute_more_while_it_is_down(
    known: Authenticator, records: Records, clock: Clock
) -> None:
    """And then no longer; asking happens once a second meanwhile, not at every request."""
    text = records.add()
    run(known.authenticate(text))
    records.down = True
    for seconds in (5.0, 5.5, 20.0, 34.9):
        clock.seconds = seconds
        assert "ci" == run(known.authenticate(text)).name
    assert 4 == records.asked
    clock.seconds = 35.0
    with pytest.raises(StoreUnavailable):
        run(known.authenticate(text))
    records.down = False
    clock.seconds = 36.0
    assert "ci" == run(known.authenticate(text)).name


def test_a_revocation_counts_as_soon_as_the_database_is_back(
    known: Authenticator, records: Records, clock: Clock
) -> None:
    """Belief ends where knowledge begins."""
    text = records.add()
    run(known.authenticate(text))
    records.revoke(text)
    records.down = True
    clock.seconds = 6.0
    run(known.authenticate(text))
    records.down = False
    clock.seconds = 7.1
    with pytest.raises(Unauthenticated):
        run(known.authenticate(text))


def test_requests_with_one_token_share_one_lookup(known: Authenticator, records: Records) -> None:
    """And one that gives up does not take the answer from the others."""
    text = records.add()
    go_on = threading.Event()
    records.before = lambda: assert_true(go_on.wait(120))

    async def together() -> list[Caller]:
        waiting = [asyncio.create_task(known.authenticate(text)) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*waiting[1:])

    assert 49 == len(run(together()))
    assert 1 == records.asked


def assert_true(value: bool) -> None:
    """For use where only an expression fits."""
    assert value


def test_the_event_loop_runs_on_during_a_lookup(known: Authenticator, records: Records) -> None:
    """The lookup waits for something that only the loop does."""
    text = records.add()
    go_on = threading.Event()
    records.before = lambda: assert_true(go_on.wait(120))

    async def both() -> Caller:
        waiting = asyncio.create_task(known.authenticate(text))
        asyncio.get_running_loop().call_later(0.01, go_on.set)
        return await waiting

    assert "ci" == run(both()).name


def test_a_lookup_that_hangs_is_given_up(
    known: Authenticator, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender hears to try again."""
    monkeypatch.setattr(authenticator, "WAIT_S", 0.01)
    go_on = threading.Event()
    records.before = lambda: assert_true(go_on.wait(120))
    with pytest.raises(StoreUnavailable):
        run(known.authenticate(records.add()))
    go_on.set()


def test_the_number_of_lookups_is_bounded(
    known: Authenticator, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing many tokens at once fills no queue."""
    monkeypatch.setattr(authenticator, "MOST_WAITING", 3)
    go_on = threading.Event()
    records.before = lambda: assert_true(go_on.wait(120))

    async def many() -> list[BaseException | Caller]:
        waiting = [asyncio.create_task(known.authenticate(new_token())) for _ in range(5)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        go_on.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    kinds = [type(result) for result in run(many())]
    assert (3, 2) == (kinds.count(Unauthenticated), kinds.count(StoreUnavailable))


def test_one_address_leaves_room_for_others(
    known: Authenticator, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all that wait are looked up together, in turns of the addresses."""
    monkeypatch.setattr(authenticator, "MOST_WAITING_PER_ADDRESS", 3)
    monkeypatch.setattr(authenticator, "MOST_TOGETHER", 4)
    text = records.add()
    first, go_on = threading.Event(), threading.Event()
    records.before = lambda: assert_true(first.set() is None and go_on.wait(120))

    async def many() -> tuple[Caller, list[BaseException | Caller]]:
        waiting = [asyncio.create_task(known.authenticate(new_token(), "10.0.0.1"))]
        await asyncio.to_thread(first.wait, 30)
        waiting += [
            asyncio.create_task(known.authenticate(new_token(), "10.0.0.1")) for _ in range(5)
        ]
        good = asyncio.create_task(known.authenticate(text, "10.0.0.2"))
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        go_on.set()
        return await good, await asyncio.gather(*waiting, return_exceptions=True)

    caller, results = run(many())
    assert "ci" == caller.name
    kinds = [type(result) for result in results]
    assert (4, 2) == (kinds.count(Unauthenticated), kinds.count(StoreUnavailable))
    assert [1, 4] == records.batches


def test_a_defect_in_a_lookup_reaches_who_waits(known: Authenticator, records: Records) -> None:
    """Nobody waits for an answer that never comes."""
    records.before = lambda: assert_true(False)
    with pytest.raises(AssertionError):
        run(known.authenticate(new_token()))
    records.before = lambda: None
    with pytest.raises(Unauthenticated):
        run(known.authenticate(new_token()))


def test_both_caches_are_bounded(
    known: Authenticator, records: Records, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one used longest ago goes."""
    monkeypatch.setattr(authenticator, "MOST_KNOWN", 2)
    monkeypatch.setattr(authenticator, "MOST_UNKNOWN", 2)
    texts = [records.add() for _ in range(3)]
    for text in texts:
        run(known.authenticate(text))
    run(known.authenticate(texts[2]))
    assert 3 == records.asked
    run(known.authenticate(texts[0]))
    assert 4 == records.asked
    guesses = [new_token() for _ in range(3)]
    for guess in [*guesses, guesses[0]]:
        with pytest.raises(Unauthenticated):
            run(known.authenticate(guess))
    assert 8 == records.asked


def test_hashes_are_compared_in_constant_time(
    known: Authenticator, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a row of another hash is not accepted, should a database ever give one."""
    compared = []
    plain = hmac.compare_digest

    def watched(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return plain(left, right)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    text = records.add()
    run(known.authenticate(text))
    assert [(32, 32)] == compared
    wrong = new_token()
    records.by_hash[hash_of(wrong)] = records.by_hash[hash_of(text)]
    with pytest.raises(Unauthenticated):
        run(known.authenticate(wrong))
