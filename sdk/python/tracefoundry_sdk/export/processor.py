"""The span processor: one for each provider, however often ``quick_start`` runs.

A provider cannot give up a processor, so the processor stays and its worker is attached and
detached. It never filters: every sampled span of the provider is sent, whoever made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.capture import Capture, Content
from tracefoundry_sdk.export.items import span_item
from tracefoundry_sdk.safety import never_raises

if TYPE_CHECKING:
    from tracefoundry_sdk.export.outbox import Outbox


class ExportProcessor(SpanProcessor):
    """Puts ended spans into the queue of the worker, if one is attached."""

    def __init__(self) -> None:
        self._worker: Outbox | None = None
        self._capture = Capture()
        self._pending: dict[int, Sequence[Content]] = {}

    def attach(self, worker: Outbox, capture: Capture) -> None:
        """Send spans from now on."""
        self._capture = capture
        self._worker = worker

    def detach(self) -> None:
        """Send no more spans."""
        self._worker = None

    def keep_content(self, span_id: int, contents: Sequence[Content]) -> None:
        """Content of a span that ends on this thread at once; see :meth:`forget_content`."""
        self._pending[span_id] = contents

    def forget_content(self, span_id: int) -> None:
        """The span has ended; without this an unsampled span's content would stay."""
        self._pending.pop(span_id, None)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    @never_raises(None)
    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span; never waits."""
        worker = self._worker
        span_context = span.context
        if worker is None or span_context is None or not span_context.trace_flags.sampled:
            return
        contents = self._pending.pop(span_context.span_id, ()) if self._pending else ()
        worker.put(span_item(span, contents, self._capture))

    @never_raises(None)
    def shutdown(self) -> None:
        """The provider is shut down; this takes at most two seconds."""
        if (worker := self._worker) is not None:
            worker.stop()

    @never_raises(False)
    def force_flush(self, timeout_millis: int = int(c.EXIT_TIMEOUT_S * 1000)) -> bool:
        """Deliver what has ended so far."""
        return self._worker is None or self._worker.flush(timeout_millis / 1000)
