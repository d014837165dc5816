"""What the helpers work with: the tracer, the capture policy, and where content may be deferred to.

``quick_start`` installs a :class:`Runtime`; before it, and after ``stop``, the helpers write to the
global provider of OpenTelemetry, whatever that is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Tracer

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.capture import Capture, capture_mode

if TYPE_CHECKING:
    from tracefoundry_sdk.export.outbox import Outbox
    from tracefoundry_sdk.export.processor import ExportProcessor


@dataclass(frozen=True, slots=True, eq=False)
class Runtime:
    """Settings of the helpers; immutable, replaced as a whole."""

    tracer: Tracer
    capture: Capture
    record: bool = False  # keep raw requests and replies of LLM calls
    isolated: bool = False  # helpers see only their own spans as parents, and are seen by none
    provider: Any = None  # of OpenTelemetry's SDK; None before quick_start
    owns_provider: bool = False
    processor: ExportProcessor | None = None
    worker: Outbox | None = None
    clock_ns: Callable[[], int] = time.time_ns
    injected_clock: bool = False

    @property
    def may_defer_content(self) -> bool:
        """Content may be turned into text on the exporter's thread.

        That is so where nobody but us sees the spans of the provider; other processors are given
        the content as attributes.
        """
        if not self.owns_provider or self.processor is None:
            return False
        active = getattr(self.provider, "_active_span_processor", None)
        processors = getattr(active, "_span_processors", ())
        return tuple(processors) == (self.processor,)

    def now_ns(self) -> int | None:
        """The time for a span; None lets OpenTelemetry take it."""
        return self.clock_ns() if self.injected_clock else None


_installed: Runtime | None = None
_default: Runtime | None = None


_withheld: Callable[[BaseException | None], bool] | None = None


def withhold_when(predicate: Callable[[BaseException | None], bool]) -> None:
    """Send nothing of operations that end while this is true; it is given their error.

    For engines that run code again: what the code does then was sent the first time.
    """
    global _withheld
    _withheld = predicate


def withheld(error: BaseException | None = None) -> bool:
    """Nothing may be sent of an operation that begins, or ends with this error, now."""
    return _withheld is not None and _withheld(error)


def current() -> Runtime:
    """The installed runtime, else one on the global provider."""
    global _default
    if _installed is not None:
        return _installed
    if _default is None:
        _default = Runtime(
            tracer=trace.get_tracer(c.SCOPE_NAME), capture=Capture(mode=capture_mode())
        )
    return _default


def install(runtime: Runtime | None) -> None:
    """Make the helpers use this runtime; None for the global provider."""
    global _installed, _default
    _installed = runtime
    _default = None


def installed() -> Runtime | None:
    """The runtime of ``quick_start``, if one is active."""
    return _installed


@contextmanager
def using(runtime: Runtime) -> Iterator[None]:
    """Make the helpers use this runtime inside the block, in all threads."""
    previous = _installed
    install(runtime)
    try:
        yield
    finally:
        install(previous)
