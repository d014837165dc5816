"""OTLP/gRPC answers for passing trouble, from a server over a service of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry

from ingest.bodies import body, new_trace_id, span
from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.gate import Gate
from tracefoundry.ingest import admission
from tracefoundry.ingest.admission import Admission
from tracefoundry.ingest.grpc import MAX_CALLS, SERVICES, make_server
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool
from tracefoundry.ingest.service import IngestService
from tracefoundry.store.memory.store import MemoryStore


def open_gate() -> Gate:
    """A gate that asks nobody, as on loopback."""
    return Gate(None, AuditLog(MemoryStore().administration))


class OutcomePool(WorkerPool):
    """A pool at its seam: every export ends with the same outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    async def submit(self, request: IngestRequest, body: bytes) -> Outcome:
        """The outcome, whatever came."""
        return self._outcome


async def export(budget: Admission, outcome: Outcome, service_name: str) -> grpc.aio.AioRpcError:
    """The error that a client of a fresh server gets."""
    service = IngestService(budget, OutcomePool(outcome), IngestMetrics(CollectorRegistry()))
    server, port = make_server(service, "127.0.0.1", 0, open_gate())
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary(f"/{service_name}/Export")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(body([span(new_trace_id())]))
            return caught.value
    finally:
        await server.stop(None)


@pytest.mark.parametrize("service_name", SERVICES)
def test_a_full_budget_is_resource_exhausted_with_retry_info(
    service_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RetryInfo is what makes the code retryable (OTLP specification)."""
    monkeypatch.setattr(admission, "WAIT_S", 0.01)

    async def scenario() -> grpc.aio.AioRpcError:
        budget = Admission(100)
        await budget.acquire(100)
        return await export(budget, Outcome(0, "ok"), service_name)

    error = asyncio.run(scenario())
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == error.code()
    [packed] = [
        value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"
    ]
    assert isinstance(packed, bytes)
    [detail] = Status.FromString(packed).details
    retry = RetryInfo()
    assert detail.Unpack(retry)
    assert 1 == retry.retry_delay.seconds


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("unavailable", grpc.StatusCode.UNAVAILABLE),
        ("undecodable", grpc.StatusCode.INVALID_ARGUMENT),
        ("too_large", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_outcomes_become_codes(status: str, code: grpc.StatusCode) -> None:
    """Only UNAVAILABLE says that sending again may help."""
    reason = "the ingest worker ended before answering"
    outcome = Outcome(0, status, reason)  # type: ignore[arg-type]
    error = asyncio.run(export(Admission(10_000), outcome, next(iter(SERVICES))))
    assert (code, reason) == (error.code(), error.details())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most half a minute."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


class SlowPool(WorkerPool):
    """A pool at its seam: exports end when the test says so; counts what it holds."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.held = 0
        self.most_held = 0

    async def submit(self, request: IngestRequest, body: bytes) -> Outcome:
        """Ok, after the test's word; as the real one, a cancelled export waits for its worker."""
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await self.go_on.wait()
            raise
        finally:
            self.held -= 1
        return Outcome(request.id, "ok")


def test_calls_above_the_limit_wait_and_are_then_turned_away_with_retry_info(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """gRPC's own limit would refuse without RetryInfo, and senders would drop their spans."""
    monkeypatch.setattr(admission, "WAIT_S", 0.2)

    async def scenario() -> tuple[list[Any], int]:
        pool = SlowPool()
        service = IngestService(Admission(10**9), pool, IngestMetrics(CollectorRegistry()))
        server, port = make_server(service, "127.0.0.1", 0, open_gate())
        await server.start()
        name = next(iter(SERVICES))
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}") for _ in range(2)]
        try:
            calls = []
            for number in range(MAX_CALLS + 40):
                method: Any = channels[number % 2].unary_unary(f"/{name}/Export")
                calls.append(asyncio.ensure_future(method(body([span(new_trace_id())]))))
            turned_away = 0
            while turned_away < 40:
                await asyncio.wait(calls, timeout=0.05, return_when=asyncio.FIRST_EXCEPTION)
                turned_away = sum(call.done() for call in calls)
            pool.go_on.set()
            return await asyncio.gather(*calls, return_exceptions=True), pool.most_held
        finally:
            for channel in channels:
                await channel.close()
            await server.stop(None)

    answers, most_held = asyncio.run(scenario())
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert (MAX_CALLS, 40) == (most_held, len(refused))
    for error in refused:
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == error.code()
        assert "grpc-status-details-bin" in dict(error.trailing_metadata() or ())


def test_a_cancelled_call_keeps_its_bytes_in_the_budget_until_the_worker_is_done() -> None:
    """The worker has the body, whatever the client does."""

    async def scenario() -> tuple[int, int]:
        pool, budget = SlowPool(), Admission(10**9)
        service = IngestService(budget, pool, IngestMetrics(CollectorRegistry()))
        server, port = make_server(service, "127.0.0.1", 0, open_gate())
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                method: Any = channel.unary_unary(f"/{next(iter(SERVICES))}/Export")
                call = method(body([span(new_trace_id())]))
                await until(lambda: pool.held > 0)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                during = budget.in_flight_bytes
                pool.go_on.set()
                await until(lambda: budget.in_flight_bytes == 0)
                return during, budget.in_flight_bytes
        finally:
            await server.stop(None)

    during, after = asyncio.run(scenario())
    assert during > 0
    assert 0 == after


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (
            'the database cannot answer now: connection to server at "db.internal" (10.1.2.3),'
            ' port 5432 failed: FATAL: password authentication failed for user "tf"',
            "the database cannot be reached",
        ),
        (
            "payload store: cannot write bucket 'traces' at http://s3.internal: it answered 500",
            "the payload store cannot be reached",
        ),
        ("", "the ingest worker ended before answering"),
    ],
)
def test_senders_hear_no_host_user_or_bucket(
    detail: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They may be strangers; the log has it, once."""
    outcome = Outcome(0, "unavailable", said, detail=detail)
    error = asyncio.run(export(Admission(10_000), outcome, next(iter(SERVICES))))
    assert (grpc.StatusCode.UNAVAILABLE, said) == (error.code(), error.details())
    assert 1 == sum((detail or said) in record.message for record in caplog.records)
