"""The HTTP side: which path is answered how, delays and streams.

Beside the providers' paths: ``POST /script`` takes a new script (a JSON list of replies), ``GET
/requests`` shows what came since.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from model_server import anthropic_api, openai_api
from model_server.replies import BadScript, Reply, Script, read_script

MOST_BODY_BYTES = 16 * 1024 * 1024
LONGEST_DELAY_S = 60.0


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        """``/requests``, and a list of models."""
        if self.path == "/requests":
            self._answer(200, self.server.script.requests())
        elif self.path.endswith("/models"):
            self._answer(200, {"object": "list", "data": []})
        else:
            self._not_found()

    def do_POST(self) -> None:
        """The providers' APIs, and ``/script``."""
        body = self._body()
        if body is None:
            return
        path = self.path.partition("?")[0]
        if path == "/script":
            self._begin_script(body)
        elif path.endswith("/chat/completions"):
            self._model(body, openai_api.completion, openai_api.chunks, openai_api.error)
        elif path.endswith("/embeddings"):
            self._model(
                body, lambda _, reply, asked: openai_api.embeddings(reply, asked), None,
                openai_api.error,
            )  # fmt: skip
        elif path.endswith("/messages"):
            self._model(body, anthropic_api.message, anthropic_api.events, anthropic_api.error)
        else:
            self._not_found()

    def _body(self) -> Any:
        """The JSON of the request; None, and answered, if it has none."""
        length = int(self.headers.get("content-length") or 0)
        if length > MOST_BODY_BYTES:
            self.close_connection = True
            self._answer(413, {"error": {"message": f"more than {MOST_BODY_BYTES} bytes"}})
            return None
        try:
            return json.loads(self.rfile.read(length))
        except ValueError as error:
            self._answer(400, {"error": {"message": f"the body is no JSON: {error}"}})
            return None

    def _begin_script(self, script: Any) -> None:
        try:
            self.server.script.replace(read_script(script))
        except BadScript as error:
            self._answer(400, {"error": {"message": str(error)}})
        else:
            self._answer(200, {})

    def _model(self, body: Any, whole: Any, pieces: Any, refusal: Any) -> None:
        """Answer from the script, in the form that these functions of an API make."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        number, reply = self.server.script.next(self.path, headers, body)
        self._wait(reply.delay_s)
        if reply.status >= 400:
            self._answer(reply.status, refusal(reply), retry_after_s=reply.retry_after_s)
        elif pieces is not None and body.get("stream"):
            self._stream(pieces(number, reply, body), reply)
        else:
            self._answer(200, whole(number, reply, body))

    def _stream(self, events: Iterable[bytes], reply: Reply) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(event)
            self.wfile.flush()
            self._wait(reply.chunk_delay_s)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(min(seconds, LONGEST_DELAY_S))

    def _not_found(self) -> None:
        self._answer(404, {"error": {"message": f"there is no {self.path} here"}})

    def _answer(self, status: int, answer: Any, retry_after_s: float | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("retry-after", str(retry_after_s))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are kept by the script, not printed."""


class ModelServer(ThreadingHTTPServer):
    """The server on loopback. Port 0 picks one."""

    daemon_threads = True

    def __init__(self, script: Script, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = script

    @property
    def url(self) -> str:
        """Its base address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left in the middle of a stream is no error."""


@contextmanager
def serving(replies: list[Reply] | None = None, *, port: int = 0) -> Iterator[ModelServer]:
    """A server in a thread, until the block ends."""
    server = ModelServer(Script(replies), port=port)
    thread = threading.Thread(target=server.serve_forever, name="model-server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
