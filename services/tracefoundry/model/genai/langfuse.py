"""The Langfuse dialect: ``langfuse.observation.*`` of its SDKs, usage and cost as JSON strings.

Langfuse is the only dialect whose input count does not include cached tokens: as observed on the
wire, its own key ``input`` counts only the tokens beside ``cache_read_input_tokens``. So here, and
only here, the parts are added up. If the object has a ``total``, the total decides whether they
are. Providers' keys (``prompt_tokens``, ``input_tokens``) include their parts.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import (
    amount,
    count,
    first_count,
    first_text,
    nested,
    parse_object,
    text,
)
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "langfuse"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "generation": "llm",
    "embedding": "embedding",
    "agent": "agent",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retriever",
    "reranker": "reranker",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
}
_CACHE_READ = ("cache_read_input_tokens", "input_cached_tokens", "input_cache_read")
_CACHE_WRITE = (
    "cache_creation_input_tokens",
    "input_cache_creation",
    "input_cache_creation_tokens",
)
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning")
_BESIDE_INPUT = ("cache_read_input_tokens", "cache_creation_input_tokens")


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Langfuse attributes of a span."""
    get = attributes.get
    model = text(get("langfuse.observation.model.name"))
    usage = parse_object(get("langfuse.observation.usage_details"))
    kind = _KINDS.get((text(get("langfuse.observation.type")) or "").lower(), "other")
    if kind == "other" and (model is not None or usage):
        # Python SDKs up to 3.3.0 call a generation a span.
        kind = "llm"
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        request_model=model,
        conversation_id=first_text(get, "langfuse.session.id", "session.id"),
        user_id=first_text(get, "langfuse.user.id", "user.id"),
    )
    if usage:
        _read_usage(usage, view)
    cost = _cost(parse_object(get("langfuse.observation.cost_details")))
    if cost is not None:
        view.cost_usd = cost
        view.cost_source = "reported"
    return view


def _read_usage(usage: dict[str, Any], view: GenAI) -> None:
    get = usage.get
    input_parts = nested(usage, "prompt_tokens_details") or nested(usage, "input_tokens_details")
    output_parts = nested(usage, "completion_tokens_details") or nested(
        usage, "output_tokens_details"
    )
    cached = first_count(get, *_CACHE_READ)
    written = first_count(get, *_CACHE_WRITE)
    reasoning = first_count(get, *_REASONING)
    view.cached_tokens = cached if cached is not None else count(input_parts.get("cached_tokens"))
    view.cache_write_tokens = written
    view.reasoning_tokens = (
        reasoning if reasoning is not None else count(output_parts.get("reasoning_tokens"))
    )
    own_input, own_output = count(get("input")), count(get("output"))
    view.input_tokens = (
        own_input if own_input is not None else first_count(get, "prompt_tokens", "input_tokens")
    )
    view.output_tokens = (
        own_output
        if own_output is not None
        else first_count(get, "completion_tokens", "output_tokens")
    )
    if own_input is None:
        return
    beside_input = (cached or 0) + (written or 0)
    beside_output = reasoning or 0
    total = count(get("total"))
    if total is None:
        if any(key in usage for key in _BESIDE_INPUT):
            view.input_tokens = own_input + beside_input
    elif total == own_input + (own_output or 0) + beside_input + beside_output:
        view.input_tokens = own_input + beside_input
        if own_output is not None:
            view.output_tokens = own_output + beside_output
    elif total == own_input + (own_output or 0) + beside_input:
        view.input_tokens = own_input + beside_input


def _cost(details: dict[str, Any] | None) -> float | None:
    """The total, else the sum of the items: Langfuse's cost items do not overlap."""
    if not details:
        return None
    total = amount(details.get("total"))
    if total is not None:
        return total
    parts = [found for value in details.values() if (found := amount(value)) is not None]
    return sum(parts) if parts else None
