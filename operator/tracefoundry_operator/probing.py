"""Probes of ingest pods: whether they reach the database and the bucket.

The operator does not read the values of Secrets, so it cannot connect itself. The pods' answer is
the relevant one anyway: it includes their network and NetworkPolicies.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp

from tracefoundry_operator.conditions import Check, Checks
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.names import OTLP_HTTP_PORT
from tracefoundry_operator.state import Affected, State

TIMEOUT_S = 2.0
PODS_PER_INSTANCE = 3
"""Pods of one instance that are asked; more would answer the same."""

CONCURRENT_REQUESTS = 20
ANSWER_LIMIT_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


class Prober:
    """Records the answers of ingest pods in the state."""

    def __init__(
        self,
        state: State,
        *,
        wake: Callable[[Affected], None],
        interval_s: float,
        port: int = OTLP_HTTP_PORT,
    ) -> None:
        self._state = state
        self._wake = wake
        self._interval_s = interval_s
        self._port = port
        self._slots = asyncio.Semaphore(CONCURRENT_REQUESTS)

    async def run(self) -> None:
        """Ask all pods at each interval, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                await asyncio.sleep(self._interval_s)
                await self.ask_all(session)

    async def ask_all(self, session: aiohttp.ClientSession) -> None:
        """Ask the pods of every instance once."""
        await asyncio.gather(*(self._ask_instance(session, key) for key in self._state.instances()))

    async def _ask_instance(self, session: aiohttp.ClientSession, key: ObjectKey) -> None:
        addresses = self._state.ingest_addresses(key)[:PODS_PER_INSTANCE]
        answers = await asyncio.gather(*(self._ask(session, address) for address in addresses))
        # No answer at all is recorded too: it replaces what an earlier process reported.
        found = combined(answer for answer in answers if answer is not None)
        self._wake(self._state.record_checks(key, found))

    async def _ask(self, session: aiohttp.ClientSession, address: str) -> Checks | None:
        host = f"[{address}]" if ":" in address else address
        try:
            async with (
                self._slots,
                # A pod of another program must not send the operator to an address of its choice.
                session.get(f"http://{host}:{self._port}/readyz", allow_redirects=False) as answer,
            ):
                return read_checks(json.loads(await answer.content.read(ANSWER_LIMIT_BYTES)))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            _log.debug("no answer from ingest at %s: %s", address, error)
            return None


def read_checks(answer: Any) -> Checks | None:
    """The checks in an answer ``{"checks": {"database": {"ok": ..., "reason": ...}}}``."""
    checks = answer.get("checks") if isinstance(answer, Mapping) else None
    if not isinstance(checks, Mapping):
        return None
    return {
        str(name): Check(bool(check.get("ok")), str(check.get("reason") or "no reason was given"))
        for name, check in checks.items()
        if isinstance(check, Mapping)
    }


def combined(answers: Iterable[Checks]) -> Checks:
    """The answers of several pods as one: ok if one of them is ok, because a failure of some pods
    only is a problem of these pods, which their readiness reports."""
    found: dict[str, Check] = {}
    for answer in answers:
        for name, check in answer.items():
            if name not in found or check.ok:
                found[name] = check
    return found
