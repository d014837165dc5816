"""Spans of an isolated SDK, kept in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tracefoundry_sdk as tf

sys.path.insert(0, str(Path(__file__).parent))  # for sdk_process, which the tests share

_ENDPOINT = "http://127.0.0.1:9"  # the discard port: nothing listens


class Recorded:
    """The spans that ended, by name."""

    def __init__(self, exporter: InMemorySpanExporter, handle: tf.Handle) -> None:
        self._exporter = exporter
        self._handle = handle

    def stop(self) -> None:
        """Send no more."""
        self._handle.stop()

    def all(self) -> list[ReadableSpan]:
        """In the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def __getitem__(self, name: str) -> ReadableSpan:
        found = [span for span in self.all() if span.name == name]
        assert 1 == len(found), [span.name for span in self.all()]
        return found[0]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Recorded]]:
    """Starts an isolated SDK with the arguments given; its spans also go to memory."""
    for name in ("TRACEFOUNDRY_CAPTURE", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"):
        monkeypatch.delenv(name, raising=False)
    handles: list[tf.Handle] = []

    def begin(**arguments: Any) -> Recorded:
        handle = tf.quick_start(**{"isolated": True, "endpoint": _ENDPOINT} | arguments)
        handles.append(handle)
        exporter = InMemorySpanExporter()
        handle.tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
        return Recorded(exporter, handle)

    yield begin
    for handle in handles:
        handle.stop()


@pytest.fixture
def spans(start: Callable[..., Recorded]) -> Recorded:
    """An isolated SDK with its defaults."""
    return start()
