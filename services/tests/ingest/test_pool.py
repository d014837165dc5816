"""Worker processes: real ones, some of which are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ingest.bodies import body, new_trace_id, span
from store.reading import count
from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest import pool as pool_module
from tracefoundry.ingest import suspects as suspects_module
from tracefoundry.ingest.messages import IngestRequest, Outcome, WorkerConfig
from tracefoundry.ingest.pool import WorkerPool
from tracefoundry.ingest.suspects import Suspects
from tracefoundry.model.limits import MAX_BODY_BYTES
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations

DEADLINE_S = 120.0


def a_body() -> bytes:
    """An export of one span."""
    return body([span(new_trace_id())])


def traces_request() -> IngestRequest:
    """An export of spans in protobuf."""
    return IngestRequest(0, "traces", "protobuf")


@pytest.fixture
def migrated_url(sqlite_url: str) -> str:
    """A SQLite file at the newest schema."""
    migrations.upgrade(sqlite_url)
    return sqlite_url


def config(url: str) -> WorkerConfig:
    """Settings of a worker, with payloads beside the SQLite file."""
    return WorkerConfig(
        database_url=url,
        rules=ProjectRules(retention_spans_ns=7 * DAY_NS, retention_payloads_ns=3 * DAY_NS),
        ahead_ns=DAY_NS,
        max_body_bytes=MAX_BODY_BYTES,
        memory_bytes=2 * 1024**3,
        payload_url=f"file://{url.removeprefix('sqlite:///')}.payloads",
    )


def with_pool(
    url: str, scenario: Callable[[WorkerPool], Coroutine[Any, Any, None]], size: int = 1
) -> None:
    """Run a scenario over a pool, which is closed afterwards."""

    async def run() -> None:
        pool = WorkerPool(config(url), size)
        try:
            await asyncio.wait_for(scenario(pool), DEADLINE_S)
        finally:
            await pool.close()

    asyncio.run(run())


def test_workers_start_with_the_first_request(migrated_url: str) -> None:
    """An idle platform stays small; requests are stored and matched to their outcomes."""

    async def scenario(pool: WorkerPool) -> None:
        assert [] == pool.pids
        outcomes = await asyncio.gather(
            *(pool.submit(traces_request(), a_body()) for _ in range(20))
        )
        assert [("ok", 1)] * 20 == [(outcome.status, outcome.accepted) for outcome in outcomes]
        assert 20 == len({outcome.id for outcome in outcomes})
        assert 2 == len(pool.pids)

    with_pool(migrated_url, scenario, size=2)
    assert 20 == count(migrated_url, "spans")


def test_a_dead_workers_requests_are_unavailable_and_another_takes_over(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unanswered requests get a temporary failure, never an exception."""
    monkeypatch.setattr(pool_module, "RESTART_PAUSE_S", 0.0)
    path = Path(migrated_url.removeprefix("sqlite:///"))

    async def scenario(pool: WorkerPool) -> None:
        assert "ok" == (await pool.submit(traces_request(), a_body())).status
        [first] = pool.pids
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        stuck = [asyncio.create_task(pool.submit(traces_request(), a_body())) for _ in range(3)]
        done, _ = await asyncio.wait(stuck, timeout=0.2)
        assert set() == done
        os.kill(first, signal.SIGKILL)
        outcomes = await asyncio.gather(*stuck)
        assert ["unavailable"] * 3 == [outcome.status for outcome in outcomes]
        blocker.execute("ROLLBACK")
        blocker.close()
        assert "ok" == (await pool.submit(traces_request(), a_body())).status
        assert [first] != pool.pids

    with_pool(migrated_url, scenario)
    assert 2 == count(migrated_url, "spans")


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks go on until a condition holds."""
    while not condition():  # noqa: ASYNC110 - no event tells of it; the scenario has a deadline
        await asyncio.sleep(0)


def with_dying_workers(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[WorkerPool], Coroutine[Any, Any, None]],
    size: int = 1,
) -> None:
    """The same with workers of :mod:`ingest.dying_worker`, which start at once."""
    monkeypatch.setattr(pool_module, "RESTART_PAUSE_S", 0.0)
    monkeypatch.setattr(pool_module, "WORKER_MODULE", "ingest.dying_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    with_pool(url, scenario, size)


@pytest.mark.parametrize("body", [b"SEGV", b"ABRT", b"EXIT"])
def test_a_body_that_kills_two_workers_is_refused_for_good(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """The second time it is alone, so it is the cause. No third worker dies."""

    async def scenario(pool: WorkerPool) -> None:
        statuses = [(await pool.submit(traces_request(), body)).status for _ in range(4)]
        assert ["unavailable", "too_large", "too_large", "too_large"] == statuses
        assert [] == pool.pids
        assert "ok" == (await pool.submit(traces_request(), body + b"?")).status
        assert "ok" == (await pool.submit(traces_request(), b"fine")).status

    with_dying_workers(sqlite_url, monkeypatch, scenario)


@pytest.mark.parametrize("size", [1, 2])
def test_bodies_beside_a_killer_are_stored(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """They are suspects too, and each is found innocent alone."""

    async def scenario(pool: WorkerPool) -> None:
        bodies = [b"HOLD%d" % number for number in range(8)]
        first = [asyncio.create_task(pool.submit(traces_request(), each)) for each in bodies]
        await until(lambda: bool(pool.pids))
        killers = [asyncio.create_task(pool.submit(traces_request(), b"SEGV")) for _ in range(2)]
        assert {"unavailable"} == {(await each).status for each in [*first, *killers][: 8 // size]}
        again = [pool.submit(traces_request(), each + b"!") for each in bodies]
        again += [pool.submit(traces_request(), b"fine")]
        assert {"ok"} == {outcome.status for outcome in await asyncio.gather(*again)}

    with_dying_workers(sqlite_url, monkeypatch, scenario, size)


def test_a_worker_killed_from_outside_convicts_nobody(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same body may be with it time after time."""

    async def scenario(pool: WorkerPool) -> None:
        for _ in range(4):
            assert "unavailable" == (await pool.submit(traces_request(), b"KILL")).status

    with_dying_workers(sqlite_url, monkeypatch, scenario)


