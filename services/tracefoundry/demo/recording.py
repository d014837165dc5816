"""From planned traces to SDK spans: the same seed and time give the same bytes.

Nothing that differs between runs is used: identifiers come from a generator that is seeded again
for every trace, resources are given and not detected (detectors add process ids), and the sampler
and the span limits do not come from ``OTEL_*`` variables. No global provider is set.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from tracefoundry import __version__
from tracefoundry.demo.material import AGENTS
from tracefoundry.demo.scenarios import PlannedTrace, plan
from tracefoundry.demo.story import PlannedSpan
from tracefoundry.model.times import SECOND_NS

SCOPE = "tracefoundry.demo"

SPREAD_NS = 22 * 3600 * SECOND_NS
"""Age of the oldest trace's end at the demo's time. Its start is then still within the 24 hours
that a list covers by default."""

GOLDEN_RATIO = 0.6180339887498949
"""Multiples of this number modulo 1 fill the interval evenly, whatever their count."""


class SdkDisabled(Exception):
    """The OpenTelemetry SDK is switched off by the environment."""


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


class _Finished(SpanProcessor):
    """Keeps ended spans until the trace is complete."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def age_ns(number: int) -> int:
    """How long before the demo's time trace ``number`` ends. Recent traces are denser."""
    fraction = (number * GOLDEN_RATIO) % 1.0
    return 4 * SECOND_NS + int(fraction * fraction * SPREAD_NS)


class Recorder:
    """Makes the spans of one demo, trace by trace."""

    def __init__(self, *, seed: int, at_ns: int) -> None:
        self._seed = seed
        self._at_ns = at_ns
        self._ids = SeededIds()
        self._finished = _Finished()
        self._tracers: dict[tuple[str, str], trace.Tracer] = {}

    def record(self, traces: int) -> Iterator[list[ReadableSpan]]:
        """The spans of each of the first ``traces`` traces, in a fixed order.

        Raises:
            SdkDisabled: the environment switches the SDK off (``OTEL_SDK_DISABLED``).
        """
        for number in range(traces):
            yield self._record_one(number, plan(self._seed, number, self._at_ns))

    def _record_one(self, number: int, planned: PlannedTrace) -> list[ReadableSpan]:
        self._ids.begin_trace(f"spans/{self._seed}/{number}/{self._at_ns}")
        self._finished.spans = []
        start_ns = self._at_ns - age_ns(number) - planned.duration_ns
        contexts: dict[int, SpanContext] = {}
        for root in planned.roots:
            self._record_span(root, None, None, start_ns, planned.environment, contexts)
        return self._finished.spans

    def _record_span(
        self,
        planned: PlannedSpan,
        parent: PlannedSpan | None,
        parent_context: SpanContext | None,
        base_ns: int,
        environment: str,
        contexts: dict[int, SpanContext],
    ) -> None:
        context = trace.set_span_in_context(trace.INVALID_SPAN)
        if parent is not None and parent_context is not None:
            carried = SpanContext(
                parent_context.trace_id,
                parent_context.span_id,
                is_remote=parent.service != planned.service,
                trace_flags=parent_context.trace_flags,
            )
            context = trace.set_span_in_context(trace.NonRecordingSpan(carried))
        links = []
        if planned.retry_of is not None:
            links.append(Link(contexts[id(planned.retry_of)], {"link.reason": "retry_of"}))
        span = self._tracer(planned.service, environment).start_span(
            planned.name,
            context,
            planned.kind,
            planned.attributes,
            links,
            start_time=base_ns + planned.start_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        if not span.is_recording():
            raise SdkDisabled("OTEL_SDK_DISABLED is set; unset it to run the demo")
        contexts[id(planned)] = span.get_span_context()
        for child in planned.children:
            self._record_span(
                child, planned, span.get_span_context(), base_ns, environment, contexts
            )
        for event in planned.events:
            span.add_event(event.name, event.attributes, base_ns + event.time_ns)
        if planned.failure is not None:
            span.set_status(Status(StatusCode.ERROR, planned.failure))
        elif planned.succeeded:
            span.set_status(Status(StatusCode.OK))
        span.end(base_ns + planned.end_ns)

    def _tracer(self, service: str, environment: str) -> trace.Tracer:
        key = (service, environment)
        if key not in self._tracers:
            version = next((agent.version for agent in AGENTS if agent.service == service), "1.9.0")
            provider = TracerProvider(
                sampler=ALWAYS_ON,
                resource=Resource(
                    {
                        "service.name": service,
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
            provider.add_span_processor(self._finished)
            self._tracers[key] = provider.get_tracer(SCOPE, __version__)
        return self._tracers[key]


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
