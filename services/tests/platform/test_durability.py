"""200 means durable: processes and databases are killed under load, and the ledger must agree."""

from __future__ import annotations

import gzip
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from ingest.ledger import assert_stored_once, load
from platform_process import Platform, eventually, run_command, running
from postgres_server import PostgresServer, system_binaries, wheel_binaries
from tracefoundry.ingest.worker import COMMIT_BYTES, QUEUED_BYTES

pytestmark = pytest.mark.faults

MIB = 1024 * 1024


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_killing_processes_under_load_loses_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    """kill -9 of everything at once, and of the listening process alone.

    Workers that are left alone finish what they have and end, beside the next process.
    """
    with (
        running("serve", "--database", url, folder=tmp_path) as platform,
        load(lambda: platform.otlp) as senders,
    ):
        orphans: list[int] = []
        for everything in (True, False, True):
            senders.wait_for("200", 25)
            if everything:
                platform.kill()
            else:
                orphans = platform.worker_pids
                os.kill(platform.pid, signal.SIGKILL)
                platform.wait()
            platform.start()
        senders.wait_for("200", 25)
        assert orphans
        eventually(lambda: not any(map(_alive, orphans)), what="the end of orphaned workers")
        senders.finish()
        assert set(senders.ledger.answers) - {"200", "503"}, "the kills were not noticed"
        assert_stored_once(url, senders.ledger)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _replace_a_worker(platform: Platform) -> None:
    """Kill one, and wait until there are as many as before.

    One that had no request at that moment dies without a 503.
    """
    workers = eventually(lambda: platform.worker_pids, what="a worker")
    os.kill(workers[0], signal.SIGKILL)
    eventually(
        lambda: len(set(platform.worker_pids) - {workers[0]}) >= len(workers),
        what="another worker in its place",
    )


def test_killing_a_worker_under_load_is_a_temporary_failure(url: str, tmp_path: Path) -> None:
    """Senders see 200 or 503 and nothing else; another worker takes its place."""
    with (
        running("serve", "--database", url, folder=tmp_path) as platform,
        load(lambda: platform.otlp) as senders,
    ):
        for _ in range(3):
            senders.wait_for("200", 25)
            _replace_a_worker(platform)
        senders.wait_for("200", 25)
        senders.finish()
        assert {"200", "503"} >= set(senders.ledger.answers)
        assert 0 == senders.ledger.retry_after_missing
        assert_stored_once(url, senders.ledger)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that the test may crash."""
    server = PostgresServer(system_binaries() or wheel_binaries())
    server.start()
    yield server
    server.remove()


def test_a_database_crash_under_load_is_503_until_it_is_back(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """PostgreSQL goes down without a farewell and comes back: no 500, no restart, no loss."""
    url = own_server.create_database("tracefoundry")
    with (
        running("serve", "--database", url, folder=tmp_path) as platform,
        load(lambda: platform.otlp) as senders,
    ):
        for _ in range(2):
            senders.wait_for("200", 25)
            own_server.stop(signal.SIGQUIT)
            senders.wait_for("503", 20)
            answer = platform.client.get(platform.api + "/readyz")
            assert 503 == answer.status_code
            assert answer.json()["checks"]["database"]["reason"]
            assert 200 == platform.client.get(platform.api + "/healthz").status_code
            listing = platform.client.get(platform.api + "/api/traces")
            assert 503 == listing.status_code
            assert "retry-after" in listing.headers
            own_server.start()
        senders.wait_for("200", 25)
        senders.finish()
        assert {"200", "503"} == set(senders.ledger.answers)
        assert 0 == senders.ledger.retry_after_missing
        assert_stored_once(url, senders.ledger)
        # The results of the checks are used again for a moment.
        eventually(
            lambda: 200 == platform.client.get(platform.api + "/readyz").status_code,
            what="readiness",
        )


def test_ingest_and_query_start_before_their_database(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """They are alive and not ready, say why, and become ready once it is up and migrated."""
    url = own_server.create_database("tracefoundry")
    own_server.stop()
    trace_id = new_trace_id()
    content, headers = body([span(trace_id)]), {"content-type": PROTOBUF}
    with (
        running("ingest", "--database", url, folder=tmp_path) as ingest,
        running("query", "--database", url, folder=tmp_path) as query,
    ):

        def readiness(platform: Platform) -> tuple[int, str]:
            base = platform.api or platform.otlp
            answer = platform.client.get(base + "/readyz")
            return answer.status_code, answer.json()["checks"]["database"]["reason"] or ""

        def export() -> httpx.Response:
            return ingest.client.post(ingest.otlp + "/v1/traces", content=content, headers=headers)

        for platform in (ingest, query):
            base = platform.api or platform.otlp
            assert 200 == platform.client.get(base + "/healthz").status_code
            status, reason = readiness(platform)
            assert 503 == status
            assert reason
        assert 503 == export().status_code
        own_server.start()
        eventually(lambda: "migrate" in readiness(ingest)[1], what="another reason")
        eventually(lambda: "migrate" in readiness(query)[1], what="another reason")
        assert 503 == export().status_code
        assert 0 == run_command("migrate", "--database", url).returncode
        eventually(lambda: (200, "") == readiness(ingest), what="readiness")
        eventually(lambda: (200, "") == readiness(query), what="readiness")
        eventually(lambda: 200 == export().status_code, what="an accepted export")
        assert 1 == query.get(f"/api/traces/{trace_id.hex()}")["span_count"]


def test_a_stop_under_load_answers_everything_it_took(url: str, tmp_path: Path) -> None:
    """SIGTERM: what was received is committed and answered 200; the rest was never accepted."""
    with (
        running("serve", "--database", url, folder=tmp_path) as platform,
        load(lambda: platform.otlp) as senders,
    ):
        senders.wait_for("200", 50)
        platform.terminate()
        assert 0 == platform.wait()
        senders.abandon()
        assert "503" not in senders.ledger.answers
        assert_stored_once(url, senders.ledger, others=True)


def test_two_ingest_processes_share_a_database(postgres_url: str, tmp_path: Path) -> None:
    """Writers of the same traces, one of them killed: totals stay right."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        running("serve", "--database", postgres_url, folder=tmp_path / "a") as first,
        running("ingest", "--database", postgres_url, folder=tmp_path / "b") as second,
    ):
        turn = iter(range(10**9))
        with load(lambda: (first if next(turn) % 2 else second).otlp) as senders:
            senders.wait_for("200", 50)
            second.kill()
            second.start()
            senders.wait_for("200", 50)
            senders.finish()
            assert_stored_once(postgres_url, senders.ledger)


