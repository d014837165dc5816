"""OTLP bodies for measuring: spans of about 550 bytes with 12 attributes, as agents send them.

Bodies are made once and then given new ids by overwriting them in place, so that making load costs
far less than taking it: protobuf's length-delimited ids never change their size.
"""

from __future__ import annotations

import json
import os
import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

OPERATIONS = ("plan", "retrieve documents", "rank passages", "call model", "parse answer", "store")


def make_body(
    spans: int, seed: int, *, trace_spans: int = 100, age_s: int = 60, prompt_bytes: int = 0
) -> bytes:
    """One export request: traces of ``trace_spans`` spans under one root each, one resource.

    Ten resource attributes, twelve attributes a span, an event on every fifth span. With
    ``prompt_bytes`` each span also carries a prompt of that size, a list of two messages, which
    is another one each time a body is renewed.
    """
    rng = random.Random(seed)
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    for index in range(9):
        pair = envelope.resource.attributes.add(key=f"k8s.attribute.{index}")
        pair.value.string_value = f"value-{index}-of-the-cluster"
    envelope.resource.attributes.add(key="service.name").value.string_value = f"agent-{seed % 20}"
    scope = envelope.scope_spans.add()
    scope.scope.name = "bench.instrumentation"
    scope.scope.version = "1.0.0"
    start = time.time_ns() - age_s * 1_000_000_000
    trace_id = root_id = b""
    for index in range(spans):
        span = scope.spans.add()
        first = index % trace_spans == 0
        if first:
            trace_id, root_id = rng.randbytes(16), rng.randbytes(8)
        span.trace_id = trace_id
        span.span_id = root_id if first else rng.randbytes(8)
        if not first:
            span.parent_span_id = root_id
        _fill(span, rng, start + index * 1_000_000)
        if prompt_bytes:
            prompt = make_prompt(rng, span.span_id.hex(), prompt_bytes)
            span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
            span.attributes.add(key="gen_ai.input.messages").value.string_value = prompt
    return request.SerializeToString()


def _fill(span: Span, rng: random.Random, start: int) -> None:
    span.name = rng.choice(OPERATIONS)
    span.kind = Span.SPAN_KIND_INTERNAL
    span.start_time_unix_nano = start
    span.end_time_unix_nano = start + rng.randrange(1_000_000, 900_000_000)
    for key in ("http.request.method", "server.address", "url.path", "agent.step", "thread.name"):
        value = f"{key} of the agent's run {rng.randrange(10**6)}"
        span.attributes.add(key=key).value.string_value = value
    span.attributes.add(key="code.function").value.string_value = "pipeline.run_step_of_agent"
    for key in ("http.response.status_code", "server.port", "retry.count", "thread.id"):
        span.attributes.add(key=key).value.int_value = rng.randrange(65_536)
    span.attributes.add(key="score").value.double_value = rng.random()
    span.attributes.add(key="cache.hit").value.bool_value = rng.random() < 0.5
    if rng.random() < 0.2:
        event = span.events.add(name="checkpoint", time_unix_nano=start + 1_000)
        event.attributes.add(key="position").value.int_value = 7


def make_prompt(rng: random.Random, mark: str, size: int) -> str:
    """Messages as an agent sends them: JSON text of about ``size`` bytes, in words and lines."""
    text = make_text(rng, size - 600)
    return json.dumps(
        [
            {"role": "system", "parts": [{"type": "text", "content": SYSTEM_PROMPT}]},
            {"role": "user", "parts": [{"type": "text", "content": f"{mark}\n{text}"}]},
        ]
    )


def make_text(rng: random.Random, size: int) -> str:
    """Words of a vocabulary of two thousand, in lines and sentences; compresses as prose does."""
    words: list[str] = []
    length = 0
    while length < size:
        word = rng.choice(VOCABULARY) + rng.choice((" ", " ", " ", " ", " ", ", ", ". ", ".\n"))
        words.append(word)
        length += len(word)
    return "".join(words)[:size]


def _vocabulary() -> list[str]:
    rng = random.Random(7)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "er", "in")]
    return ["".join(rng.choices(syllables, k=rng.randrange(1, 5))) for _ in range(2_000)]


VOCABULARY = _vocabulary()
SYSTEM_PROMPT = make_text(random.Random(1), 400)


class BodyTemplate:
    """A body whose trace and span ids can be replaced."""

    def __init__(self, body: bytes) -> None:
        self._body = bytearray(body)
        request = ExportTraceServiceRequest.FromString(body)
        places: dict[bytes, list[int]] = {}
        for span in request.resource_spans[0].scope_spans[0].spans:
            places.setdefault(span.trace_id, [])
            places.setdefault(span.span_id, [])
            if any(pair.key == "gen_ai.input.messages" for pair in span.attributes):
                # The mark in a prompt, which makes it another one each time.
                places.setdefault(span.span_id.hex().encode(), [])
        for identifier, found in places.items():
            at = body.find(identifier)
            while at >= 0:
                found.append(at)
                at = body.find(identifier, at + 1)
        marks = {span_id.hex().encode() for span_id in places if len(span_id) == 8}
        self._places = [(found, at, found in marks) for found, at in places.items()]
        self.spans = len(request.resource_spans[0].scope_spans[0].spans)

    def renewed(self) -> bytes:
        """The body with fresh ids; relations inside it stay."""
        body = self._body
        fresh = os.urandom(16 * len(self._places))
        position = 0
        for identifier, places, is_text in self._places:
            size = len(identifier)
            value = fresh[position : position + size]
            if is_text:
                value = value[: size // 2].hex().encode()
            position += size
            for place in places:
                body[place : place + size] = value
        return bytes(body)
