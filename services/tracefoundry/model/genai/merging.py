"""Merging two GenAI views of one span, so that no token or cost is counted twice."""

from __future__ import annotations

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
    none at all, and then all of them: never some from the one and some from the other.
    """
    if view.kind == "other":
        view.kind = event.kind
    for name in _TEXT_FIELDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(event, name))
    if all(getattr(view, name) is None for name in _TOKEN_FIELDS):
        for name in _TOKEN_FIELDS:
            setattr(view, name, getattr(event, name))
    _fill_cost(view, event)
    return view


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
