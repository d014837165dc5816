"""What the collector accepted reaches ingest: through kills, outages and a damaged queue."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_process import CollectorProcess, Receiver, spans

DELIVERY_S = 60.0
BATCH = 100


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """What stands for ingest."""
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def collector(receiver: Receiver, tmp_path: Path) -> Iterator[CollectorProcess]:
    """A collector that sends to the receiver; not started."""
    process = CollectorProcess(tmp_path, receiver.url)
    yield process
    process.stop()


def test_accepted_spans_are_delivered_compressed_and_with_the_token(
    collector: CollectorProcess, receiver: Receiver
) -> None:
    """The plain way."""
    collector.start()
    sent = _send(collector, batches=3)
    _wait(lambda: sent == receiver.span_ids, "delivery")
    assert {"Bearer t"} == receiver.authorizations
    assert {"zstd"} == receiver.encodings


def test_a_kill_during_an_outage_loses_nothing(
    collector: CollectorProcess, receiver: Receiver
) -> None:
    """Ingest answers 503, the collector is killed twice, then ingest is back."""
    receiver.status = 503
    collector.start()
    sent = _send(collector, batches=5)
    collector.kill()
    collector.start()
    sent |= _send(collector, batches=5)
    collector.kill()
    collector.start()
    receiver.status = 200
    _wait(lambda: sent == receiver.span_ids, "delivery of what was queued")


def test_log_records_are_delivered_and_a_kill_during_an_outage_loses_none(
    collector: CollectorProcess, receiver: Receiver
) -> None:
    """The events of GenAI instrumentations, with name, body and attributes, by their own queue."""
    collector.start()
    sent = [("gen_ai.user.message", "before", "a")]
    collector.send(_log(*sent[-1]))
    _wait(lambda: sent == _log_records(receiver), "delivery of a log record")
    receiver.status = 503
    sent.append(("gen_ai.choice", "during", "b"))
    collector.send(_log(*sent[-1]))
    collector.kill()
    receiver.status = 200
    collector.start()
    # What was on its way when the collector was killed may come twice.
    _wait(lambda: set(sent) == set(_log_records(receiver)), "delivery of what was queued")
    assert ({"zstd"}, {"Bearer t"}) == (receiver.encodings, receiver.authorizations)
    assert [] == receiver.requests


def test_a_damaged_queue_is_moved_aside_said_and_counted(
    collector: CollectorProcess, receiver: Receiver
) -> None:
    """The collector starts, takes spans and delivers; the old file and the count stay."""
    collector.start()
    _wait(lambda: _aside(collector) == "0", "count of none")
    collector.kill()
    damaged = next(collector.queue.glob("exporter_otlp_http_ingest*traces"))
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    collector.start()
    sent = _send(collector, batches=1)
    _wait(lambda: sent <= receiver.span_ids, "delivery")
    assert "1" == _aside(collector)
    assert "a queue file was damaged and is moved aside" in collector.log()
    assert 1 == len(list(collector.queue.glob("*.corrupt-*")))


def test_values_of_secret_keys_do_not_leave_the_collector(
    collector: CollectorProcess, receiver: Receiver
) -> None:
    """The key filter works on what is really sent."""
    planted = secrets.token_hex(16)
    collector.start()
    request = _request()
    for span in spans(request)[:1]:
        for key in ("http.request.header.authorization", "db.password", "plain"):
            attribute = span.attributes.add()
            attribute.key = key
            attribute.value.string_value = planted if key != "plain" else "kept"
    collector.send(request)
    _wait(lambda: len(receiver.span_ids) == BATCH, "delivery")
    text = "".join(str(received) for received in receiver.requests)
    assert planted not in text
    assert "kept" in text


def _send(collector: CollectorProcess, *, batches: int) -> set[bytes]:
    sent: set[bytes] = set()
    for _ in range(batches):
        request = _request()
        collector.send(request)
        sent.update(span.span_id for span in spans(request))
    return sent


def _request() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(BATCH):
        span = scope.spans.add()
        span.trace_id = secrets.token_bytes(16)
        span.span_id = secrets.token_bytes(8)
        span.name = "work"
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 1000
    return request


def _log(name: str, body: str, system: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id = secrets.token_bytes(16)
    record.span_id = secrets.token_bytes(8)
    record.time_unix_nano = time.time_ns()
    record.event_name = name
    record.body.string_value = body
    attribute = record.attributes.add()
    attribute.key = "gen_ai.system"
    attribute.value.string_value = system
    return request


def _log_records(receiver: Receiver) -> list[tuple[str, str, str]]:
    return [
        (record.event_name, record.body.string_value, record.attributes[0].value.string_value)
        for request in list(receiver.log_requests)
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def _aside(collector: CollectorProcess) -> str | None:
    for line in collector.metrics().splitlines():
        if line.startswith("target_info"):
            _, _, rest = line.partition('tracefoundry_queue_files_set_aside="')
            return rest.partition('"')[0] or None
    return None


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DELIVERY_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in {DELIVERY_S:.0f} s"
        time.sleep(0.05)
