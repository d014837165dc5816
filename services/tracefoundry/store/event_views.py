"""Skeletons of spans, completed by what log events say about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from tracefoundry.model.event_facts import completed_view
from tracefoundry.model.genai.session import DIALECT
from tracefoundry.model.genai.view import GenAI, GenAIKind
from tracefoundry.store.records import SpanSkeleton, StoredLog


def views_by_span(logs: Iterable[StoredLog]) -> dict[bytes, list[GenAI]]:
    """What logs say, by the id of their span, in their order."""
    views: dict[bytes, list[GenAI]] = {}
    for log in logs:
        view = log.view()
        if view is not None:
            views.setdefault(log.span_id, []).append(view)
    return views


def completed_skeleton(span: SpanSkeleton, events: Sequence[GenAI]) -> SpanSkeleton:
    """A skeleton with what the span's events say."""
    view: GenAI | None = None
    if span.genai_kind is not None:
        view = GenAI(
            cast("GenAIKind", span.genai_kind),
            DIALECT,
            input_tokens=span.input_tokens,
            output_tokens=span.output_tokens,
            # A cost of 0 may have been computed from counts of 0, which an event replaces.
            cost_usd=span.cost_usd or None,
        )
    if not events:
        return span
    view = completed_view(view, events, span.start_time_ns)
    if view is None:
        return span
    return span._replace(
        genai_kind=view.kind,
        input_tokens=view.input_tokens,
        output_tokens=view.output_tokens,
        cost_usd=view.cost_usd,
    )
