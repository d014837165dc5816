"""The collector's configuration, checked by the collector itself."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.api_server import free_ports, wait
from tests.instances import FULL, MINIMAL, rendering
from tests.programs import program
from tracefoundry_operator.manifests import collector

TOKEN = "made-up-token"
SENDERS = ["of$one-sender", "of-another-sender"]
TRICKY_KEYS = ["http.route", 'quo"ted', "back\\slash", "dollar$sign", "${env:HOME}", "a|b", "ü"]
SPECS: dict[str, Mapping[str, Any]] = {
    "minimal": MINIMAL,
    "full": FULL,
    "off": {**MINIMAL, "redaction": {"mode": "off"}},
    "sampling": {
        **MINIMAL,
        "collector": {"tailSampling": {"errors": False, "percentage": 0}},
    },
    "tricky": {
        **MINIMAL,
        "collector": {
            "attributes": {"drop": TRICKY_KEYS, "allow": TRICKY_KEYS},
            "tailSampling": {"operations": TRICKY_KEYS},
        },
    },
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the collector until it ends."""
    return subprocess.run(
        [program("tracefoundry-collector"), *arguments],
        env={"TRACEFOUNDRY_INGEST_TOKEN": TOKEN, "PATH": os.environ["PATH"]},
        text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("case", SPECS)
def test_the_collector_accepts_its_configuration(case: str, tmp_path: Path) -> None:
    """It refuses keys of other versions, expressions that do not parse, and more."""
    file = tmp_path / "config.yaml"
    file.write_text(collector.configuration(rendering(SPECS[case])), encoding="utf-8")
    found = run("validate", f"--config={file}")
    assert (0, "") == (found.returncode, found.stderr)


def test_the_token_is_in_the_environment_only() -> None:
    """The ConfigMap can be read by more people than the Secret."""
    text = collector.configuration(rendering(MINIMAL))
    assert "Bearer ${env:TRACEFOUNDRY_INGEST_TOKEN}" in text


class Ingest:
    """Receives what the collector sends."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.tokens: set[str | None] = set()
        ingest = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                encoding = self.headers.get("Content-Encoding")
                if encoding == "zstd":
                    raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
                elif encoding == "gzip":
                    raw = gzip.decompress(raw)
                if self.path == "/v1/logs":
                    ingest.logs.append(ExportLogsServiceRequest.FromString(raw))
                else:
                    ingest.requests.append(ExportTraceServiceRequest.FromString(raw))
                ingest.tokens.add(self.headers.get("Authorization"))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def names(self) -> set[str]:
        """Names of all spans that came."""
        return {
            span.name
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    """A receiver at the end of the pipeline."""
    found = Ingest()
    yield found
    found.stop()


class Running:
    """A collector with the rendered configuration, except for ports and folder."""

    def __init__(self, spec: Mapping[str, Any], ingest: Ingest, folder: Path) -> None:
        self.grpc, self.port, health, metrics = free_ports(4)
        config = yaml.safe_load(collector.configuration(rendering(spec)))
        protocols = config["receivers"]["otlp"]["protocols"]
        protocols["grpc"]["endpoint"] = f"127.0.0.1:{self.grpc}"
        protocols["http"]["endpoint"] = f"127.0.0.1:{self.port}"
        config["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{health}"
        queue = config["extensions"]["file_storage/queue"]
        if "bearertokenauth/senders" in config["extensions"]:
            tokens = folder / "senders"
            tokens.write_text("".join(f"{token}\n" for token in SENDERS))
            config["extensions"]["bearertokenauth/senders"]["filename"] = str(tokens)
        queue["directory"] = queue["compaction"]["directory"] = str(folder / "queue")
        (reader,) = config["service"]["telemetry"]["metrics"]["readers"]
        reader["pull"]["exporter"]["prometheus"] = {"host": "127.0.0.1", "port": metrics}
        exporter = config["exporters"]["otlp_http/ingest"]
        exporter["traces_endpoint"] = f"{ingest.url}/v1/traces"
        exporter["logs_endpoint"] = f"{ingest.url}/v1/logs"
        if "k8s_attributes" in config["processors"]:
            # Without an API server it adds only the address of the sender's pod.
            config["processors"]["k8s_attributes"]["passthrough"] = True
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program("tracefoundry-collector"), f"--config={file}"],
                env={"TRACEFOUNDRY_INGEST_TOKEN": TOKEN, "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._health = f"http://127.0.0.1:{health}/"
        wait(self._ready, "the collector is ready")

    def send(self, spans: list[dict[str, Any]], resource: dict[str, str], **headers: str) -> None:
        """Send spans of one resource, as JSON."""
        scope = {"scope": {"name": "test"}, "spans": spans}
        of_resource = {"attributes": attributes(resource)}
        body = {"resourceSpans": [{"resource": of_resource, "scopeSpans": [scope]}]}
        self._post("traces", body, headers)

    def send_logs(self, records: list[dict[str, Any]], resource: dict[str, str]) -> None:
        """Send log records of one resource, as JSON."""
        scope = {"scope": {"name": "test"}, "logRecords": records}
        of_resource = {"attributes": attributes(resource)}
        body = {"resourceLogs": [{"resource": of_resource, "scopeLogs": [scope]}]}
        self._post("logs", body, {})

    def _post(self, signal: str, body: dict[str, Any], headers: Mapping[str, str]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/{signal}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - to loopback
            assert 200 == answer.status

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(self._health, timeout=2) as answer:  # noqa: S310 - as above
                return bool(answer.status == 200)
        except OSError:
            return False


def attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON."""
    return [{"key": key, "value": {"stringValue": text}} for key, text in values.items()]


def span(name: str, values: Mapping[str, str], number: int = 1, **more: Any) -> dict[str, Any]:
    """A span as OTLP JSON."""
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": name,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000100000000",
        "attributes": attributes(values),
        "events": [
            {
                "name": "event",
                "timeUnixNano": "1700000000000000000",
                "attributes": attributes(values),
            }
        ],
        **more,
    }


