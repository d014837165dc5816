"""What one sender can take from others: logins, bytes, and the time of abandoned exports."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ingest.bodies import body, new_trace_id, span
from ingest.sending import assert_stored, post
from platform_process import eventually
from raw_http import connected, head
from server.limited_platform import LimitedPlatform, limited
from tracefoundry.auth import failed_attempts
from tracefoundry.auth.failed_attempts import FailedAttempts
from tracefoundry.auth.token_text import new_token

GUESSERS = 600
IN_FLIGHT = "tracefoundry_ingest_bytes_in_flight"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedPlatform]:
    """A process that asks for tokens."""
    with limited(tmp_path_factory.mktemp("guarded"), tokens=True) as platform:
        yield platform


def bearer(token: str) -> str:
    """The header of a token."""
    return f"Authorization: Bearer {token}"


async def guess(base: str, stop: asyncio.Event, answers: list[int]) -> None:
    """Send one random token after another on one connection."""
    parts = urlsplit(base)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while not stop.is_set():
            request = head(bearer(new_token()), line="GET /api/session HTTP/1.1", content_type=None)
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(answer.lower().partition(b"content-length: ")[2].split()[0])
            await reader.readexactly(size)
            answers.append(int(answer.split()[1]))
    writer.close()


def test_guesses_of_many_clients_lock_nobody_out(guarded: LimitedPlatform) -> None:
    """600 clients with random tokens; new and known good tokens of the same address go on."""
    known = guarded.new_token("ingest", "known")
    fresh = [guarded.new_token("ingest", f"fresh-{number}") for number in range(3)]
    assert_stored(post(guarded, body([span(new_trace_id())]), authorization=f"Bearer {known}"))

    async def flood() -> tuple[list[int], list[float]]:
        stop, answers, waited = asyncio.Event(), [], []
        guessers = [asyncio.create_task(guess(guarded.api, stop, answers)) for _ in range(GUESSERS)]
        while len(answers) < 100:  # noqa: ASYNC110 - the test has a deadline of its own
            await asyncio.sleep(0.01)
        for token in [*fresh, known, known]:
            started = time.monotonic()
            content = body([span(new_trace_id())])
            assert_stored(
                await asyncio.to_thread(
                    lambda token=token, content=content: post(
                        guarded, content, authorization=f"Bearer {token}"
                    )
                )
            )
            waited.append(time.monotonic() - started)
        stop.set()
        await asyncio.gather(*guessers)
        return answers, waited

    answers, waited = asyncio.run(asyncio.wait_for(flood(), 120))
    assert {401} == set(answers)
    assert max(waited) < 60


def test_repeated_failures_of_an_address_wait_for_their_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first ones do not, nor those of other addresses, nor later ones after a while."""
    monkeypatch.setattr(failed_attempts, "BURST", 3)
    now = [0.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    attempts = FailedAttempts(clock=lambda: now[0])

    async def fail(address: str, times: int) -> int:
        before = len(slept)
        for _ in range(times):
            await attempts.failed(address)
        return len(slept) - before

    async def scenario() -> list[int]:
        delayed = [await fail("10.0.0.1", 5), await fail("10.0.0.2", 3)]
        delayed += [await fail("2001:db8::1", 2), await fail("2001:db8::2", 2)]
        now[0] = 10.0
        return [*delayed, await fail("10.0.0.1", 3)]

    assert [2, 0, 0, 1, 0] == asyncio.run(scenario())


def test_remembered_addresses_and_delayed_answers_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever number of addresses fails."""
    monkeypatch.setattr(failed_attempts, "MOST_PEERS", 2)
    monkeypatch.setattr(failed_attempts, "MOST_DELAYED", 1)
    monkeypatch.setattr(failed_attempts, "BURST", 0)
    monkeypatch.setattr(failed_attempts, "DELAY_S", 30.0)

    async def scenario() -> None:
        attempts = FailedAttempts()
        first = asyncio.create_task(attempts.failed("10.0.0.1"))
        await asyncio.sleep(0)
        for number in range(9):
            await asyncio.wait_for(attempts.failed(f"10.0.0.{number}"), 1)
        assert 2 == len(attempts._failures)
        first.cancel()

    asyncio.run(scenario())


def test_announced_bytes_are_not_reserved(guarded: LimitedPlatform) -> None:
    """Two bodies of 64 MiB that do not come block nobody; what came counts."""
    token = guarded.new_token("ingest", "slow")
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            slow = stack.enter_context(connected(guarded.otlp))
            slow.send(head("Content-Length: 67108864", bearer(token)) + b"x" * 10)
        eventually(lambda: guarded.metric(IN_FLIGHT) == 40)
        assert_stored(post(guarded, body([span(new_trace_id())]), authorization=f"Bearer {token}"))
    eventually(lambda: guarded.metric(IN_FLIGHT) == 0)


def test_one_token_cannot_fill_the_budget(guarded: LimitedPlatform) -> None:
    """Alone it may use most of it; what is above that is refused, another token's body taken."""
    greedy = guarded.new_token("ingest", "greedy")
    other = guarded.new_token("ingest", "other")
    mebibyte = b"x" * 1024 * 1024
    with connected(guarded.otlp) as first, connected(guarded.otlp) as second:
        first.send(head("Content-Length: 67108864", bearer(greedy)), *[mebibyte] * 60)
        eventually(lambda: guarded.metric(IN_FLIGHT) >= 60 * len(mebibyte))
        second.send(head("Content-Length: 67108864", bearer(greedy)))
        with contextlib.suppress(ConnectionError):
            second.send(*[mebibyte] * 60)
        assert 429 == second.status()
        assert_stored(post(guarded, body([span(new_trace_id())]), authorization=f"Bearer {other}"))
    eventually(lambda: guarded.metric(IN_FLIGHT) == 0)


def test_an_abandoned_export_ends(tmp_path: Path) -> None:
    """Its bytes leave the budget as soon as no worker has them; waiting ones are never begun."""
    with limited(tmp_path) as platform, contextlib.ExitStack() as stack:
        assert_stored(post(platform, body([span(new_trace_id())])))
        blocker = stack.enter_context(
            contextlib.closing(
                sqlite3.connect(platform.data / "tracefoundry.db", isolation_level=None)
            )
        )
        blocker.execute("BEGIN IMMEDIATE")
        trace_ids = [new_trace_id() for _ in range(12)]
        with contextlib.ExitStack() as senders:
            for trace_id in trace_ids:
                content = body([span(trace_id, attributes={"a": "x" * 2_000_000})])
                sender = senders.enter_context(connected(platform.otlp))
                sender.send(head(f"Content-Length: {len(content)}") + content)
            eventually(lambda: platform.metric(IN_FLIGHT) > 12 * 2_000_000)
        eventually(lambda: platform.metric(IN_FLIGHT) < 10 * 2_000_000)
        blocker.execute("ROLLBACK")
        eventually(lambda: platform.metric(IN_FLIGHT) == 0)
        found = [
            platform.client.get(f"{platform.api}/api/traces/{each.hex()}").status_code
            for each in trace_ids
        ]
        assert 404 in found
