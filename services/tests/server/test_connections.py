"""Slow, silent and numerous peers, over real sockets to a real process with small limits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.bodies import body, new_trace_id, span
from platform_process import DEADLINE_S, eventually
from raw_http import RawConnection, connected, head
from server.limited_platform import LimitedPlatform, limited
from tracefoundry.auth.failed_attempts import peer_of
from tracefoundry.server.connections import ConnectionLimits, ConnectionTable

HEALTH = head(line="GET /healthz HTTP/1.1", content_type=None)
READY = head(line="GET /readyz HTTP/1.1", content_type=None)
SESSION = head(line="GET /api/session HTTP/1.1", content_type=None)


def export() -> bytes:
    """A whole request with one span."""
    content = body([span(new_trace_id())])
    return head(f"Content-Length: {len(content)}") + content


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedPlatform]:
    """A process with short deadlines, shared by the tests of deadlines."""
    folder = tmp_path_factory.mktemp("slow")
    with limited(
        folder,
        head_s=0.6,
        idle_s=1.2,
        body_idle_s=0.6,
        body_s=2.0,
        unread_s=0.6,
        stalled_s=1.0,
        linger_s=0.5,
    ) as platform:
        yield platform


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedPlatform]:
    """A process with the usual deadlines, which a busy machine meets."""
    with limited(tmp_path_factory.mktemp("usual")) as platform:
        yield platform


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize("filler", ["one header", "many headers", "one url", "many names"])
def test_headers_above_64_kib_are_431(usual: LimitedPlatform, port: str, filler: str) -> None:
    """On every port, and before they are all read."""
    lines = {
        "one header": ["X-Filler: " + "x" * 70_000],
        "many headers": [f"X-Filler-{number}: {'x' * 1_000}" for number in range(70)],
        "one url": [],
        "many names": [f"n{number}:" for number in range(300)],
    }[filler]
    target = "/v1/traces" + ("?" + "q" * 70_000 if filler == "one url" else "")
    with connected(getattr(usual, port)) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(head(*lines, line=f"POST {target} HTTP/1.1"))
        assert 431 == connection.status()
        assert b"" == connection.rest()


def test_headers_of_60_kib_are_read(usual: LimitedPlatform) -> None:
    """Below the limit nothing changes."""
    content = body([span(new_trace_id())])
    with connected(usual.otlp) as connection:
        connection.send(head("X: " + "x" * 60_000, f"Content-Length: {len(content)}") + content)
        assert 200 == connection.status()


def test_endless_headers_end_at_the_limit(usual: LimitedPlatform) -> None:
    """One hundred megabytes of them are never kept."""
    before = usual.memory_bytes()
    with connected(usual.otlp) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX: ")
            connection.send(*[b"x" * 1_000_000] * 100)
        with contextlib.suppress(ConnectionError):
            assert 431 == connection.status()
    assert usual.memory_bytes() < before + 30_000_000


def test_trailers_and_chunk_extensions_are_bounded(usual: LimitedPlatform) -> None:
    """They are no way around the limit."""
    opening = head("Transfer-Encoding: chunked")
    for endless in (b"1;" + b"x" * 200_000, b"0\r\nX: " + b"x" * 200_000):
        with connected(usual.otlp) as connection:
            with contextlib.suppress(ConnectionError):
                connection.send(opening, endless)
            assert b" 200 " not in connection.rest()


def test_headers_that_do_not_end_are_408(slow: LimitedPlatform) -> None:
    """Also where a byte comes now and then: the deadline is one for all of them."""
    with connected(slow.otlp) as connection:
        connection.send(head()[:-2])
        started = time.monotonic()
        connection.socket.settimeout(0.1)
        received = b""
        while b"\r\n\r\n" not in received and time.monotonic() - started < DEADLINE_S:
            with contextlib.suppress(TimeoutError):
                connection.send(b"X: y\r\n")
                received += connection.socket.recv(1_000)
        assert received.startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_never_speaks_is_closed(slow: LimitedPlatform) -> None:
    """Without an answer, which nobody waits for."""
    with connected(slow.api) as connection:
        assert b"" == connection.rest()


def test_a_connection_that_stays_idle_is_closed(slow: LimitedPlatform) -> None:
    """After its answer, and later than one whose headers are late."""
    with connected(slow.api) as connection:
        asked = time.monotonic()  # before the server's clock starts, however late we are told
        connection.send(HEALTH)
        assert 200 == connection.status()
        assert b"" == connection.rest()
        assert time.monotonic() - asked > 0.9


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_stops_is_503(slow: LimitedPlatform, framing: str) -> None:
    """Its sender may send it again."""
    with connected(slow.otlp) as connection:
        connection.send(head(framing) + b"5\r\nab")
        status, headers, _ = connection.answer()
        assert (503, "1") == (status, headers["retry-after"])
        assert b"" == connection.rest()
    assert 0 == slow.metric("tracefoundry_ingest_bytes_in_flight")


def test_a_body_that_trickles_ends_at_its_deadline(slow: LimitedPlatform) -> None:
    """A byte now and then does not keep it open."""
    with connected(slow.otlp) as connection:
        connection.send(head("Content-Length: 100000"))
        connection.socket.settimeout(0.1)
        received, started = b"", time.monotonic()
        while not received and time.monotonic() - started < DEADLINE_S:
            with contextlib.suppress(TimeoutError):
                connection.send(b"x")
                received = connection.socket.recv(1_000)
        assert received.startswith(b"HTTP/1.1 503 ")


def test_the_rest_of_a_refused_body_is_read_for_a_while(slow: LimitedPlatform) -> None:
    """So that the sender sees the answer; then the connection ends."""
    with connected(slow.otlp) as connection:
        connection.send(head("Content-Length: 100000", content_type="text/plain") + b"x" * 1000)
        assert 415 == connection.status()
        assert b"" == connection.rest()


def test_a_reader_that_stalls_is_cut_off(slow: LimitedPlatform) -> None:
    """It would keep its answers in memory."""
    request = head(line="GET /openapi.json HTTP/1.1", content_type=None)
    with connected(slow.api) as connection:
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.socket.settimeout(20)
            while True:  # until the buffers of both ends are full, and the server closes
                connection.send(request * 10)
        with pytest.raises(ConnectionError):
            connection.send(*[HEALTH] * 100)


def test_requests_before_their_answers_are_bounded(usual: LimitedPlatform) -> None:
    """A packet holds thousands of small ones."""
    with connected(usual.api) as connection:
        connection.send(READY * 3_000)
        assert connection.rest().count(b"HTTP/1.1 200") < 100
    with connected(usual.api) as connection:
        connection.send(HEALTH * 10)
        assert [200] * 10 == [connection.status() for _ in range(10)]


def open_many(base: str, count: int, stack: contextlib.ExitStack) -> list[RawConnection]:
    """Connections that say nothing."""
    return [stack.enter_context(connected(base)) for _ in range(count)]


@pytest.mark.parametrize("port", ["otlp", "api"])
def test_idle_connections_starve_nobody(tmp_path: Path, port: str) -> None:
    """The one that waited longest makes room for a new one."""
    with limited(tmp_path, connections=40, per_address=20) as platform, contextlib.ExitStack() as s:
        base = getattr(platform, port)
        open_many(base, 100, s)
        for request in (HEALTH, READY, export()):
            with connected(base) as connection:
                connection.send(request)
                assert 200 == connection.status()


def test_health_is_answered_above_the_bound(tmp_path: Path) -> None:
    """Where all connections are busy, a reserve answers probes and nothing else."""
    with (
        limited(tmp_path, connections=8, per_address=8, reserve=4, reserve_head_s=20) as platform,
        contextlib.ExitStack() as stack,
    ):
        busy = open_many(platform.otlp, 8, stack)
        for connection in busy:
            connection.send(head("Content-Length: 1000") + b"x")
        eventually(lambda: platform.metric("tracefoundry_ingest_bytes_in_flight") == 8)
        silent = open_many(platform.otlp, 12, stack)
        for request, status in ((HEALTH, 200), (READY, 200), (export(), 503), (SESSION, 503)):
            with connected(platform.otlp) as connection:
                connection.send(request)
                assert status == connection.status()
                assert b"" == connection.rest()
        assert [b""] * 8 == [connection.rest() for connection in silent[:8]]
        for connection in busy:
            connection.send(b"x" * 999)
        assert [400] * 8 == [connection.status() for connection in busy]


class Fake:
    """A connection at its seam."""

    def __init__(self) -> None:
        self.closed = False

    def close_waiting(self) -> None:
        """Note it."""
        self.closed = True

    def check_deadlines(self, now: float) -> None:
        """Nothing."""


def test_the_address_with_most_connections_makes_room() -> None:
    """Not the one that has few."""
    table = ConnectionTable(ConnectionLimits(connections=5, per_address=4, reserve=1))
    few, many = [Fake(), Fake()], [Fake(), Fake(), Fake()]
    for connection in few:
        table.add(connection, "10.0.0.1")
    for connection in many:
        table.add(connection, "10.0.0.2")
    assert "open" == table.add(Fake(), "10.0.0.3")
    assert [False, False, True, False, False] == [each.closed for each in [*few, *many]]


def test_a_busy_connection_never_makes_room() -> None:
    """A new one waits in the reserve, and the oldest there goes first."""
    table = ConnectionTable(ConnectionLimits(connections=9, per_address=2, reserve=2))
    busy = [Fake(), Fake()]
    for connection in busy:
        assert "open" == table.add(connection, "10.0.0.1")
        table.set_waiting(connection, False)
    reserve = [Fake() for _ in range(3)]
    assert ["reserve"] * 3 == [table.add(each, "10.0.0.1") for each in reserve]
    assert "open" == table.add(Fake(), "10.0.0.2")
    assert [False, False, True, False, False] == [each.closed for each in [*busy, *reserve]]
    table.set_waiting(busy[1], True)
    assert "open" == table.add(Fake(), "10.0.0.1")
    assert busy[1].closed
    for connection in [*busy, *reserve]:
        table.remove(connection)


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
    ],
)
def test_an_ipv6_peer_is_its_network(address: str | None, peer: str) -> None:
    """One host has all of its addresses."""
    assert peer == peer_of(address)
