"""A planned trace: spans on a clock that starts at 0, before the SDK sees any of them.

The SDK makes spans in the order of calls, with real times. But a demo trace must *end* at a given
time, and parallel tools overlap. So a trace is planned first and recorded afterwards. Planning is
pure: randomness comes from two generators, one for the story and one for its identifiers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.trace import SpanKind

AttributeValue = str | bool | int | float | list[str]

MILLISECOND_NS = 1_000_000


@dataclass(slots=True)
class PlannedEvent:
    """A moment inside a planned span, ``time_ns`` after the start of the trace."""

    name: str
    time_ns: int
    attributes: dict[str, AttributeValue]


@dataclass(slots=True)
class PlannedSpan:
    """A planned span; times are nanoseconds after the start of the trace."""

    name: str
    kind: SpanKind
    service: str
    start_ns: int
    end_ns: int
    attributes: dict[str, AttributeValue]
    succeeded: bool = False
    """Status ``ok``; instrumentation leaves most spans ``unset``."""
    failure: str | None = None
    """Status ``error`` with this message; wins over ``succeeded``."""
    events: list[PlannedEvent] = field(default_factory=list)
    retry_of: PlannedSpan | None = None
    """An earlier attempt that this span links to."""
    children: list[PlannedSpan] = field(default_factory=list)


class Story:
    """Writes one planned trace, span by span, while its clock runs."""

    def __init__(self, *, rng: random.Random, identifiers: random.Random, service: str) -> None:
        self.rng = rng
        self.roots: list[PlannedSpan] = []
        self.now_ns = 0
        self._identifiers = identifiers
        self._service = service
        self._open: list[PlannedSpan] = []

    def identifier(self, prefix: str, digits: int = 24) -> str:
        """A new identifier such as ``call_5f...``; unlike the story it depends on the demo's
        time."""
        return f"{prefix}{self._identifiers.getrandbits(4 * digits):0{digits}x}"

    def wait(self, low_ms: int, high_ms: int) -> None:
        """Advance the clock by a random time between the two, in whole microseconds."""
        self.now_ns += self.rng.randint(low_ms * 1000, high_ms * 1000) * 1000

    @contextmanager
    def span(
        self,
        name: str,
        attributes: dict[str, AttributeValue],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        service: str | None = None,
        retry_of: PlannedSpan | None = None,
    ) -> Iterator[PlannedSpan]:
        """A span that lasts as long as the block; its service is the parent's unless named."""
        parent = self._open[-1] if self._open else None
        span = PlannedSpan(
            name,
            kind,
            service or (parent.service if parent else self._service),
            self.now_ns,
            self.now_ns,
            attributes,
            retry_of=retry_of,
        )
        (parent.children if parent else self.roots).append(span)
        self._open.append(span)
        try:
            yield span
        finally:
            self._open.pop()
            span.end_ns = max(span.end_ns, self.now_ns)

    def in_parallel(self, steps: list[Callable[[], None]]) -> None:
        """Run steps in parallel: each starts now, and the clock advances to the end of the last."""
        start_ns = latest_ns = self.now_ns
        for step in steps:
            self.now_ns = start_ns
            step()
            latest_ns = max(latest_ns, self.now_ns)
        self.now_ns = latest_ns

    def event(
        self, span: PlannedSpan, name: str, attributes: dict[str, AttributeValue] | None = None
    ) -> None:
        """Add an event at the current time to a span."""
        span.events.append(PlannedEvent(name, self.now_ns, attributes or {}))

    def fail(self, span: PlannedSpan, error_type: str, message: str) -> None:
        """Mark a span as failed, with the exception event that instrumentation records.

        The stack trace is made up, because a real one would have paths of this machine in it.
        """
        span.failure = message
        span.attributes["error.type"] = error_type
        frames = f'  File "agent/{span.service}.py", line {40 + len(message)}, in run\n'
        self.event(
            span,
            "exception",
            {
                "exception.type": error_type,
                "exception.message": message,
                "exception.stacktrace": "Traceback (most recent call last):\n"
                f"{frames}{error_type}: {message}\n",
            },
        )

    def duration_ns(self) -> int:
        """From 0 to the end of the last span, spans that outlive their parents included."""
        latest_ns = 0
        waiting = list(self.roots)
        while waiting:
            span = waiting.pop()
            latest_ns = max(latest_ns, span.end_ns)
            waiting.extend(span.children)
        return latest_ns
