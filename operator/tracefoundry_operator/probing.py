"""Asks the pods of ingest whether they reach the database and the bucket.

The operator does not read Secrets, so it cannot ask for itself; and what counts is whether the
pods reach them, through their networks and policies.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp

from tracefoundry_operator.conditions import Check, Checks
from tracefoundry_operator.kinds import InstanceKey
from tracefoundry_operator.names import OTLP_HTTP_PORT, Component, InvalidName
from tracefoundry_operator.observed import Observed
from tracefoundry_operator.passes import Passes, instance_label

TIMEOUT_S = 2.0
PODS_ASKED = 3
"""Pods of one instance that are asked; the others would say the same."""

AT_ONCE = 20
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""

_log = logging.getLogger(__name__)


class Prober:
    """Keeps ``passes.checks`` up to date."""

    def __init__(
        self,
        passes: Passes,
        observed: Observed,
        *,
        wake: Callable[[InstanceKey], None],
        interval_s: float,
        port: int = OTLP_HTTP_PORT,
    ) -> None:
        self._passes = passes
        self._observed = observed
        self._wake = wake
        self._interval_s = interval_s
        self._port = port
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Ask for ever."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                await asyncio.sleep(self._interval_s)
                await self.ask_all(session)

    async def ask_all(self, session: aiohttp.ClientSession) -> None:
        """Ask the pods of every instance once."""
        await asyncio.gather(
            *(self._ask_instance(session, key) for key in list(self._passes.instances))
        )

    async def _ask_instance(self, session: aiohttp.ClientSession, key: InstanceKey) -> None:
        addresses = self._addresses(key)[:PODS_ASKED]
        answers = await asyncio.gather(*(self._ask(session, address) for address in addresses))
        found = combined(answer for answer in answers if answer is not None)
        # Also that nobody answered is an answer: what an earlier operator heard is over then.
        if key in self._passes.instances and found != self._passes.checks.get(key):
            self._passes.checks[key] = found
            self._wake(key)

    def _addresses(self, key: InstanceKey) -> list[str]:
        try:
            label = instance_label(key.name)
        except InvalidName:
            return []
        return [
            pod.address
            for pod in self._observed.pods.values()
            if pod.namespace == key.namespace
            and pod.instance_label == label
            and pod.component == Component.INGEST
            and pod.address is not None
        ]

    async def _ask(self, session: aiohttp.ClientSession, address: str) -> Checks | None:
        host = f"[{address}]" if ":" in address else address
        try:
            async with (
                self._slots,
                session.get(f"http://{host}:{self._port}/readyz") as answer,
            ):
                return read_checks(json.loads(await answer.content.read(ANSWER_LIMIT)))
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
    """What several pods say: well if one of them is, for then it is the pod that is not."""
    found: dict[str, Check] = {}
    for answer in answers:
        for name, check in answer.items():
            if name not in found or check.ok:
                found[name] = check
    return found