def received(ingest: Ingest) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Attributes of the received span, of its event and of its resource."""
    (request,) = ingest.requests
    resource = request.resource_spans[0]
    found = resource.scope_spans[0].spans[0]
    groups = (found.attributes, found.events[0].attributes, resource.resource.attributes)
    span_, event, of_resource = (
        {each.key: each.value.string_value for each in group} for group in groups
    )
    return span_, event, of_resource


def received_log(ingest: Ingest) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes of the received log record and of its resource."""
    (request,) = ingest.logs
    resource = request.resource_logs[0]
    record = resource.scope_logs[0].log_records[0]
    of_record, of_resource = (
        {each.key: each.value.string_value for each in group}
        for group in (record.attributes, resource.resource.attributes)
    )
    return of_record, of_resource


def test_spans_reach_ingest_with_the_token_and_without_secrets(
    ingest: Ingest, tmp_path: Path
) -> None:
    """Values of keys that name secrets are masked; token counts and the like are not."""
    values = {
        "http.request.header.authorization": "Bearer made-up",
        "db.password": "made-up",
        "api_key": "made-up",
        "gen_ai.usage.input_tokens": "7",
        "session.id": "s1",
    }
    running = Running(MINIMAL, ingest, tmp_path)
    try:
        running.send([span("one", values)], {"service.name": "agent"})
        wait(lambda: ingest.requests, "the span comes")
    finally:
        running.stop()
    of_span, of_event, of_resource = received(ingest)
    for found in (of_span, of_event):
        assert "made-up" not in "".join(found.values())
        assert ("7", "s1") == (found["gen_ai.usage.input_tokens"], found["session.id"])
    assert "agent" == of_resource["service.name"]
    assert {f"Bearer {TOKEN}"} == ingest.tokens


WITH_AUTH = {**MINIMAL, "collector": {"auth": {"tokenSecretRef": {"name": "senders"}}}}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Ingest]]:
    """A collector that asks its senders for a token, and what it sends to."""
    ingest = Ingest()
    running = Running(WITH_AUTH, ingest, tmp_path_factory.mktemp("asking"))
    try:
        yield running, ingest
    finally:
        running.stop()
        ingest.stop()


WRONG = [None, "", "Bearer", "Bearer ", "Bearer wrong", SENDERS[0], f"Basic {SENDERS[0]}"]


@pytest.mark.parametrize("given", WRONG)
def test_a_sender_without_a_token_of_the_secret_is_refused(
    asking: tuple[Running, Ingest], given: str | None
) -> None:
    """Over HTTP with 401, over gRPC with UNAUTHENTICATED, and nothing of theirs is sent on."""
    running, ingest = asking
    headers = {} if given is None else {"Authorization": given}
    with pytest.raises(urllib.error.HTTPError) as refused:
        running.send([span("refused", {})], {}, **headers)
    with refused.value as answer:
        assert 401 == answer.code
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc}") as channel:
        metadata = [] if given is None else [("authorization", given)]
        with pytest.raises(grpc.RpcError) as failed:
            TraceServiceStub(channel).Export(
                ExportTraceServiceRequest(), metadata=metadata, timeout=10
            )
    assert grpc.StatusCode.UNAUTHENTICATED == failed.value.code()
    assert "refused" not in ingest.names()


