"""The world of the demo's agents: a clock that they move on themselves, and the services they call.

The agents' code runs in a moment, but its spans must last as long as those of real agents. So the
SDK and OpenTelemetry read a simulated clock. To run steps in parallel, the clock is set back to
where they began.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from tracefoundry_sdk import runtime
from tracefoundry_sdk.runtime import Runtime

MILLISECOND_NS = 1_000_000

_W3C = TraceContextTextMapPropagator()  # not the one that OTEL_PROPAGATORS names


@dataclass(slots=True)
class Clock:
    """A clock in nanoseconds since 1970 that stands still unless it is moved."""

    now_ns: int = 0
    latest_ns: int = 0
    """The latest time that was reached, also where the clock was set back."""

    def read_ns(self) -> int:
        """The time, for the SDK."""
        return self.now_ns

    def start(self, at_ns: int) -> None:
        """Begin anew."""
        self.now_ns = self.latest_ns = at_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass."""
        self.now_ns += duration_ns
        self.latest_ns = max(self.latest_ns, self.now_ns)


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its own process would see tracing: the SDK's state, and a tracer for HTTP."""

    runtime: Runtime
    http_tracer: Tracer


@dataclass(slots=True)
class HttpRequest:
    """A request on its way: the client's span, and the headers that the server gets."""

    span: Span
    headers: dict[str, str] = field(default_factory=dict)


class Simulation:
    """One trace while it is played: random numbers, identifiers, clock and services."""

    def __init__(
        self,
        *,
        rng: random.Random,
        identifiers: random.Random,
        clock: Clock,
        service_of: Callable[[str], Service],
    ) -> None:
        self.rng = rng
        self.clock = clock
        self._identifiers = identifiers
        self._service_of = service_of
        self._services: list[Service] = []

    def identifier(self, prefix: str, digits: int = 24) -> str:
        """A new identifier such as ``call_5f...``; unlike the story it depends on the demo's
        time."""
        return f"{prefix}{self._identifiers.getrandbits(4 * digits):0{digits}x}"

    def wait(self, low_ms: int, high_ms: int) -> None:
        """Let a random time between the two pass, in whole microseconds."""
        self.clock.advance(self.rng.randint(low_ms * 1000, high_ms * 1000) * 1000)

    def in_parallel(self, steps: list[Callable[[], None]]) -> None:
        """Run steps in parallel: each starts now, and then it is as late as after the last."""
        start_ns = end_ns = self.clock.now_ns
        for step in steps:
            self.clock.now_ns = start_ns
            step()
            end_ns = max(end_ns, self.clock.now_ns)
        self.clock.now_ns = end_ns

    @contextmanager
    def service(self, name: str, headers: dict[str, str] | None = None) -> Iterator[None]:
        """Be in another service, whose trace context is what the request's headers bring."""
        service = self._service_of(name)
        incoming = _W3C.extract(headers or {}, Context())
        self._services.append(service)
        token = context.attach(incoming)
        try:
            with runtime.using(service.runtime):
                yield
        finally:
            context.detach(token)
            self._services.pop()

    @contextmanager
    def http_request(
        self,
        url: str,
        *,
        attempt: int = 0,
        retry_of: HttpRequest | None = None,
    ) -> Iterator[HttpRequest]:
        """The client's side of a POST, as an HTTP instrumentation records it."""
        host, _, port = url.split("/")[2].partition(":")
        attributes: dict[str, AttributeValue] = {
            "http.request.method": "POST",
            "url.full": url,
            "server.address": host,
            "server.port": int(port),
        }
        links = []
        if attempt:
            attributes["http.request.resend_count"] = attempt
        if retry_of is not None:
            links.append(retry_link(retry_of.span.get_span_context()))
        with self.plain_span("POST", attributes, kind=SpanKind.CLIENT, links=links) as span:
            request = HttpRequest(span)
            _W3C.inject(request.headers)
            self.wait(1, 6)
            yield request
            self.wait(1, 4)

    @contextmanager
    def http_served(self, request: HttpRequest, service: str, route: str) -> Iterator[Span]:
        """The server's side of a request, in another service."""
        attributes: dict[str, AttributeValue] = {
            "http.request.method": "POST",
            "http.route": route,
            "url.scheme": "http",
        }
        with (
            self.service(service, request.headers),
            self.plain_span(f"POST {route}", attributes, kind=SpanKind.SERVER) as span,
        ):
            yield span

    @contextmanager
    def plain_span(
        self,
        name: str,
        attributes: dict[str, AttributeValue],
        *,
        kind: SpanKind,
        links: list[Link] | None = None,
    ) -> Iterator[Span]:
        """A span of an instrumentation other than ours, in the service where we are."""
        span = self._services[-1].http_tracer.start_span(
            name, kind=kind, attributes=attributes, links=links, start_time=self.clock.now_ns
        )
        token = context.attach(trace.set_span_in_context(span))
        try:
            yield span
        finally:
            context.detach(token)
            span.end(self.clock.now_ns)


def retry_link(before: SpanContext) -> Link:
    """A link to the attempt before."""
    return Link(before, {"link.reason": "retry_of"})


def answered(span: Span, status: int, *, failure: str | None = None) -> None:
    """Tell an HTTP span the answer; from 500 on it has failed."""
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        failed(span, str(status), failure or f"HTTP {status}")


def failed(span: Span, error_type: str, message: str) -> None:
    """Give a span of another instrumentation the status of a failure."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, message))
