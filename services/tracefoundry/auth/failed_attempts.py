"""Throttle of failed logins: an address that sends wrong tokens again and again waits for answers.

Only the refusal is delayed, never a token that is known: good senders and wrong ones often share an
address. So each connection of an attacker gets one answer in ``DELAY_S``, and the answers of honest
mistakes come at once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

IPV6_PEER_BITS = 64
"""An IPv6 peer is a network of this prefix: one host usually has all of its addresses."""

BURST = 20
"""Failures of one address that are answered at once."""
PER_S = 5.0
"""Failures a second that are answered at once afterwards."""
DELAY_S = 1.0
"""How long the others wait for their answer."""
MOST_PEERS = 4_096
"""Addresses that are remembered; the one that failed longest ago is forgotten first."""
MOST_DELAYED = 2_048
"""Answers that wait at once; others are given at once, and cost no more memory."""


class FailedAttempts:
    """Counts failures by address. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Failures that count, and the time at which they were counted."""
        self._delayed = 0

    async def failed(self, address: str | None) -> None:
        """Count a failure of an address; returns when it may be answered."""
        if not self._is_too_many(peer_of(address)) or self._delayed >= MOST_DELAYED:
            return
        self._delayed += 1
        try:
            await asyncio.sleep(DELAY_S)
        finally:
            self._delayed -= 1

    def _is_too_many(self, peer: str) -> bool:
        now = self._clock()
        count, at = self._failures.pop(peer, (0.0, now))
        count = max(0.0, count - (now - at) * PER_S) + 1
        self._failures[peer] = min(count, BURST + 1.0), now
        if len(self._failures) > MOST_PEERS:
            self._failures.popitem(last=False)
        return count > BURST


def peer_of(address: str | None) -> str:
    """The peer that an address belongs to: itself, or its IPv6 network."""
    if address is None or ":" not in address:
        return address or ""
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), IPV6_PEER_BITS), strict=False))
