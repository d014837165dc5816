"""The extras ``requests``, ``httpx``, ``threads``, ``asgi``: a process calls itself by HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import httpx2
import requests
import uvicorn
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import tracefoundry_sdk as tf


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application whose answer comes in two pieces."""
    if scope["type"] != "http":
        return
    with tf.tool_call("served"):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await send({"type": "http.response.body", "body": b"k"})


async def main() -> None:
    """Call the application with both clients, and from a thread."""
    handle = tf.quick_start()
    for instrumentor in (RequestsInstrumentor, HTTPX2ClientInstrumentor, ThreadingInstrumentor):
        instrumentor().instrument()
    config = uvicorn.Config(tf.propagation.asgi(answer), lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))  # connections wait until it serves
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def in_thread() -> None:
        with tf.tool_call("in thread"):
            pass

    with tf.trace_agent_run("extras"):
        await asyncio.to_thread(requests.get, address, timeout=30)
        await asyncio.to_thread(httpx2.get, address)
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
    handle.flush(30)  # deliveries are no spans, which the next delivery would have
    server.should_exit = True
    await serving
    handle.stop()


asyncio.run(main())
