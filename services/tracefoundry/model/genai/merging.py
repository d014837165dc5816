"""Completing one view of a span by another, so that nothing is said or counted twice."""

from __future__ import annotations

from tracefoundry.model.genai.view import GenAI

_WORDS = (
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
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def fill(view: GenAI, other: GenAI) -> GenAI:
    """``view`` with each field that it leaves open taken from ``other``; ``view`` is changed.

    For two dialects on one span: they are two names for the same values. The dialect named is the
    one that decided the kind. A cost moves together with its source and price version.
    """
    if view.kind == "other" and other.kind != "other":
        view.kind = other.kind
        view.dialect = other.dialect
    for name in _WORDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(other, name))
    for name in _TOKENS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(other, name))
    _fill_cost(view, other)
    return view


def complete(view: GenAI, event: GenAI) -> GenAI:
    """``view`` of a span completed by the view of one of its events or logs; ``view`` is changed.

    An event repeats its span's usage, so the counts come from it as a whole and only when the
    span has none at all: never some from the one and some from the other.
    """
    if view.kind == "other":
        view.kind = event.kind
    for name in _WORDS:
        if getattr(view, name) is None:
            setattr(view, name, getattr(event, name))
    if all(getattr(view, name) is None for name in _TOKENS):
        for name in _TOKENS:
            setattr(view, name, getattr(event, name))
    _fill_cost(view, event)
    return view


def _fill_cost(view: GenAI, other: GenAI) -> None:
    if view.cost_usd is None and other.cost_usd is not None:
        view.cost_usd = other.cost_usd
        view.cost_source = other.cost_source
        view.price_version = other.price_version


def says_nothing(view: GenAI) -> bool:
    """True for a view that holds no more than the name of its dialect."""
    return (
        view.kind == "other"
        and view.cost_usd is None
        and all(getattr(view, name) is None for name in _WORDS)
        and all(getattr(view, name) is None for name in _TOKENS)
    )
