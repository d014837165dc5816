"""Programs that use the SDK, each in a process of its own; and endpoints that behave badly."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def run_program(source: str, *, timeout_s: float = 120.0, **environment: str) -> Ended:
    """Run Python source with a clean environment."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRACEFOUNDRY_", "OTEL_"))
    }
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", dedent(source)],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)


class Collector:
    """An OTLP/HTTP endpoint that keeps bodies and answers as told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []  # for traces, first to last; then 200
        self.arrived = threading.Condition()
        self.url = ""

    def bodies(self, path: str = "/v1/traces") -> list[bytes]:
        """Bodies that came for a path."""
        with self.arrived:
            return [body for where, _, body in self.requests if where == path]

    def span_names(self) -> list[str]:
        """Names of all spans that were accepted, sorted."""
        return sorted(span.name for span in self.spans())

    def spans(self) -> list[object]:
        """All spans that came."""
        found = []
        for body in self.bodies():
            message = ExportTraceServiceRequest.FromString(body)
            for resource_spans in message.resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    found += list(scope_spans.spans)
        return found


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector on a free port."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = _body(self)
            status, headers = 200, dict[str, str]()
            with kept.arrived:
                if self.path == "/v1/traces" and kept.answers:
                    status, headers = kept.answers.pop(0)
                if status == 200:
                    lowered = {name.lower(): value for name, value in self.headers.items()}
                    kept.requests.append((self.path, lowered, body))
                kept.arrived.notify_all()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """The body of a request, which may come in chunks, as exporters of Node.js send it."""
    length = request.headers["content-length"]
    if length is not None:
        return request.rfile.read(int(length))
    pieces = []
    while size := int(request.rfile.readline(), 16):
        pieces.append(request.rfile.read(size))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(pieces)


@contextmanager
def silent_endpoint() -> Iterator[str]:
    """Accepts connections and never answers."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    accepted: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                accepted.append(listening.accept()[0])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)
        for each in accepted:
            each.close()


def refused_endpoint() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"
