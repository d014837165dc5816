"""The log record that tells at once that an agent run has begun.

A span is sent when it ends, so a run of an hour would be invisible for an hour. The record carries
the ids of the span to come; the server shows the trace as running until that span arrives. A run
that is not sampled sends none.
"""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Span

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.export.items import log_item
from tracefoundry_sdk.runtime import Runtime, withheld


def send_run_started(
    runtime: Runtime, span: Span, *, name: str, agent: str | None, conversation_id: str | None
) -> None:
    """Queue the record so that it goes out without delay."""
    where = span.get_span_context()
    if runtime.worker is None or not span.is_recording() or not where.trace_flags.sampled:
        return
    if withheld():
        return
    attributes = {c.RUN_NAME: name, c.OPERATION_NAME: c.OPERATION_INVOKE_AGENT}
    if agent:
        attributes[c.AGENT_NAME] = agent
    if conversation_id:
        attributes[c.CONVERSATION_ID] = conversation_id
    started_ns = getattr(span, "start_time", None)
    item = log_item(
        c.EVENT_RUN_STARTED,
        attributes,
        trace_id=where.trace_id,
        span_id=where.span_id,
        trace_flags=int(where.trace_flags),
        time_ns=started_ns if isinstance(started_ns, int) else runtime.clock_ns(),
        resource=getattr(span, "resource", None) or Resource.get_empty(),
    )
    runtime.worker.put(item, urgent=True)
