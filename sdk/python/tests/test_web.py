"""Middleware without the extras: the caller's trace goes on in the application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import asgi, wsgi

CALLER = 0xB7AD6B7169203331
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_asgi_request_continues_the_trace(spans: Any) -> None:
    """And what the server does apart from requests does not."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with tf.tool_call(scope["type"]):
            await send({})

    async def send(message: Any) -> None:
        pass

    headers = [(b"traceparent", TRACEPARENT.encode())]
    traced = asgi(app)
    asyncio.run(traced({"type": "http", "headers": headers}, None, send))  # type: ignore[arg-type]
    asyncio.run(traced({"type": "lifespan"}, None, send))  # type: ignore[arg-type]
    assert CALLER == spans["execute_tool http"].parent.span_id
    assert spans["execute_tool lifespan"].parent is None


def test_a_wsgi_request_continues_the_trace_in_its_streamed_answer_too(spans: Any) -> None:
    """The server reads the answer after the application has returned."""
    closed = []

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            with tf.tool_call("streamed"):
                yield b"one"

        def close(self) -> None:
            with tf.tool_call("closed"):
                closed.append(True)

    def app(environ: Any, start_response: Any) -> Answer:
        with tf.tool_call("called"):
            start_response("200 OK", [])
        return Answer()

    answer = wsgi(app)({"HTTP_TRACEPARENT": TRACEPARENT}, lambda status, headers: None)
    assert [b"one"] == list(answer)
    answer.close()  # type: ignore[attr-defined]
    assert [True] == closed
    with tf.tool_call("after"):
        pass
    names = ("called", "streamed", "closed")
    assert [CALLER] * 3 == [spans[f"execute_tool {name}"].parent.span_id for name in names]
    assert spans["execute_tool after"].parent is None
