"""What GenAI events that came as log records add to the facts about their spans.

An event may come before its span or long after it, so it is stored beside it, and joined whenever
the totals of the trace or the span itself are asked for. Both use :func:`completed_view`, so that
they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from tracefoundry.model.genai import cost, session
from tracefoundry.model.genai.merging import complete_by_events
from tracefoundry.model.genai.view import GenAI, GenAIKind
from tracefoundry.model.usage import UsageFacts, fields_of

EventViews = Mapping[bytes, Sequence[GenAI]]
"""What the events of a trace say, by the id of their span and by time."""

_FIELDS = (
    "request_model",
    "response_model",
    "response_id",
    "agent",
    "tool",
    "conversation_id",
    "user_id",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_source",
)
"""Fields of a view that the facts about a span may have, under the same names."""


class Facts(UsageFacts, Protocol):
    """Facts about a span that can be completed."""

    @property
    def genai_kind(self) -> str | None: ...


def concerns_trace(view: GenAI) -> bool:
    """Whether an event says something that is in the summary of a trace."""
    return bool(fields_of(view)) or any(
        getattr(view, name) is not None for name in _FIELDS if not name.endswith(("_tokens", "usd"))
    )


def completed_view(view: GenAI | None, events: Sequence[GenAI], start_time_ns: int) -> GenAI | None:
    """The view of a span, completed by its events, with its cost."""
    if not events:
        return view
    view = complete_by_events(view, events)
    if view is not None and view.cost_usd is None:
        cost.add_computed(view, start_time_ns)
    return view


def complete_facts(spans: Sequence[Facts], events: EventViews) -> None:
    """Complete the facts about the spans of a trace, in place.

    If several spans have the id of an event, it is taken for one of the earliest: its usage counts
    once.
    """
    if not events:
        return
    earliest: dict[bytes, Facts] = {}
    for span in spans:
        if span.span_id in events:
            other = earliest.setdefault(span.span_id, span)
            if span.start_time_ns < other.start_time_ns:
                earliest[span.span_id] = span
    with cost.bounded_lookups():
        for span_id, span in earliest.items():
            _complete(span, events[span_id])


def _complete(span: Facts, events: Sequence[GenAI]) -> None:
    known = {name: getattr(span, name) for name in _FIELDS if hasattr(span, name)}
    kind = cast("GenAIKind | None", span.genai_kind)
    view: GenAI | None = None
    if kind is not None or any(value is not None for value in known.values()):
        view = GenAI(kind=kind, dialect=session.DIALECT, **known)
    view = completed_view(view, events, span.start_time_ns)
    if view is not None:
        setattr(span, "genai_kind", view.kind)  # noqa: B010 - read-only in the protocol
        for name in known:
            setattr(span, name, getattr(view, name))
