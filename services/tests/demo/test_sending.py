"""What reaches the receiver, and how failures are reported."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from cli.canned_server import Canned, CannedServer
from tracefoundry.cli.app import main
from tracefoundry.demo import sending
from tracefoundry.demo.recording import Recorder
from tracefoundry.demo.sending import ExportFailed, Sent, SpansRefused, send

AT_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z
PATH = "POST /v1/traces"


@pytest.fixture
def receiver() -> Iterator[CannedServer]:
    """An OTLP receiver that takes everything until a test says otherwise."""
    with CannedServer() as server:
        server.answers[PATH] = Canned(b"")
        yield server


def partial(rejected: int, message: str) -> Canned:
    """A success that names refused spans."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    answer.partial_success.error_message = message
    return Canned(answer.SerializeToString())


def send_some(receiver: CannedServer, traces: int = 12, **options: str) -> Sent:
    """Send the first traces of a demo."""
    recorded = Recorder(seed=1, at_ns=AT_NS).record(traces)
    return send(recorded, endpoint=f"{receiver.url}/v1/traces", **options)  # type: ignore[arg-type]


def spans_received(receiver: CannedServer) -> list[bytes]:
    """The ids of all spans that came."""
    bodies = [
        ExportTraceServiceRequest.FromString(one.body)
        for one in receiver.received
        if one.path == "/v1/traces"
    ]
    return [
        span.span_id
        for body in bodies
        for resource in body.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_all_spans_arrive_once_in_batches(receiver: CannedServer) -> None:
    """The count is what was sent."""
    sent = send_some(receiver, 60)
    ids = spans_received(receiver)
    assert (60, len(ids), len(set(ids))) == (sent.traces, sent.spans, sent.spans)
    assert len(receiver.received) > 1


def test_token_and_project_go_as_headers(receiver: CannedServer) -> None:
    """A bearer token, and the project header."""
    send_some(receiver, token="tf_1", project="p1")
    headers = receiver.received[0].headers
    assert ("Bearer tf_1", "p1", "application/x-protobuf") == (
        headers["authorization"],
        headers["x-tracefoundry-project"],
        headers["content-type"],
    )


def test_a_refused_request_is_reported_with_its_reason(receiver: CannedServer) -> None:
    """The message of the google.rpc.Status that OTLP answers carry."""
    receiver.answers[PATH] = Canned(Status(message="no such tenant").SerializeToString(), 403)
    with pytest.raises(
        ExportFailed, match=r"failed on the next \d+: 403 Forbidden: no such tenant"
    ):
        send_some(receiver)


def test_a_passing_failure_is_retried_until_the_time_is_up(
    receiver: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exporter's own retries; the reported reason is the receiver's."""
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.5)
    receiver.answers[PATH] = Canned(Status(message="full").SerializeToString(), 503)
    with pytest.raises(ExportFailed, match="503 Service Unavailable: full"):
        send_some(receiver)


def test_a_retried_success_is_a_success(receiver: CannedServer) -> None:
    """A 503 that passes costs nothing but time."""
    receiver.answers[PATH] = [Canned(b"", 503, {"retry-after": "0"}), Canned(b"")]
    assert 12 == send_some(receiver).traces


def test_refused_spans_of_a_success_are_an_error(receiver: CannedServer) -> None:
    """A partial success is no success: nothing is lost silently."""
    receiver.answers[PATH] = partial(3, "outside the window")
    with pytest.raises(SpansRefused, match=r"refused 3 of \d+ spans: outside the window"):
        send_some(receiver)


def test_a_warning_without_refusals_is_a_success(receiver: CannedServer) -> None:
    """Our own ingest reports duplicates with other content this way."""
    receiver.answers[PATH] = partial(0, "2 conflicts")
    assert 12 == send_some(receiver).traces


def test_no_answer_at_all_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that went away in the middle."""
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.2)
    spans = Recorder(seed=1, at_ns=AT_NS).record(1)
    with socket.socket() as probe:
        # Bound but not listening: connections are refused for as long as the socket lives.
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}/v1/traces"
        with pytest.raises(ExportFailed, match=r"took 0 spans and failed on the next .*no answer"):
            send(spans, endpoint=endpoint)


def test_the_command_sends_and_says_what(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stdout, for people."""
    code = main(["demo", "--traces", "12", "--at", str(AT_NS), "--url", receiver.url])
    spans = len(spans_received(receiver))
    expected = f"Sent 12 traces ({spans:,} spans) to {receiver.url}/v1/traces\n"
    assert (0, expected) == (code, capsys.readouterr().out)


def test_the_command_fails_in_one_line(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and how to send the rest."""
    failure = Canned(Status(message="broken").SerializeToString(), 400)
    receiver.answers[PATH] = [Canned(b""), failure]
    code = main(["demo", "--traces", "1", "--at", str(AT_NS), "--otlp-endpoint", receiver.url])
    spans = len(next(Recorder(seed=1, at_ns=AT_NS).record(1)))
    expected = (
        f"error: {receiver.url}/v1/traces took 0 spans and failed on the next {spans}: "
        f"400 Bad Request: broken: send the rest with --seed 1 --at {AT_NS}; nothing is doubled\n"
    )
    assert (1, "", expected) == (code, *capsys.readouterr())


def test_the_command_knocks_before_it_works(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong path is reported at once, after one empty request."""
    del receiver.answers[PATH]
    code = main(["demo", "--url", receiver.url])
    assert (1, [b""]) == (code, [request.body for request in receiver.received])
    assert f"error: {receiver.url} answered 404 Not Found" in capsys.readouterr().err


LOGS = "POST /v1/logs"


def test_without_a_time_one_trace_more_is_running(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record of its start goes first, with the project; its own span does not exist yet."""
    receiver.answers[LOGS] = Canned(b"")
    command = ["demo", "--traces", "2", "--project", "p1", "--url", receiver.url]
    assert 0 == main([*command, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (3, 1) == (answer["traces"], answer["running"])
    logs = [one for one in receiver.received if one.path == "/v1/logs"]
    (body,) = [ExportLogsServiceRequest.FromString(one.body) for one in logs]
    (record,) = body.resource_logs[0].scope_logs[0].log_records
    assert "p1" == logs[0].headers["x-tracefoundry-project"]
    assert record.span_id not in spans_received(receiver)
    assert len(spans_received(receiver)) == answer["spans"]


def test_a_receiver_without_logs_gets_the_ended_traces_alone(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts of a run would look like a broken trace there."""
    assert 0 == main(["demo", "--traces", "2", "--url", receiver.url, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (2, 0) == (answer["traces"], answer["running"])


def test_a_start_that_is_refused_is_reported(
    receiver: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything else is sent."""
    receiver.answers[LOGS] = Canned(b"", 503)
    assert 1 == main(["demo", "--traces", "2", "--url", receiver.url])
    assert "/v1/logs answered 503 Service Unavailable" in capsys.readouterr().err
    assert [] == spans_received(receiver)
