"""An HTTP server with canned answers, for clients: real sockets, no product behind them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Canned:
    """One answer."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """One request as it came; ``body`` is decompressed."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class CannedServer:
    """Answers ``METHOD /path`` from a table: one answer, or a list that is used up in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Canned | list[Canned]] = {}
        self.received: list[Received] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            # The names are those that the standard library looks for.
            def do_GET(self) -> None:
                outer._handle(self)

            def do_POST(self) -> None:
                outer._handle(self)

            def do_DELETE(self) -> None:
                outer._handle(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> CannedServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(
            Received(str(request.command), parts.path, dict(parse_qsl(parts.query)), headers, body)
        )
        found = self.answers.get(f"{request.command} {parts.path}", Canned(b"not here", 404))
        answer = found.pop(0) if isinstance(found, list) else found
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(answer.body)))
        request.end_headers()
        request.wfile.write(answer.body)
