"""Limits of HTTP connections, and the table that keeps connections within their number.

A connection that waits for a request costs its peer nothing, so their number is bounded, in all and
for each address. At a bound the connection that has waited longest is closed to make room. If all
are busy with requests, the new connection belongs to a small reserve that answers only the paths of
health: probes are answered, however many others keep connections open.
"""

from __future__ import annotations

import logging
import resource
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from tracefoundry.auth.failed_attempts import peer_of

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""What connections of the reserve are answered."""

FILES_WANTED = 16_384
"""Open files of a process that serves three ports with all of their connections."""
FILES_KEPT = 4_096
"""Open files that are not HTTP connections: those of gRPC, databases, workers, payloads."""
HTTP_PORTS = 2

_log = logging.getLogger("tracefoundry")

Place = Literal["open", "reserve"]
"""What a new connection may do: everything, or ask for health alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of each HTTP port. Sizes are in bytes and times in seconds.

    Attributes:
        connections: connections at once.
        per_address: connections at once of one address (``TRACEFOUNDRY_CONNECTIONS_PER_ADDRESS``).
        reserve: connections above these bounds, for health alone.
        head_bytes: request line and headers of one request, and trailers; 431 above it.
        headers: header fields of one request; 431 above it.
        pipelined: requests that may wait behind an unanswered one of the same connection.
        head_s: from the first byte of a request (or from connecting) to the end of its headers.
        reserve_head_s: the same for connections of the reserve.
        idle_s: how long an open connection may wait for its next request.
        body_idle_s: between two pieces of a body.
        body_s: for a whole body.
        unread_s: how long the rest of a body is read after its request was answered.
        stalled_s: how long a reader may take nothing of its answer.
        linger_s: how long a connection is read on after a refusal, so that the peer gets to see it.
    """

    connections: int = 4_096
    per_address: int = 1_024
    reserve: int = 64
    head_bytes: int = 64 * 1024
    headers: int = 256
    pipelined: int = 16
    head_s: float = 10.0
    reserve_head_s: float = 2.0
    idle_s: float = 75.0
    body_idle_s: float = 10.0
    body_s: float = 300.0
    unread_s: float = 30.0
    stalled_s: float = 60.0
    linger_s: float = 2.0


class Connection(Protocol):
    """What the table wants of a connection."""

    def close_waiting(self) -> None:
        """Close, because a newer connection needs the place."""
        ...

    def check_deadlines(self, now: float) -> None:
        """Close or answer where a deadline has passed; ``now`` is the event loop's time."""
        ...


@dataclass(slots=True)
class _Peer:
    """Connections of one address. ``waiting`` has those without a request, longest first."""

    count: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)


class ConnectionTable:
    """The connections of one port. Belongs to one event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._places: dict[Connection, tuple[Place, str]] = {}
        self._peers: dict[str, _Peer] = {}
        self._reserve: dict[Connection, None] = {}

    def add(self, connection: Connection, address: str | None) -> Place:
        """Give a new connection its place; it counts as waiting for a request."""
        peer_name = peer_of(address)
        place = self._place_for(peer_name)
        self._places[connection] = place, peer_name
        if place == "reserve":
            self._reserve[connection] = None
            return place
        peer = self._peers.setdefault(peer_name, _Peer())
        peer.count += 1
        peer.waiting[connection] = None
        return place

    def remove(self, connection: Connection) -> None:
        """Forget a closed connection."""
        entry = self._places.pop(connection, None)
        if entry is None:
            return
        place, peer_name = entry
        if place == "reserve":
            del self._reserve[connection]
            return
        peer = self._peers[peer_name]
        peer.waiting.pop(connection, None)
        peer.count -= 1
        if peer.count == 0:
            del self._peers[peer_name]

    def set_waiting(self, connection: Connection, waiting: bool) -> None:
        """Note that a connection waits for a request, or that it has one."""
        place, peer_name = self._places.get(connection, ("reserve", ""))
        if place == "open":
            peer = self._peers[peer_name]
            if waiting:
                peer.waiting[connection] = None
            else:
                peer.waiting.pop(connection, None)

    def check_deadlines(self, now: float) -> None:
        """Check the deadlines of all connections."""
        for connection in list(self._places):
            connection.check_deadlines(now)

    def _place_for(self, peer_name: str) -> Place:
        peer = self._peers.get(peer_name)
        if peer is not None and peer.count >= self.limits.per_address:
            victim = next(iter(peer.waiting), None)
        elif len(self._places) - len(self._reserve) >= self.limits.connections:
            victim = self._longest_waiting_of_largest_peer()
        else:
            return "open"
        if victim is not None:
            self.remove(victim)
            victim.close_waiting()
            return "open"
        if len(self._reserve) >= self.limits.reserve:
            oldest = next(iter(self._reserve))
            self.remove(oldest)
            oldest.close_waiting()
        return "reserve"

    def _longest_waiting_of_largest_peer(self) -> Connection | None:
        peers = [peer for peer in self._peers.values() if peer.waiting]
        if not peers:
            return None
        return next(iter(max(peers, key=lambda peer: len(peer.waiting)).waiting))


def within_open_files(limits: ConnectionLimits) -> ConnectionLimits:
    """The limits, lowered where the system lets this process open too few files. Raises the soft
    limit of open files first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return limits
    most = max(64, (soft - FILES_KEPT) // HTTP_PORTS - limits.reserve)
    if limits.connections <= most:
        return limits
    _log.warning("only %d connections a port: the limit of open files is %d", most, soft)
    return replace(limits, connections=most, per_address=min(limits.per_address, max(most // 4, 1)))
