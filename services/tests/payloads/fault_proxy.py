"""An HTTP proxy between our S3 client and the server that fails on purpose.

It stands where a broken network, an overloaded store or a withdrawn permission would: signatures
cover the Host header, which is passed on unchanged, so the server sees valid requests.
"""

from __future__ import annotations

import http.client
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal[
    "none", "error", "denied", "full", "no_bucket", "hang", "cut", "cut_body", "leaky_error"
]

_ANSWERS: dict[Fault, tuple[int, str]] = {
    "error": (500, "InternalError"),
    "denied": (403, "AccessDenied"),
    "full": (403, "QuotaExceeded"),
    "no_bucket": (404, "NoSuchBucket"),
    "leaky_error": (418, "Odd &lt;secret&gt; code"),
}


class FaultProxy:
    """A proxy on a loopback port; ``fault`` says what becomes of the next requests.

    Attributes:
        fault: set it at any time.
        requests: method and path of all requests so far.
        most_at_once: how many requests were under way together at most.
    """

    def __init__(self, upstream_port: int) -> None:
        """Start it."""
        self.fault: Fault = "none"
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._upstream_port = upstream_port
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL_S3."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop it; what hangs is let go."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with proxy._lock:
                    proxy.requests.append((self.command, self.path))
                    proxy.headers.append(dict(self.headers.items()))
                    proxy._at_once += 1
                    proxy.most_at_once = max(proxy.most_at_once, proxy._at_once)
                try:
                    proxy._serve(self, body)
                finally:
                    with proxy._lock:
                        proxy._at_once -= 1

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests print no access log."""

        return Handler

    def _serve(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fault = self.fault
        if fault == "hang":
            self._released.wait()
        if fault in ("hang", "cut"):
            request.close_connection = True
            return
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            text = f"<Error><Code>{code}</Code><Message>{escape(request.path)}</Message></Error>"
            _answer(request, status, {"Content-Type": "application/xml"}, text.encode())
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream_port, timeout=120)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() != "expect"}
            upstream.request(request.command, request.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        skipped = ("transfer-encoding", "connection", "content-length", "date", "server")
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in skipped}
        _answer(request, answer.status, kept, data, cut=fault == "cut_body")


def _answer(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    data: bytes,
    *,
    cut: bool = False,
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data[: len(data) // 2] if cut else data)
    request.close_connection = cut
