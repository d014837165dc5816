"""Finds the caller of a token, in a small cache or else in the store.

A known token is accepted for some seconds without a lookup, which is how long a revoked one may go
on working. While the store cannot be asked, a token that was accepted shortly before stays accepted
a little longer. Every other request is answered with "unavailable" and not "unauthenticated",
because senders throw their data away after the latter.

Lookups run in two threads of their own: they neither block the event loop nor wait behind slow
requests. There is at most one lookup per token at a time, and a bound on how many wait.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import Unauthenticated
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
MOST_WAITING = 256
"""Lookups of different tokens at once."""
THREADS = 2

Find = Callable[[bytes], TokenRecord | None]
"""The record of a token's hash; raises StoreUnavailable."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a lookup found at a moment of the monotonic clock."""

    at: float
    record: TokenRecord | None
    caller: Caller | None


class Authenticator:
    """Finds callers by their tokens. Belongs to no event loop; safe between threads.

    ``find`` is usually :meth:`tracefoundry.store.api.Administration.token_of`.
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
        self._failed_at = float("-inf")
        self._failure = ""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="token-lookup")

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
                answer = await self._look_up(token_hash)
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

    async def _look_up(self, token_hash: bytes) -> _Answer:
        with self._lock:
            lookup = self._waiting.get(token_hash)
            if lookup is None:
                if self._clock() - self._failed_at < PAUSE_S:
                    raise StoreUnavailable(self._failure)
                if len(self._waiting) >= MOST_WAITING:
                    raise StoreUnavailable("too many tokens are being looked up; try again")
                lookup = self._threads.submit(self._ask, token_hash)
                self._waiting[token_hash] = lookup
        try:
            # A request that stops waiting must not stop the lookup that others wait for.
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(lookup)), WAIT_S)
        except TimeoutError:
            raise StoreUnavailable("the database did not say in time whose token it is") from None

    def _ask(self, token_hash: bytes) -> _Answer:
        """Ask the store and remember the answer; runs in a thread."""
        at = self._clock()
        try:
            answer = _answer(at, token_hash, self._find(token_hash))
            with self._lock:
                if answer.record is None:
                    self._known.pop(token_hash, None)
                    _remember(self._unknown, token_hash, at, MOST_UNKNOWN)
                else:
                    self._unknown.pop(token_hash, None)
                    _remember(self._known, token_hash, answer, MOST_KNOWN)
            return answer
        except StoreUnavailable as error:
            with self._lock:
                self._failed_at, self._failure = self._clock(), str(error)
            raise
        finally:
            # Last, so that nobody asks again between the answer and its place in the cache.
            with self._lock:
                self._waiting.pop(token_hash, None)


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
