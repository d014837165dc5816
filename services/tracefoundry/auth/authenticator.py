"""Finds the caller of a token, in a small cache or else in the store.

A known token is accepted for some seconds without a lookup, which is how long a revoked one may go
on working. While the store cannot be asked, a token that was accepted shortly before stays accepted
a little longer. Every other request is answered with "unavailable" and not "unauthenticated",
because senders throw their data away after the latter.

Lookups run in a thread of their own: they neither block the event loop nor wait behind slow
requests. All tokens that wait are looked up together, so guessing many of them costs a few
round trips and keeps nobody waiting. How many may wait is bounded, in all and for each address;
each lookup takes from all addresses in turn.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import Unauthenticated
from tracefoundry.auth.failed_attempts import peer_of
from tracefoundry.auth.token_text import hash_of
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.records import TokenRecord

FRESH_S = 5.0
"""How long a known token is accepted without a lookup."""
UNKNOWN_S = 1.0
"""How long an unknown token is refused without a lookup."""
STALE_S = 30.0
"""How much longer a known token is accepted while the store cannot be asked."""
PAUSE_S = 1.0
"""How long after a failed lookup no other is tried."""
WAIT_S = 10.0
"""Longest that a request waits for a lookup."""
MOST_KNOWN = 4_096
MOST_UNKNOWN = 4_096
MOST_WAITING = 4_096
"""Different tokens that wait for a lookup at once."""
MOST_WAITING_PER_ADDRESS = 1_024
MOST_TOGETHER = 256
"""Tokens of one lookup."""

Find = Callable[[Sequence[bytes]], list[TokenRecord]]
"""The records of tokens' hashes; raises StoreUnavailable."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a lookup found at a moment of the monotonic clock."""

    at: float
    record: TokenRecord | None
    caller: Caller | None


class Authenticator:
    """Finds callers by their tokens. Belongs to no event loop; safe between threads.

    ``find`` is usually :meth:`tracefoundry.store.api.Administration.tokens_of`.
    """

    def __init__(
        self,
        find: Find,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._find = find
        self._clock = clock
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Answer] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._waiting: dict[bytes, Future[_Answer]] = {}
        self._queues: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._asking = False
        self._failed_at = float("-inf")
        self._failure = ""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="token-lookup")

    async def authenticate(self, token: str, address: str | None = None) -> Caller:
        """The caller that this token stands for, at this address.

        Raises:
            Unauthenticated: it is unknown, expired or revoked.
            StoreUnavailable: the store cannot be asked, and the token was not accepted lately.
        """
        token_hash = hash_of(token)
        answer = self._cached(token_hash, FRESH_S)
        if answer is None:
            try:
                answer = await self._look_up(token_hash, peer_of(address))
            except StoreUnavailable:
                answer = self._cached(token_hash, FRESH_S + STALE_S)
                if answer is None:
                    raise
        return self._accepted(answer, address)

    def close(self) -> None:
        """End the threads; lookups that are under way end first."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _accepted(self, answer: _Answer, address: str | None) -> Caller:
        record, caller = answer.record, answer.caller
        if record is None or caller is None or record.state(self._now_ns()) != "live":
            raise Unauthenticated("the token is not known, or is not valid any more")
        return replace(caller, address=address)

    def _cached(self, token_hash: bytes, age_s: float) -> _Answer | None:
        now = self._clock()
        with self._lock:
            known = self._known.get(token_hash)
            if known is not None and now - known.at < age_s:
                self._known.move_to_end(token_hash)
                return known
            refused_at = self._unknown.get(token_hash)
        if refused_at is not None and now - refused_at < UNKNOWN_S:
            return _Answer(refused_at, None, None)
        return None

    async def _look_up(self, token_hash: bytes, peer: str) -> _Answer:
        with self._lock:
            lookup = self._waiting.get(token_hash)
            if lookup is None:
                lookup = self._add_lookup(token_hash, peer)
        try:
            # A request that stops waiting must not stop the lookup that others wait for.
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(lookup)), WAIT_S)
        except TimeoutError:
            raise StoreUnavailable("the database did not say in time whose token it is") from None

    def _add_lookup(self, token_hash: bytes, peer: str) -> Future[_Answer]:
        if self._clock() - self._failed_at < PAUSE_S:
            raise StoreUnavailable(self._failure)
        queue = self._queues.setdefault(peer, deque())
        if len(self._waiting) >= MOST_WAITING or len(queue) >= MOST_WAITING_PER_ADDRESS:
            if not queue:
                del self._queues[peer]
            raise StoreUnavailable("too many tokens are being looked up; try again")
        queue.append(token_hash)
        lookup: Future[_Answer] = Future()
        self._waiting[token_hash] = lookup
        if not self._asking:
            self._asking = True
            self._threads.submit(self._ask_until_done)
        return lookup

    def _ask_until_done(self) -> None:
        """Look up all that wait, and what comes meanwhile; runs in the thread."""
        while True:
            with self._lock:
                hashes = self._take()
                if not hashes:
                    self._asking = False
                    return
            self._ask(hashes)

    def _take(self) -> list[bytes]:
        """The tokens of the next lookup: one of each address in turn."""
        taken: list[bytes] = []
        while self._queues and len(taken) < MOST_TOGETHER:
            peer, queue = self._queues.popitem(last=False)
            taken.append(queue.popleft())
            if queue:
                self._queues[peer] = queue
        return taken

    def _ask(self, hashes: Sequence[bytes]) -> None:
        """Ask the store, remember the answers, and give them to those who wait."""
        at = self._clock()
        try:
            records = {record.token_hash: record for record in self._find(hashes)}
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, a defect too
            if isinstance(error, StoreUnavailable):
                with self._lock:
                    self._failed_at, self._failure = self._clock(), str(error)
            for lookup in self._end(hashes):
                lookup.set_exception(error)
            return
        answers = [_answer(at, token_hash, records.get(token_hash)) for token_hash in hashes]
        with self._lock:
            for token_hash, answer in zip(hashes, answers, strict=True):
                if answer.record is None:
                    self._known.pop(token_hash, None)
                    _remember(self._unknown, token_hash, at, MOST_UNKNOWN)
                else:
                    self._unknown.pop(token_hash, None)
                    _remember(self._known, token_hash, answer, MOST_KNOWN)
        # Last, so that nobody asks again between the answer and its place in the cache.
        for lookup, answer in zip(self._end(hashes), answers, strict=True):
            lookup.set_result(answer)

    def _end(self, hashes: Sequence[bytes]) -> list[Future[_Answer]]:
        with self._lock:
            return [self._waiting.pop(token_hash) for token_hash in hashes]


def _answer(at: float, token_hash: bytes, record: TokenRecord | None) -> _Answer:
    if record is None or not hmac.compare_digest(record.token_hash, token_hash):
        return _Answer(at, None, None)
    caller = Caller(
        name=record.name,
        role=Role(record.role),
        project_id=record.project_id,
        project=record.project,
    )
    return _Answer(at, record, caller)


def _remember(cache: OrderedDict[bytes, _Kept], token_hash: bytes, kept: _Kept, most: int) -> None:
    cache[token_hash] = kept
    cache.move_to_end(token_hash)
    if len(cache) > most:
        cache.popitem(last=False)