@pytest.mark.parametrize("token", SENDERS)
def test_every_token_of_the_secret_is_valid(asking: tuple[Running, Ingest], token: str) -> None:
    """So senders can change theirs one by one. Ingest gets the collector's own token."""
    running, ingest = asking
    running.send([span(token, {})], {}, Authorization=f"Bearer {token}")
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc}") as channel:
        TraceServiceStub(channel).Export(
            ExportTraceServiceRequest(),
            metadata=[("authorization", f"Bearer {token}")],
            timeout=10,
        )
    wait(lambda: token in ingest.names(), "the span arrives")
    assert {f"Bearer {TOKEN}"} == ingest.tokens


def test_dropped_and_allowed_keys_are_exactly_those_of_the_spec(
    ingest: Ingest, tmp_path: Path
) -> None:
    """Keys are literal, not patterns, in spans, events and resources."""
    values = {**dict.fromkeys(TRICKY_KEYS, "kept"), "gen_ai.system": "x", "gone": "y",
              "httpXroute": "z", "a": "1", "drop.me": "2", "service.name": "agent"}  # fmt: skip
    spec = {
        **MINIMAL,
        "collector": {"attributes": {"drop": ["drop.me"], "allow": [*TRICKY_KEYS, "drop.me"]}},
    }
    running = Running(spec, ingest, tmp_path)
    try:
        running.send([span("one", values)], values)
        wait(lambda: ingest.requests, "the span comes")
    finally:
        running.stop()
    expected = {*TRICKY_KEYS, "gen_ai.system", "service.name"}
    for found in received(ingest):
        assert expected == found.keys()


def test_an_allowlist_keeps_event_names_and_environments(ingest: Ingest, tmp_path: Path) -> None:
    """Ingest refuses log records without an event name, and queries choose by environment."""
    always = {
        "event.name": "gen_ai.user.message",
        "deployment.environment": "old",
        "deployment.environment.name": "new",
        "gen_ai.system": "x",
        "service.name": "agent",
    }
    others = {"event.name.long": "y", "deployment.environment.names": "y", "k8s.pod.name": "y"}
    spec = {**MINIMAL, "collector": {"attributes": {"allow": ["http.route"]}}}
    running = Running(spec, ingest, tmp_path)
    try:
        record = {"body": {"stringValue": "hello"}, "attributes": attributes(always | others)}
        running.send([span("one", always | others)], always | others)
        running.send_logs([record], always | others)
        wait(lambda: ingest.requests and ingest.logs, "the span and the log record come")
    finally:
        running.stop()
    for found in received(ingest):
        assert always == found
    for found in received_log(ingest):
        assert always == found


def test_an_allowlist_keeps_what_kubernetes_attributes_add(ingest: Ingest, tmp_path: Path) -> None:
    """They are added before the keys are filtered."""
    spec = {
        **MINIMAL,
        "collector": {"attributes": {"allow": ["http.route"]}, "k8sAttributes": True},
    }
    running = Running(spec, ingest, tmp_path)
    try:
        resource = {"service.name": "agent", "k8s.namespace.name": "shop", "other": "y"}
        running.send([span("one", {})], resource)
        running.send_logs([{"attributes": attributes({"event.name": "gen_ai.choice"})}], resource)
        wait(lambda: ingest.requests and ingest.logs, "the span and the log record come")
    finally:
        running.stop()
    expected = {"service.name": "agent", "k8s.namespace.name": "shop", "k8s.pod.ip": "127.0.0.1"}
    assert expected == received(ingest)[-1]
    assert ({"event.name": "gen_ai.choice"}, expected) == received_log(ingest)


def test_tail_sampling_keeps_the_selected_traces(ingest: Ingest, tmp_path: Path) -> None:
    """Failed, slow and named traces; the percentage of all others is 0 here."""
    spec = {
        **MINIMAL,
        "collector": {
            "tailSampling": {
                "decisionWaitSeconds": 1,
                "operations": ['GET $1 "x"'],
                "latencyMilliseconds": 5000,
                "percentage": 0,
            }
        },
    }
    running = Running(spec, ingest, tmp_path)
    try:
        running.send(
            [
                span("failed", {}, 1, status={"code": 2}),
                span("slow", {}, 2, endTimeUnixNano="1700000009000000000"),
                span('GET $1 "x"', {}, 3),
                span("quick", {}, 4),
            ],
            {"service.name": "agent"},
        )
        wait(lambda: len(ingest.names()) == 3, "three traces come")
    finally:
        running.stop()
    assert {"failed", "slow", 'GET $1 "x"'} == ingest.names()