def test_an_abandoned_export_is_dropped_before_its_worker_has_it(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And waited for afterwards, because its bytes are in use."""

    async def scenario(pool: WorkerPool) -> None:
        await pool.submit(traces_request(), b"fine")
        [worker] = [worker for worker in pool._workers if worker is not None]
        async with worker.sending:
            waiting = asyncio.create_task(pool.submit(traces_request(), b"x" * 100))
            await until(lambda: bool(worker.outstanding))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert {} == worker.outstanding
        sent = asyncio.create_task(pool.submit(traces_request(), b"HOLD"))
        await until(lambda: bool(worker.outstanding) and not worker.sending.locked())
        sent.cancel()
        assert {sent} == (await asyncio.wait([sent], timeout=0.05))[1]
        os.kill(worker.process.pid, signal.SIGKILL)
        with pytest.raises(asyncio.CancelledError):
            await sent

    with_dying_workers(sqlite_url, monkeypatch, scenario)


def test_the_memory_of_suspects_and_killers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(suspects_module, "MOST_SUSPECTS", 2)
    monkeypatch.setattr(suspects_module, "MOST_KILLERS", 1)
    suspects = Suspects()
    suspects.add((traces_request(), body) for body in (b"a", b"bb", b"ccc"))
    found = [suspects.suspect(traces_request(), body) for body in (b"a", b"bb", b"ccc", b"d")]
    assert [False, True, True, False] == [digest is not None for digest in found]
    for digest in found[1:3]:
        assert digest is not None
        suspects.convict(digest)
    assert [False, True] == [suspects.kills(traces_request(), body) for body in (b"bb", b"ccc")]


def test_a_worker_that_dies_at_once_is_not_started_in_a_busy_loop(migrated_url: str) -> None:
    """Within the pause the answer is that there is no worker."""

    async def scenario(pool: WorkerPool) -> None:
        await pool.submit(traces_request(), a_body())
        [first] = pool.pids
        os.kill(first, signal.SIGKILL)
        worker = pool._workers[0]
        assert worker is not None
        assert worker.reading is not None
        await worker.reading
        pool._started_at[0] = time.monotonic()
        outcome = await pool.submit(traces_request(), a_body())
        assert "unavailable" == outcome.status
        assert "worker" in outcome.message
        assert [] == pool.pids

    with_pool(migrated_url, scenario)


def test_a_process_that_cannot_be_started_is_a_temporary_failure(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process, no memory: the sender asks again."""

    async def refuse(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)

    async def scenario(pool: WorkerPool) -> None:
        outcome = await pool.submit(traces_request(), a_body())
        assert "unavailable" == outcome.status

    with_pool(migrated_url, scenario)


def test_closing_lets_workers_answer_what_they_have(migrated_url: str) -> None:
    """Requests that were submitted before are stored and answered."""

    async def run() -> list[Outcome]:
        pool = WorkerPool(config(migrated_url), 1)
        await pool.submit(traces_request(), a_body())
        pending = [asyncio.create_task(pool.submit(traces_request(), a_body())) for _ in range(10)]
        await asyncio.sleep(0)
        await pool.close()
        late = await pool.submit(traces_request(), a_body())
        assert "unavailable" == late.status
        return list(await asyncio.gather(*pending))

    outcomes = asyncio.run(run())
    assert ["ok"] * 10 == [outcome.status for outcome in outcomes]
    assert 11 == count(migrated_url, "spans")


def test_a_missing_schema_is_unavailable_and_recovers(sqlite_url: str) -> None:
    """A worker over a database that is not migrated yet says what to do."""

    async def scenario(pool: WorkerPool) -> None:
        outcome = await pool.submit(traces_request(), a_body())
        assert "unavailable" == outcome.status
        assert "tracefoundry migrate" in outcome.message
        migrations.upgrade(sqlite_url)
        outcome = await pool.submit(traces_request(), a_body())
        assert "ok" == outcome.status

    with_pool(sqlite_url, scenario)
