"""Merging two GenAI views of one span, so that no token or cost is counted twice."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracefoundry.model.genai import claude_code, codex, gemini_cli, session
from tracefoundry.model.genai.values import MAX_COUNT
from tracefoundry.model.genai.view import GenAI

_TEXT_FIELDS = (
    "operation",
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "finish_reasons",
    "agent",
    "tool",
    "tool_call_id",
    "conversation_id",
    "user_id",
)
_TOKEN_FIELDS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def fill(view: GenAI, other: GenAI) -> GenAI:
    """Fill each missing field of ``view`` from ``other``, in place.

    For two dialects on one span, which name the same values in two ways. ``dialect`` names the one
    that decided the kind. A cost is taken together with its source and price version.
    """
    if view.kind == "other" and other.kind != "other":
        view.kind = other.kind
        view.dialect = other.dialect
    for name in _TEXT_FIELDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(other, name))
    for name in _TOKEN_FIELDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(other, name))
    _fill_cost(view, other)
    return view


def complete(view: GenAI, event: GenAI) -> GenAI:
    """Fill missing fields of the view of a span from the view of an event or log, in place.

    An event repeats the usage of its span. So token counts are taken from it only if the span has
    none at all (zeros are none), and then all of them: never some from the one and some from the
    other.
    """
    if view.kind in ("other", None) and event.kind is not None:
        view.kind = event.kind
        if view.dialect == session.DIALECT:
            view.dialect = event.dialect
    for name in _TEXT_FIELDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(event, name))
    if not any(getattr(view, name) for name in _TOKEN_FIELDS):
        for name in _TOKEN_FIELDS:
            count = getattr(event, name)
            if count is not None:
                setattr(view, name, count)
        if any(getattr(view, name) for name in _TOKEN_FIELDS) and view.cost_source == "computed":
            # It was computed from the zeros.
            view.cost_usd = view.cost_source = view.price_version = None
    _fill_cost(view, event)
    return view


ONE_EVENT_A_CALL = frozenset({claude_code.DIALECT, codex.DIALECT, gemini_cli.DIALECT})
"""Dialects that record a whole session under one span: each event with usage is another call."""


def complete_by_events(view: GenAI | None, events: Sequence[GenAI]) -> GenAI | None:
    """The view of a span completed by those of its events or logs, which stay unchanged.

    Of events of one call, one gives the usage (see :func:`complete`). Events that are each a call
    of their own are added up, if the span has no usage itself.
    """
    had_usage = view is not None and _has_usage(view)
    for event in sorted(events, key=lambda event: event.kind != "llm"):
        view = msgspec.structs.replace(event) if view is None else complete(view, event)
    calls = [event for event in events if event.dialect in ONE_EVENT_A_CALL and _has_usage(event)]
    if view is not None and not had_usage and len(calls) > 1:
        for name in _TOKEN_FIELDS:
            counts = [count for call in calls if (count := getattr(call, name)) is not None]
            setattr(view, name, min(sum(counts), MAX_COUNT) if counts else None)
        _add_costs(view, calls)
    return view


def _add_costs(view: GenAI, calls: Sequence[GenAI]) -> None:
    """The cost of several calls; unknown if that of one is."""
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    known = len(costs) == len(calls)
    sources = {call.cost_source for call in calls}
    view.cost_usd = sum(costs) if known else None
    view.cost_source = (sources.pop() if len(sources) == 1 else "mixed") if known else None
    versions = {call.price_version for call in calls}
    view.price_version = versions.pop() if known and len(versions) == 1 else None


def _has_usage(view: GenAI) -> bool:
    return view.cost_usd is not None or any(getattr(view, name) for name in _TOKEN_FIELDS)


def include_parts(view: GenAI) -> None:
    """Make the input count include cached tokens and the output count reasoning tokens, in place.

    Some senders count them beside the rest. It shows where the whole is smaller than its parts:
    then the parts are added.
    """
    cached = (view.cached_tokens or 0) + (view.cache_write_tokens or 0)
    if view.input_tokens is not None and view.input_tokens < cached:
        view.input_tokens = min(view.input_tokens + cached, MAX_COUNT)
    reasoning = view.reasoning_tokens or 0
    if view.output_tokens is not None and view.output_tokens < reasoning:
        view.output_tokens = min(view.output_tokens + reasoning, MAX_COUNT)


def _fill_cost(view: GenAI, other: GenAI) -> None:
    if view.cost_usd is None and other.cost_usd is not None:
        view.cost_usd = other.cost_usd
        view.cost_source = other.cost_source
        view.price_version = other.price_version


def is_empty(view: GenAI) -> bool:
    """True for a view that has nothing but the name of its dialect."""
    return (
        view.kind == "other"
        and view.cost_usd is None
        and all(getattr(view, name) is None for name in _TEXT_FIELDS)
        and all(getattr(view, name) is None for name in _TOKEN_FIELDS)
    )
