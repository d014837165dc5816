"""From scenarios to spans: the same seed and time give the same bytes.

Nothing that differs between runs is used: identifiers come from a generator that is seeded again
for every trace, the clock is simulated, resources are given and not detected (detectors add process
ids), and the sampler, the span limits and the SDK's capture mode do not come from the environment.
Stack traces are replaced by a redaction hook, since they have paths of this machine in them. No
global provider is set.

A trace must *end* at a given time. So each is played twice: once without recording, to learn how
long it takes, and then for good.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NoOpTracer

from tracefoundry import __version__
from tracefoundry.demo.material import AGENTS
from tracefoundry.demo.scenarios import Casting, cast, cast_running, perform
from tracefoundry.demo.simulation import Clock, Service, Simulation
from tracefoundry.model.times import SECOND_NS
from tracefoundry_sdk.capture import Capture, CaptureMode
from tracefoundry_sdk.conventions import EVENT_RUN_STARTED, SCOPE_NAME
from tracefoundry_sdk.export.items import Item, LogItem
from tracefoundry_sdk.runtime import Runtime

HTTP_SCOPE = "tracefoundry.demo.http"
"""Scope of the spans that a real agent gets from an HTTP instrumentation."""

SPREAD_NS = 22 * 3600 * SECOND_NS
"""Age of the oldest trace's end at the demo's time. Its start is then still within the 24 hours
that a list covers by default."""

GOLDEN_RATIO = 0.6180339887498949
"""Multiples of this number modulo 1 fill the interval evenly, whatever their count."""


class SdkDisabled(Exception):
    """The OpenTelemetry SDK is switched off by the environment."""


@dataclass(frozen=True, slots=True)
class RunningTrace:
    """A run that is still going on: what has ended so far, and the record of its start."""

    spans: list[ReadableSpan]
    started: list[LogItem]


class SeededIds(IdGenerator):
    """Identifiers from a generator that is seeded again for every trace."""

    def __init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311 (ids of a demo, not secrets)

    def begin_trace(self, seed: str) -> None:
        """Start the sequence of one trace."""
        self._random = random.Random(seed)  # noqa: S311

    def generate_trace_id(self) -> int:
        return self._random.randrange(1, 2**128)

    def generate_span_id(self) -> int:
        return self._random.randrange(1, 2**64)


class _Collected(SpanProcessor):
    """Keeps ended spans, and the log records of the SDK, until the trace is complete."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.records: list[LogItem] = []

    def begin_trace(self) -> None:
        """Forget the trace before."""
        self.spans, self.records = [], []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def put(self, item: Item, *, urgent: bool = False) -> bool:
        """Keep what the SDK would send at once."""
        if isinstance(item, LogItem):
            self.records.append(item)
        return True

    def flush(self, timeout_s: float) -> bool:
        """Whoever records the demo sends it."""
        return True

    def stop(self) -> bool:
        """Nothing runs."""
        return True


def age_ns(number: int) -> int:
    """How long before the demo's time trace ``number`` ends. Recent traces are denser."""
    fraction = (number * GOLDEN_RATIO) % 1.0
    return 4 * SECOND_NS + int(fraction * fraction * SPREAD_NS)


class Recorder:
    """Makes the spans of one demo, trace by trace."""

    def __init__(self, *, seed: int, at_ns: int) -> None:
        self._seed = seed
        self._at_ns = at_ns
        self._clock = Clock()
        self._ids = SeededIds()
        self._collected = _Collected()
        self._capture = Capture(mode=CaptureMode.FULL, redact=_without_paths)
        self._services: dict[tuple[str, str], Service] = {}
        self._silent = Service(Runtime(NoOpTracer(), self._capture), NoOpTracer())

    def record(self, traces: int) -> Iterator[list[ReadableSpan]]:
        """The spans of each of the first ``traces`` traces, in a fixed order.

        Raises:
            SdkDisabled: the environment switches the SDK off (``OTEL_SDK_DISABLED``).
        """
        for number in range(traces):
            duration_ns = self._play(cast(self._seed, number), number, start_ns=None)
            start_ns = self._at_ns - age_ns(number) - duration_ns
            self._play(cast(self._seed, number), number, start_ns=start_ns)
            yield self._collected.spans

    def record_running(self) -> RunningTrace:
        """The run that is still going on at the demo's time.

        Raises:
            SdkDisabled: the environment switches the SDK off (``OTEL_SDK_DISABLED``).
        """
        duration_ns = self._play(cast_running(self._seed), "running", start_ns=None)
        start_ns = self._at_ns - duration_ns // 2
        self._play(cast_running(self._seed), "running", start_ns=start_ns)
        ended = [span for span in self._collected.spans if (span.end_time or 0) <= self._at_ns]
        started = [
            record for record in self._collected.records if record.event_name == EVENT_RUN_STARTED
        ]
        return RunningTrace(ended, started)

    def _play(self, casting: Casting, number: int | str, *, start_ns: int | None) -> int:
        """Play a trace; without a start, nothing is recorded. Returns how long it took."""
        name = f"{self._seed}/{number}/{self._at_ns}"
        begin_ns = self._at_ns if start_ns is None else start_ns
        self._clock.start(begin_ns)
        self._ids.begin_trace(f"spans/{name}")
        self._collected.begin_trace()
        world = Simulation(
            rng=casting.rng,
            identifiers=random.Random(f"identifiers/{name}"),  # noqa: S311 (not secrets)
            clock=self._clock,
            service_of=lambda service: (
                self._silent if start_ns is None else self._service(service, casting.environment)
            ),
        )
        perform(casting, world)
        if start_ns is not None and not self._collected.spans:
            raise SdkDisabled("OTEL_SDK_DISABLED is set; unset it to run the demo")
        return self._clock.latest_ns - begin_ns

    def _service(self, name: str, environment: str) -> Service:
        key = (name, environment)
        if key not in self._services:
            provider = self._provider(name, environment)
            runtime = Runtime(
                provider.get_tracer(SCOPE_NAME),
                self._capture,
                record=True,
                provider=provider,
                worker=self._collected,
                clock_ns=self._clock.read_ns,
                injected_clock=True,
            )
            self._services[key] = Service(runtime, provider.get_tracer(HTTP_SCOPE, __version__))
        return self._services[key]

    def _provider(self, name: str, environment: str) -> TracerProvider:
        version = next((agent.version for agent in AGENTS if agent.service == name), "1.9.0")
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource(
                {
                    "service.name": name,
                    "service.version": version,
                    "deployment.environment.name": environment,
                    "telemetry.sdk.language": "python",
                    "telemetry.sdk.name": "opentelemetry",
                }
            ),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_unlimited(),
        )
        provider.add_span_processor(self._collected)
        return provider


def _without_paths(text: str, key: str) -> str:
    """The SDK's redaction hook: a stack trace keeps its last line."""
    if key != "exception.stacktrace":
        return text
    error = text.rstrip("\n").rpartition("\n")[2]
    frame = f'  File "agent/run.py", line {40 + len(error)}, in run'
    return f"Traceback (most recent call last):\n{frame}\n{error}\n"


def _unlimited() -> SpanLimits:
    unset = SpanLimits.UNSET
    return SpanLimits(
        max_attributes=unset,
        max_events=unset,
        max_links=unset,
        max_span_attributes=unset,
        max_event_attributes=unset,
        max_link_attributes=unset,
        max_attribute_length=unset,
        max_span_attribute_length=unset,
    )
