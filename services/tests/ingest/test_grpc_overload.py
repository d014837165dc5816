"""OTLP/gRPC answers for passing trouble, from a server over a service of our own."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry

from ingest.bodies import body, new_trace_id, span
from tracefoundry.ingest import admission
from tracefoundry.ingest.admission import Admission
from tracefoundry.ingest.grpc import SERVICES, make_server
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool
from tracefoundry.ingest.service import IngestService


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
    server, port = make_server(service, "127.0.0.1", 0)
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
    outcome = Outcome(0, status, "the reason")  # type: ignore[arg-type]
    error = asyncio.run(export(Admission(10_000), outcome, next(iter(SERVICES))))
    assert (code, "the reason") == (error.code(), error.details())
