"""An object store that fails, under a running platform: content waits at its sender, the rest goes
on, and nothing that was acknowledged is lost. What is damaged is never served."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from content_ledger import assert_blobs_are_stored, assert_readable, content_load, ref_of
from ingest.bodies import body, log_body, new_span_id, new_trace_id, request, span
from ingest.sending import assert_stored, post
from payloads.fault_proxy import Fault, FaultProxy
from payloads.s3_server import S3Server
from platform_process import Platform, eventually, run_command, running
from store.reading import rows

pytestmark = pytest.mark.faults


@dataclass
class Remote:
    """A platform whose object store is behind a proxy that fails on purpose."""

    platform: Platform
    proxy: FaultProxy
    url: str
    folder: Path
    """Where the server keeps the bucket."""


@pytest.fixture(scope="module")
def remote(
    s3_server: S3Server,
    new_bucket: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Remote]:
    """``serve`` on SQLite and S3."""
    folder = tmp_path_factory.mktemp("faults")
    proxy = FaultProxy(s3_server.port)
    environment = {**s3_server.environment, "AWS_ENDPOINT_URL_S3": proxy.endpoint}
    url = f"sqlite:///{folder}/test.db"
    bucket = new_bucket()
    where = ("--database", url, "--payloads", f"s3://{bucket}/x")
    try:
        with running("serve", *where, folder=folder, environment=environment) as platform:
            yield Remote(platform, proxy, url, s3_server.folder / "root" / bucket)
    finally:
        proxy.close()


def chat(trace: bytes, text: str, span_id: bytes | None = None) -> bytes:
    """An export of a span with content."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": text}
    return body([span(trace, span_id=span_id, attributes=attributes)])


def stored_payload(platform: Platform, text: str) -> httpx.Response:
    """What the API answers for a content."""
    return platform.client.get(f"{platform.api}/api/payloads/{ref_of(text)}")


def assert_waits(answer: httpx.Response) -> None:
    """The sender is asked to retry."""
    assert 503 == answer.status_code, answer.content
    assert int(answer.headers["retry-after"]) > 0


def assert_taken_again(platform: Platform, sent: bytes) -> None:
    """A retry succeeds: each worker's pause after a failure ends by itself."""

    def taken() -> bool:
        answer = post(platform, sent)
        if answer.status_code == 503:
            assert_waits(answer)
            return False
        assert_stored(answer)
        return True

    eventually(taken, what="content's 200 after the fault")


def readiness(platform: Platform) -> tuple[int, dict[str, Any]]:
    """Status and checks of ``/readyz``."""
    answer = platform.client.get((platform.api or platform.otlp) + "/readyz")
    return answer.status_code, answer.json()["checks"]