BUDGET_BYTES = 4 * MIB
DECODE_ALLOWANCE_BYTES = 64 * MIB
BASE_BYTES = 200 * MIB
"""What an idle platform may weigh (issue 1: under 200 MB in all)."""


def test_a_blocked_commit_turns_senders_away_and_bounds_memory(
    postgres_url: str, tmp_path: Path
) -> None:
    """Beyond the budget senders get 429 with Retry-After; what was admitted is stored.

    The bound: the budget of bodies as sent, twice the largest body for each worker (one being
    decoded, one waiting or being committed), and the base.
    """
    environment = {
        "TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT": "4MiB",
        "TRACEFOUNDRY_INGEST_WORKERS": "2",
    }
    bound = BUDGET_BYTES + 2 * 2 * DECODE_ALLOWANCE_BYTES + BASE_BYTES
    padding = MIB // 20
    with running(
        "serve", "--database", postgres_url, folder=tmp_path, environment=environment
    ) as platform:
        assert 200 == platform.client.get(platform.api + "/readyz").status_code
        in_flight: list[float] = []
        memory: list[int] = []
        with psycopg.connect(postgres_url) as blocker:
            blocker.execute("LOCK TABLE traces")
            with load(lambda: platform.otlp, senders=40, padding=padding) as senders:

                def pressed() -> bool:
                    in_flight.append(platform.metric("tracefoundry_ingest_bytes_in_flight"))
                    memory.append(platform.memory_bytes())
                    return senders.ledger.count("429") >= 36

                eventually(pressed, what="429")
                assert 0 == senders.ledger.count("200")
                blocker.rollback()
                senders.wait_for("200", 40)
                senders.finish()
        assert {"200", "429"} == set(senders.ledger.answers)
        assert 0 == senders.ledger.retry_after_missing
        assert 3 * MIB < max(in_flight) <= BUDGET_BYTES
        assert max(memory) < bound
        assert_stored_once(postgres_url, senders.ledger)
        eventually(
            lambda: 0 == platform.metric("tracefoundry_ingest_bytes_in_flight"),
            what="an empty budget",
        )


def bombs(count: int, size: int) -> list[bytes]:
    """Small gzip bodies of one span each that stand for ``size`` bytes."""
    plain = body([span(bytes([255]) * 16, attributes={"filler": "x" * size})])
    head, tail = plain[:200], gzip.compress(plain[200:], 1)
    # Two gzip members are one body, so that the long one is compressed once.
    return [
        gzip.compress(head.replace(bytes([255]) * 16, new_trace_id())) + tail for _ in range(count)
    ]


def test_decompressed_bodies_are_bounded_while_a_commit_is_blocked(
    postgres_url: str, tmp_path: Path
) -> None:
    """Small bodies that stand for large ones wait undecoded: the byte budget cannot see them.

    The bound: what may wait and what is being committed, a body on top of each, four copies of
    all that (text, row, the buffers of a commit), and the base.
    """
    size, count = 16 * MIB, 20
    bound = 4 * (QUEUED_BYTES + COMMIT_BYTES + 2 * size) + BASE_BYTES
    sent = bombs(count, size)
    answers: list[int] = []
    memory: list[int] = []
    environment = {"TRACEFOUNDRY_INGEST_WORKERS": "1"}
    with running(
        "serve", "--database", postgres_url, folder=tmp_path, environment=environment
    ) as platform:

        def send(content: bytes) -> None:
            headers = {"content-type": PROTOBUF, "content-encoding": "gzip"}
            with httpx.Client(timeout=60, trust_env=False) as client:
                answer = client.post(platform.otlp + "/v1/traces", content=content, headers=headers)
                answers.append(answer.status_code)

        threads = [threading.Thread(target=send, args=(content,)) for content in sent]
        with psycopg.connect(postgres_url) as blocker:
            blocker.execute("LOCK TABLE traces")
            for thread in threads:
                thread.start()
            expected = sum(map(len, sent))
            eventually(
                lambda: expected == platform.metric("tracefoundry_ingest_bytes_in_flight"),
                what="all bodies in flight",
            )
            watch_until = time.monotonic() + 2.0

            def watched() -> bool:
                memory.append(platform.memory_bytes())
                return time.monotonic() > watch_until

            eventually(watched, what="two seconds of watching")
            blocker.rollback()
        for thread in threads:
            thread.join()
    assert [200] * count == answers
    assert max(memory) < bound
