"""What the Python SDK costs an agent: a span, its content, its import, a dead backend.

Every figure is a ratio or a difference taken in one run: the two sides alternate, and the median of
the rounds counts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 15
SPANS = 1_000
IMPORT_ROUNDS = 9
CONTENT = [{"role": "user", "content": "An agent asks a question. " * 40} for _ in range(10)]
"""10 kB in ten messages."""


def costs() -> dict[str, Any]:
    """All figures; the measuring itself runs in processes of their own."""
    figures: dict[str, Any] = _in_process("sdk", "span_costs")
    figures |= _in_process("sdk", "dead_backend")
    figures |= import_times()
    return figures


def _in_process(module: str, function: str) -> dict[str, Any]:
    code = f"import json, {module}; print(json.dumps({module}.{function}()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=__file__.rpartition("/")[0],
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def span_costs() -> dict[str, Any]:
    """A helper's span and a bare one with the same attributes, on the caller's thread."""
    from opentelemetry import trace

    import tracefoundry_sdk as tf
    from tracefoundry_sdk import provider as ours

    class Discard:
        """Takes the place of the exporter's thread, whose work is not the caller's."""

        def put(self, item: Any, *, urgent: bool = False) -> bool:
            return True

        def stop(self) -> bool:
            return True

    handle = ours.start(endpoint="http://127.0.0.1:9")
    processor = handle.tracer_provider._active_span_processor._span_processors[0]
    processor._worker = Discard()
    bare = handle.tracer_provider.get_tracer("bare")  # its spans end in our processor too
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
    }

    def bare_span() -> None:
        with bare.start_as_current_span(
            "chat gpt-5", kind=trace.SpanKind.CLIENT, attributes=attributes
        ):
            pass

    def helper_span() -> None:
        with tf.llm_call("openai", model="gpt-5") as call:
            call.usage(input_tokens=10, output_tokens=20)

    def with_content() -> None:
        with tf.llm_call("openai", model="gpt-5", input=CONTENT) as call:
            call.usage(input_tokens=10, output_tokens=20)

    bare_us, helper_us, content_us = _alternating(bare_span, helper_span, with_content)
    handle.stop()
    return {
        "bare_span_us": bare_us,
        "helper_span_us": helper_us,
        "helper_to_bare": helper_us / bare_us,
        "content_10_kb_us": content_us - helper_us,
    }


def dead_backend() -> dict[str, Any]:
    """The same spans with an endpoint that refuses, and with one that takes everything."""
    import socket
    import threading

    import tracefoundry_sdk as tf

    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=lambda: [listening.accept() for _ in range(8)], daemon=True).start()
    silent = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def work() -> None:
        with tf.tool_call("t", arguments={"q": "x"}) as tool:
            tool.result = "y"

    figures = {}
    idle_us = _alternating(work)[0]
    for name, endpoint in (("refused", "http://127.0.0.1:9"), ("silent", silent)):
        with tf.quick_start(isolated=True, endpoint=endpoint):
            figures[f"tool_span_{name}_us"] = _alternating(work)[0]
    return {"tool_span_without_sdk_us": idle_us, **figures}


def import_times() -> dict[str, Any]:
    """What importing the SDK adds to importing opentelemetry-sdk."""
    base, ours = [], []
    for _ in range(IMPORT_ROUNDS):
        base.append(_import_s("opentelemetry.sdk.trace"))
        ours.append(_import_s("opentelemetry.sdk.trace, tracefoundry_sdk"))
    return {"import_more_ms": (statistics.median(ours) - statistics.median(base)) * 1e3}


def _import_s(what: str) -> float:
    code = f"import time; t = time.process_time(); import {what}; print(time.process_time() - t)"
    return float(subprocess.check_output([sys.executable, "-c", code]))


def _alternating(*works: Callable[[], None]) -> list[float]:
    """Median of microseconds a call, of works that take turns."""
    rounds: list[list[float]] = [[] for _ in works]
    for work in works:
        for _ in range(200):
            work()
    for _ in range(ROUNDS):
        for index, work in enumerate(works):
            begun = time.thread_time()  # other threads and processes do not count
            for _ in range(SPANS):
                work()
            rounds[index].append((time.thread_time() - begun) / SPANS * 1e6)
    return [statistics.median(each) for each in rounds]