FAULTS: dict[Fault, str] = {
    "error": "500",
    "denied": "denied",
    "no_bucket": "bucket",
    "cut": "connection",
    "hang": "answer",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_content_waits_and_the_rest_goes_on(remote: Remote, fault: Fault) -> None:
    """503 with Retry-After for content, 200 for spans without; what was refused left nothing; the
    same body is taken afterwards."""
    platform, proxy = remote.platform, remote.proxy
    before, text = f"stored before {fault}", f"sent during {fault} " * 300
    trace = new_trace_id()
    sent = body([span(trace, name="beside"), span(trace, attributes={"input.value": text})])
    assert_taken_again(platform, chat(new_trace_id(), before))
    proxy.fault = fault
    try:
        # Side by side: each waits for the store's timeouts.
        refused, unread, probe = at_once(
            lambda: post_alone(platform, sent),
            lambda: stored_payload(platform, before),
            lambda: eventually(lambda: unready(platform), what="a probe that fails"),
        )
        assert_waits(refused)
        assert_waits(unread)
        assert "payload_store_unavailable" == unread.json()["error"]["code"]
        checks = probe.json()["checks"]
        assert (503, True, False) == (
            probe.status_code, checks["database"]["ok"], checks["object_store"]["ok"],
        )  # fmt: skip
        assert FAULTS[fault] in checks["object_store"]["reason"]
        assert_stored(post(platform, body([span(trace, name="alone")])))
        spans = platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
        assert ["alone"] == [found["name"] for found in spans]
    finally:
        proxy.fault = "none"
    assert_taken_again(platform, sent)
    assert 3 == platform.get(f"/api/traces/{trace.hex()}")["span_count"]
    assert [text, before] == [stored_payload(platform, each).text for each in (text, before)]
    eventually(lambda: readiness(platform)[0] == 200, what="readiness after the fault")


def post_alone(platform: Platform, content: bytes) -> httpx.Response:
    """POST on a connection of its own."""
    headers = {"content-type": "application/x-protobuf"}
    return httpx.post(
        platform.otlp + "/v1/traces", content=content, headers=headers, timeout=60, trust_env=False
    )


def unready(platform: Platform) -> httpx.Response | None:
    """``/readyz``, once it says no: what it knows of the store may be some seconds old."""
    answer = httpx.get(platform.api + "/readyz", timeout=60, trust_env=False)
    return answer if answer.status_code == 503 else None


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers of calls that run side by side."""
    answers: dict[int, httpx.Response] = {}

    def run(number: int) -> None:
        answers[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(calls))]


def test_grpc_and_logs_are_asked_to_retry(remote: Remote) -> None:
    """UNAVAILABLE, which exporters try again; afterwards the same calls succeed."""
    platform, proxy = remote.platform, remote.proxy
    trace, owner = new_trace_id(), new_span_id()
    spans = request([span(trace, span_id=owner, attributes={"gen_ai.prompt": "over gRPC"})])
    logs = ExportLogsServiceRequest.FromString(log_body(trace, owner))
    with grpc.insecure_channel(platform.grpc) as channel:
        stubs: list[tuple[Any, Any]] = [
            (TraceServiceStub(channel), spans),  # type: ignore[no-untyped-call]
            (LogsServiceStub(channel), logs),  # type: ignore[no-untyped-call]
        ]
        proxy.fault = "denied"
        try:
            for stub, export in stubs:
                with pytest.raises(grpc.RpcError) as caught:
                    stub.Export(export)
                code: Any = caught.value
                assert grpc.StatusCode.UNAVAILABLE == code.code()
            assert_waits(post(platform, log_body(trace, owner), path="/v1/logs"))
        finally:
            proxy.fault = "none"
        for stub, export in stubs:
            assert_exported_again(stub, export)
    (found,) = platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
    assert ["present", "present"] == [entry["state"] for entry in found["payloads"]]


def assert_exported_again(stub: Any, export: Any) -> None:
    """Over gRPC: UNAVAILABLE, and then taken."""

    def taken() -> bool:
        try:
            stub.Export(export)
        except grpc.RpcError as error:
            code: Any = error
            assert grpc.StatusCode.UNAVAILABLE == code.code()
            return False
        return True

    eventually(taken, what="an answer without an error after the fault")


def test_a_load_with_faults_loses_nothing(remote: Remote) -> None:
    """Faults come and go under senders: 200 or 503 and nothing else, and all of it can be read."""
    proxy = remote.proxy
    with content_load(lambda: remote.platform.otlp, senders=2) as senders:
        try:
            for fault in ("error", "cut", "denied"):
                senders.wait_for("200", 4)
                proxy.fault = fault
                senders.wait_for("503", 2)
                proxy.fault = "none"
        finally:
            proxy.fault = "none"
        senders.wait_for("200", 4)
        senders.finish()
    assert {"200", "503"} == set(senders.ledger.answers)
    assert 0 == senders.ledger.retry_after_missing
    assert_readable(remote.platform, senders, every=8)
    assert_blobs_are_stored(remote.url, remote.folder)


def test_ingest_waits_for_a_store_that_is_not_there(
    s3_server: S3Server, new_bucket: Callable[[], str], postgres_url: str, tmp_path: Path
) -> None:
    """Connection refused, from the start of the process on; on PostgreSQL, with more workers."""
    where = ("--database", postgres_url, "--payloads", f"s3://{new_bucket()}")
    assert 0 == run_command("migrate", "--database", postgres_url).returncode
    trace = new_trace_id()
    sent, plain = chat(trace, "sent too early"), body([span(trace, name="plain")])
    s3_server.stop()
    try:
        with running(
            "ingest", *where, folder=tmp_path, environment=s3_server.environment
        ) as ingest:
            status, checks = readiness(ingest)
            assert (503, True, False) == (
                status, checks["database"]["ok"], checks["object_store"]["ok"],
            )  # fmt: skip
            assert "nothing answers" in checks["object_store"]["reason"]
            assert_waits(post(ingest, sent))
            assert_stored(post(ingest, plain))
            s3_server.start()
            assert_taken_again(ingest, sent)
            eventually(lambda: readiness(ingest)[0] == 200, what="readiness")
    finally:
        if s3_server.process is None:
            s3_server.start()


def flip(data: bytes, at: int) -> bytes:
    """The bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[bytes, int, int], bytes]] = {
    "a bit of the header": lambda data, start, end: flip(data, start + 3),
    "a bit of a length": lambda data, start, end: flip(data, start + 13),
    "a bit of the content": lambda data, start, end: flip(data, (start + end) // 2),
    "the last bit": lambda data, start, end: flip(data, end - 1),
    "the end is missing": lambda data, start, end: data[: end - 1],
    "all of it is missing": lambda data, start, end: data[:start],
    "zeros": lambda data, start, end: data[:start] + bytes(end - start) + data[end:],
    "another blob": lambda data, start, end: (data[:start] * end)[:end],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_object_is_an_error_that_names_the_ref(remote: Remote, damage: str) -> None:
    """Nothing of it is served; its neighbour in the same object and the span itself are."""
    platform = remote.platform
    trace = new_trace_id()
    text = json.dumps({"of": trace.hex(), "table": [f"{n} is {n * n}" for n in range(500)]})
    beside = f"beside {trace.hex()}"
    attributes = {"gen_ai.input.messages": beside, "gen_ai.tool.call.result": text}
    assert_stored(post(platform, body([span(trace, attributes=attributes)])))
    places = {
        bytes(row["ref"]).hex(): row for row in rows(remote.url, "SELECT * FROM payload_blobs")
    }
    place = places[ref_of(text).removeprefix("sha256:")]
    (path,) = remote.folder.rglob(bytes(place["object"]).hex())
    whole, start = path.read_bytes(), place["object_offset"]
    assert 0 < start, "the neighbour comes first"
    path.write_bytes(DAMAGES[damage](whole, start, start + place["stored_bytes"]))
    answer = stored_payload(platform, text)
    error = answer.json()["error"]
    assert (500, "payload_corrupt") == (answer.status_code, error["code"])
    assert ref_of(text) in error["message"]
    assert (False, False) == (trace.hex() in answer.text, "is 144" in answer.text)
    assert beside == stored_payload(platform, beside).text
    (found,) = platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
    assert 2 == len(found["payloads"])
    path.write_bytes(whole)
    assert text == stored_payload(platform, text).text


def test_a_lost_object_is_an_error_that_names_the_ref(remote: Remote) -> None:
    """And no 404: it should be there."""
    trace = new_trace_id()
    text = f"lost with {trace.hex()}"
    assert_stored(post(remote.platform, chat(trace, text)))
    (digest,) = [
        bytes(row["object"]).hex()
        for row in rows(remote.url, "SELECT * FROM payload_blobs")
        if bytes(row["ref"]).hex() in ref_of(text)
    ]
    (path,) = remote.folder.rglob(digest)
    whole = path.read_bytes()
    path.unlink()
    answer = stored_payload(remote.platform, text)
    assert (500, "payload_corrupt") == (answer.status_code, answer.json()["error"]["code"])
    assert ref_of(text) in answer.json()["error"]["message"]
    path.write_bytes(whole)
