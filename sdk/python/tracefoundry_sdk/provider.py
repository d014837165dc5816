"""``quick_start``: one line that connects an agent, whatever OpenTelemetry set-up it has already.

An SDK provider that is there is reused and gets one processor. The global provider is set only
where there is none. Everything that starts here can be stopped, but for the provider itself, which
OpenTelemetry allows to be set once.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.version import __version__ as otel_version

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk import replaying, runtime
from tracefoundry_sdk.capture import Capture, Redact, capture_mode
from tracefoundry_sdk.export.outbox import Discarded, Outbox
from tracefoundry_sdk.ids import ReplaceableIds
from tracefoundry_sdk.resource import ENVIRONMENT, SERVICE_NAME, resource_attributes
from tracefoundry_sdk.runtime import Runtime
from tracefoundry_sdk.safety import logger, never_raises
from tracefoundry_sdk.settings import export_settings

if TYPE_CHECKING:
    from tracefoundry_sdk.export.processor import ExportProcessor
    from tracefoundry_sdk.export.worker import ExportWorker


class Handle:
    """What ``quick_start`` gives; also a context manager that stops at its end."""

    def __init__(self, started: Runtime | None) -> None:
        self._runtime = started

    @property
    def tracer_provider(self) -> Any:
        """The provider in use, for instrumentations that want one; None if nothing was started."""
        return self._runtime.provider if self._runtime is not None else None

    def flush(self, timeout_s: float = c.EXIT_TIMEOUT_S) -> bool:
        """Deliver what has ended so far; True only if all of it arrived in time."""
        return _flush(self._runtime, timeout_s)

    @never_raises(None)
    def stop(self) -> None:
        """Deliver the rest, in at most two seconds, and detach what is ours."""
        started, self._runtime = self._runtime, None
        if started is None:
            return
        if runtime.installed() is started:
            runtime.install(None)
            replaying.stop_recording()
        if started.worker is not None:
            started.worker.stop()
        if started.processor is not None:
            started.processor.detach()

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


_lock = threading.Lock()
_kept: Handle | None = None  # the active handle; kept so that it lives while the agent runs
# By identity: providers of other libraries may be unhashable, as Logfire's is.
_processors: list[tuple[weakref.ref[Any], ExportProcessor]] = []
_own_provider: Any = None


def quick_start(
    *,
    service: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    capture: str | None = None,
    redact: Redact | None = None,
    record: bool = False,
    isolated: bool = False,
) -> Handle:
    """Send the spans of this process to TraceFoundry.

    Args:
        service: ``service.name``; ignored where a provider exists already.
        environment: ``deployment.environment.name``; ignored likewise.
        endpoint: base address of the server, to which ``/v1/traces`` is added.
        headers: sent with every request; ``TRACEFOUNDRY_TOKEN`` adds a bearer token.
        capture: ``off``, ``metadata`` or ``full`` (the default: the server redacts).
        redact: ``redact(text, key) -> text``, called for every text before it leaves, possibly on
            the exporter's thread. Where it raises or gives no text, the text is withheld.
        record: also keep raw requests and replies of LLM calls, for replay.
        isolated: leave OpenTelemetry's global provider alone; only the helpers are traced.

    In a replay (``TRACEFOUNDRY_REPLAY``) calls are answered from a recording and nothing is sent.
    A second call changes nothing, gives the first handle and warns.
    """
    return start(
        service=service,
        environment=environment,
        endpoint=endpoint,
        headers=headers,
        capture=capture,
        redact=redact,
        record=record,
        isolated=isolated,
    )


@never_raises(Handle(None))
def start(
    *,
    service: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    capture: str | None = None,
    redact: Redact | None = None,
    record: bool = False,
    isolated: bool = False,
    id_generator: IdGenerator | None = None,
    clock_ns: Callable[[], int] | None = None,
) -> Handle:
    """:func:`quick_start` with injected ids and clock, for agents whose traces are reproducible."""
    global _kept
    with _lock:
        if _kept is not None and runtime.installed() is not None:
            logger.warning("TraceFoundry: quick_start was called before; the first call counts")
            return _kept
        resource = _resource(service, environment)
        provider, owned = _provider(resource, isolated, id_generator, given=service or environment)
        worker: Outbox = Discarded() if replaying.notice() else _worker(endpoint, headers)
        policy = Capture(mode=capture_mode(capture), redact=redact)
        processor = _processor_of(provider)
        processor.attach(worker, policy)
        started = Runtime(
            tracer=provider.get_tracer(c.SCOPE_NAME),
            capture=policy,
            record=record,
            isolated=isolated,
            provider=provider,
            owns_provider=owned,
            processor=processor,
            worker=worker,
            clock_ns=clock_ns or time.time_ns,
            injected_clock=clock_ns is not None,
        )
        runtime.install(started)
        if record and not replaying.session():
            replaying.record()
        _kept = Handle(started)
        return _kept


def _worker(endpoint: str | None, headers: Mapping[str, str] | None) -> ExportWorker:
    # The exporter's libraries take 100 ms to import, so they are not imported with the package.
    from tracefoundry_sdk.export.transport import HttpTransport
    from tracefoundry_sdk.export.worker import ExportWorker, Target

    settings = export_settings(endpoint=endpoint, headers=headers)
    return ExportWorker(
        HttpTransport(settings),
        Target(traces_url=settings.traces_url, logs_url=settings.logs_url),
        timeout_s=settings.timeout_s,
    )


def flush(timeout_s: float = c.EXIT_TIMEOUT_S) -> bool:
    """Deliver what has ended so far; True only if all of it arrived in time.

    Needed where a process may be frozen or killed after its answer (serverless functions).
    """
    return _flush(runtime.installed(), timeout_s)


@never_raises(False)
def _flush(started: Runtime | None, timeout_s: float) -> bool:
    return started is None or started.worker is None or started.worker.flush(timeout_s)


def _provider(
    resource: Resource, isolated: bool, id_generator: IdGenerator | None, *, given: str | None
) -> tuple[Any, bool]:
    """The provider to use, and whether it is ours."""
    global _own_provider
    if isolated:
        return _new_provider(resource, id_generator), True
    existing = trace.get_tracer_provider()
    if isinstance(existing, trace.ProxyTracerProvider):
        provider = _new_provider(resource, id_generator)
        trace.set_tracer_provider(provider)
        _own_provider = provider
        return provider, True
    if hasattr(existing, "add_span_processor"):
        if given:
            logger.warning(
                "TraceFoundry: a tracer provider exists already; its service and environment count"
            )
        return existing, existing is _own_provider
    logger.warning(
        "TraceFoundry: the tracer provider %s takes no span processors; only the helpers of "
        "tracefoundry_sdk are traced",
        type(existing).__name__,
    )
    return _new_provider(resource, id_generator), True


def wrap_own_global_provider(wrap: Callable[[TracerProvider], Any]) -> bool:
    """Put a wrapper around the global provider in its place; False if the provider is not ours.

    OpenTelemetry lets the global provider be set once, so its variable is set.
    """
    global _own_provider
    with _lock:
        existing = trace.get_tracer_provider()
        if not isinstance(existing, TracerProvider) or existing is not _own_provider:
            return False
        wrapper = wrap(existing)
        _keep_processor(wrapper, _processor_of(existing))
        trace._TRACER_PROVIDER = _own_provider = wrapper
        started = runtime.installed()
        if started is not None and started.provider is existing:
            changed = replace(started, provider=wrapper, tracer=wrapper.get_tracer(c.SCOPE_NAME))
            runtime.install(changed)
            if _kept is not None:
                _kept._runtime = changed
        return True


def _new_provider(resource: Resource, id_generator: IdGenerator | None) -> TracerProvider:
    ids = ReplaceableIds(id_generator)
    return TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=ids)


def _processor_of(provider: Any) -> ExportProcessor:
    """Our processor on this provider, added at the first call."""
    from tracefoundry_sdk.export.processor import ExportProcessor

    for known, processor in _processors:
        if known() is provider:
            return processor
    processor = ExportProcessor()
    provider.add_span_processor(processor)
    _keep_processor(provider, processor)
    return processor


def _keep_processor(provider: Any, processor: ExportProcessor) -> None:
    _processors[:] = [entry for entry in _processors if entry[0]() is not None]
    _processors.append((weakref.ref(provider), processor))


def _resource(service: str | None, environment: str | None) -> Resource:
    given: dict[str, str] = {}
    if service:
        given[SERVICE_NAME] = service
    if environment:
        given[ENVIRONMENT] = environment
    return Resource(
        {
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": otel_version,
            **resource_attributes(given),
        }
    )
