"""The litellm dialect: ``litellm_request`` spans and the ``raw_gen_ai_request`` below them.

The request span has ``gen_ai.*`` usage, but cached and reasoning tokens only in
``metadata.usage_object``, the repr of a Python dict. The raw span below it repeats the provider's
response under ``llm.<provider>.*`` as reprs. Only its response id is read: its usage would replace
the more complete record of the request span.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import (
    amount,
    count,
    nested,
    parse_object_or_repr,
    text,
)
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "litellm"
VERSION = 1

_REQUEST_KINDS: dict[str, GenAIKind] = {
    "completion": "llm",
    "acompletion": "llm",
    "text_completion": "llm",
    "atext_completion": "llm",
    "responses": "llm",
    "aresponses": "llm",
    "anthropic_messages": "llm",
    "embedding": "embedding",
    "aembedding": "embedding",
    "rerank": "reranker",
    "arerank": "reranker",
}


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the litellm attributes of a span."""
    get = attributes.get
    usage = parse_object_or_repr(get("metadata.usage_object"))
    input_parts = nested(usage, "prompt_tokens_details")
    output_parts = nested(usage, "completion_tokens_details")
    usage = usage or {}
    cached = count(usage.get("cache_read_input_tokens"))
    cost = amount(get("gen_ai.cost.total_cost"))
    view = GenAI(
        kind=_REQUEST_KINDS.get(text(get("llm.request.type")) or "", "other"),
        dialect=DIALECT,
        conversation_id=text(get("session.id")),
        user_id=text(get("llm.user")),
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cached_tokens=cached if cached is not None else count(input_parts.get("cached_tokens")),
        cache_write_tokens=count(usage.get("cache_creation_input_tokens")),
        reasoning_tokens=count(output_parts.get("reasoning_tokens")),
        cost_usd=cost,
        cost_source=None if cost is None else "reported",
    )
    if view.kind == "other" and not usage:
        _read_raw(attributes, view)
    return view


def _read_raw(attributes: dict[str, Any], view: GenAI) -> None:
    """The keys ``llm.<provider>.id`` and ``.model`` of a ``raw_gen_ai_request`` span."""
    for key, value in attributes.items():
        if key.startswith("llm."):
            name = key.rpartition(".")[2]
            if name == "id" and key.count(".") == 2:
                view.response_id = text(value)
                view.kind = "llm"
            elif name == "model" and key.count(".") == 2:
                view.request_model = text(value)
                view.kind = "llm"
