"""Records an agent and runs it again: what the tests of replays share."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from tracefoundry_sdk import replaying
from tracefoundry_sdk.replay.recording import Recording
from tracefoundry_sdk.replay.server import ReplayServer
from tracefoundry_sdk.replay.span_records import TracedSpan, recorded_calls


def recording_of(spans: Any) -> Recording:
    """The calls that an SDK has recorded, which is stopped: a replay has no exporter."""
    spans.stop()
    return recorded_spans(spans.all())


def recorded_spans(spans: Iterable[ReadableSpan]) -> Recording:
    """The calls of spans."""
    return Recording(recorded_calls(traced(span) for span in spans))


def traced(span: ReadableSpan) -> TracedSpan:
    """A span of OpenTelemetry as a recording takes it."""
    assert span.context is not None
    assert span.instrumentation_scope is not None
    return TracedSpan(
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        parent_span_id=f"{span.parent.span_id:016x}" if span.parent else None,
        start_time_ns=span.start_time or 0,
        attributes=dict(span.attributes or {}),
        scope=span.instrumentation_scope.name,
        exceptions=[
            dict(event.attributes or {}) for event in span.events if event.name == "exception"
        ],
        failed=span.status.status_code is StatusCode.ERROR,
        status_message=span.status.description or "",
    )


@contextmanager
def replayed(recording: Recording, *, allow: tuple[str, ...] = ()) -> Iterator[ReplayServer]:
    """This process is a replay inside the block."""
    with ReplayServer(recording, allow=allow) as server:
        replaying.begin(server.address)
        try:
            yield server
        finally:
            replaying.end()


class CountingModel:
    """A server of OpenAI's chat API that counts what reaches it."""

    def __init__(self) -> None:
        self.hits = 0
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_POST(self) -> None:
                model.hits += 1
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = model.answer(body)
                self.send_response(429 if self.path == "/busy" else 200)
                self.send_header("content-type", answer[0])
                if self.path == "/gzip":  # unasked, as some servers do
                    answer = answer[0], gzip.compress(answer[1])
                    self.send_header("content-encoding", "gzip")
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @staticmethod
    def answer(body: dict[str, Any]) -> tuple[str, bytes]:
        """Says what it was asked, as one reply or as an event stream."""
        asked = body["messages"][-1]["content"]
        base = {"id": "r1", "model": body["model"], "created": 1}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        if not body.get("stream"):
            message = {"role": "assistant", "content": f"you said {asked}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            reply = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
            return "application/json", json.dumps(reply).encode()
        events = []
        for word in ["you ", "said ", asked]:
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            chunk = {**base, "object": "chat.completion.chunk", "choices": [choice]}
            events.append(f"data: {json.dumps(chunk)}\n\n")
        return "text/event-stream", "".join([*events, "data: [DONE]\n\n"]).encode()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def outcomes(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and outcome of each call."""
    return [(call["name"], call["outcome"]) for call in report["calls"]]
