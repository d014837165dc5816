"""The collector's own programs as processes, with a configuration on free ports, and a receiver
of OTLP that stands for ingest."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tracefoundry_operator.api.instance import Collector
from tracefoundry_operator.manifests import collector_config

from cluster import programs

READY_S = 30.0


def rendered(settings: Collector, *, ingest_url: str = "http://ingest:4318") -> dict[str, Any]:
    """The configuration that the operator renders."""
    return collector_config.render(settings, ingest_url=ingest_url, redact=True)


def validate(config: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask the collector whether it takes a configuration; only the queue's folder is moved."""
    path = folder / "config.yaml"
    text = yaml.safe_dump(config, sort_keys=False)
    path.write_text(text.replace(collector_config.QUEUE_FOLDER, str(folder / "queue")))
    return subprocess.run(
        [str(programs.program("tracefoundry-collector")), "validate", f"--config={path}"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"TRACEFOUNDRY_INGEST_TOKEN": "t", "KUBE_NODE_NAME": "n"},
    )  # fmt: skip


class CollectorProcess:
    """One collector through its entrypoint, on loopback ports and a folder of its own."""

    def __init__(self, folder: Path, ingest_url: str) -> None:
        """Prepare; nothing runs yet."""
        self.folder = folder
        self.queue = folder / "queue"
        self.http_port, self.metrics_port, self.health_port, grpc_port = _free_ports(4)
        config = rendered(Collector(), ingest_url=ingest_url)
        protocols = config["receivers"]["otlp"]["protocols"]
        protocols["http"]["endpoint"] = f"127.0.0.1:{self.http_port}"
        protocols["grpc"]["endpoint"] = f"127.0.0.1:{grpc_port}"
        config["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{self.health_port}"
        reader = config["service"]["telemetry"]["metrics"]["readers"][0]
        reader["pull"]["exporter"]["prometheus"].update(host="127.0.0.1", port=self.metrics_port)
        text = yaml.safe_dump(config, sort_keys=False)
        self._config = folder / "config.yaml"
        self._config.write_text(text.replace(collector_config.QUEUE_FOLDER, str(self.queue)))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start (again) and wait until it says that it is healthy."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(programs.program("collector-entrypoint")), f"--config={self._config}"],
                stdout=log, stderr=log, env={"TRACEFOUNDRY_INGEST_TOKEN": "t"},
            )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.log()[-4000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it without a chance to write anything more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def log(self) -> str:
        """What it wrote since the first start."""
        return (self.folder / "log").read_text()

    def metrics(self) -> str:
        """Its own metrics, in the text format of Prometheus."""
        return _read(f"http://127.0.0.1:{self.metrics_port}/metrics")

    def send(self, request: ExportTraceServiceRequest | ExportLogsServiceRequest) -> None:
        """Send spans or log records; returns when it has accepted them."""
        signal = "logs" if isinstance(request, ExportLogsServiceRequest) else "traces"
        call = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/v1/{signal}",
            data=request.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200

    def _healthy(self) -> bool:
        try:
            _read(f"http://127.0.0.1:{self.health_port}/")
        except OSError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=60)
            self._process = None


class Receiver:
    """An OTLP endpoint that keeps what it is sent, or refuses, as told."""

    def __init__(self) -> None:
        """Listen on a free loopback port."""
        self.status = 200
        self.span_ids: set[bytes] = set()
        self.calls = 0
        self.authorizations: set[str] = set()
        self.encodings: set[str] = set()
        self.requests: list[ExportTraceServiceRequest] = []
        self.log_requests: list[ExportLogsServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers["Content-Length"]))
        self.calls += 1
        self.authorizations.add(call.headers.get("Authorization", ""))
        self.encodings.add(call.headers.get("Content-Encoding", ""))
        of_logs = call.path == "/v1/logs"
        if self.status == 200:
            if call.headers.get("Content-Encoding") == "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            if of_logs:
                self.log_requests.append(ExportLogsServiceRequest.FromString(body))
            else:
                request = ExportTraceServiceRequest.FromString(body)
                self.requests.append(request)
                self.span_ids.update(span.span_id for span in spans(request))
        response = ExportLogsServiceResponse() if of_logs else ExportTraceServiceResponse()
        answer = response.SerializeToString()
        call.send_response(self.status)
        call.send_header("Content-Type", "application/x-protobuf")
        call.send_header("Content-Length", str(len(answer)))
        call.end_headers()
        call.wfile.write(answer)


def spans(request: ExportTraceServiceRequest) -> list[Any]:
    """All spans of a request."""
    return [
        span
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback address
        text: str = answer.read().decode()
        return text


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
