"""The ``gen_ai.*`` dialect: OpenTelemetry's GenAI semantic conventions, current and deprecated.

Names are those of semantic-conventions v1.41 and of the separate GenAI repository after the move;
older names that are still sent (``gen_ai.system``, ``gen_ai.usage.prompt_tokens`` ...) are read if
the current one is absent. Two names of one value are never added up. The same holds for names that
libraries invented in the ``gen_ai.`` namespace.

``gen_ai.aggregated_usage.*`` (pydantic-ai) marks a span that repeats the usage of the calls below
it: such a span has no usage of its own, whatever its other attributes say.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import (
    Get,
    count,
    first_amount,
    first_count,
    first_text,
    nested,
    parse_object,
    text,
    texts,
)
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "otel_genai"
VERSION = 3
"""Incremented when the view derived from the same attributes changes; stored with every span."""

_KIND_BY_OPERATION: dict[str, GenAIKind] = {
    "chat": "llm",
    "llm_call": "llm",
    "generate_content": "llm",
    "text_completion": "llm",
    "completion": "llm",
    "acompletion": "llm",
    "generate": "llm",
    "responses": "llm",
    "aresponses": "llm",
    "embeddings": "embedding",
    "embedding": "embedding",
    "aembedding": "embedding",
    "retrieval": "retriever",
    "search_memory": "retriever",
    "rerank": "reranker",
    "reranking": "reranker",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "agent": "agent",
    "execute_tool": "tool",
    "tool_call": "tool",
    "invoke_workflow": "chain",
    "workflow": "chain",
    "plan": "chain",
    "chain": "chain",
    "agent_step": "chain",
    "execute_task": "chain",
    "handle_conversation_turn": "chain",
    "evaluate": "evaluator",
    "guardrail": "guardrail",
}

_AGGREGATED = ("gen_ai.aggregated_usage.input_tokens", "gen_ai.aggregated_usage.output_tokens")
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cached_tokens",
    "gen_ai.usage.cached_tokens",
)
_CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
)
_COSTS = ("gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost")


def derive(attributes: dict[str, Any]) -> GenAI | None:
    """The GenAI view of a span's attributes; None if no key begins with ``gen_ai.``.

    A value of the wrong type (a model that is a number, a negative token count) counts as absent;
    the attribute itself is stored as it came. The cost is not set here, see :func:`read`.
    """
    for key in attributes:
        if key.startswith("gen_ai."):
            return _view(attributes)
    return None


def read(attributes: dict[str, Any]) -> GenAI:
    """The view of attributes that are known to hold ``gen_ai.*`` keys, with a reported cost."""
    view = _view(attributes)
    cost = first_amount(attributes.get, *_COSTS)
    if cost is not None:
        view.cost_usd = cost
        view.cost_source = "reported"
    return view


def _view(attributes: dict[str, Any]) -> GenAI:
    get = attributes.get
    operation = text(get("gen_ai.operation.name"))
    tool = text(get("gen_ai.tool.name"))
    agent = text(get("gen_ai.agent.name"))
    request_model = text(get("gen_ai.request.model"))
    response_model = text(get("gen_ai.response.model"))
    view = GenAI(
        kind="other",
        dialect=DIALECT,
        operation=operation,
        provider=text(get("gen_ai.provider.name")) or text(get("gen_ai.system")),
        request_model=request_model,
        response_model=response_model,
        response_id=text(get("gen_ai.response.id")),
        finish_reasons=texts(get("gen_ai.response.finish_reasons"))
        or texts(get("gen_ai.response.finish_reason")),
        agent=agent,
        tool=tool,
        tool_call_id=first_text(get, "gen_ai.tool.call.id", "gen_ai.tool.call_id"),
        conversation_id=text(get("gen_ai.conversation.id"))
        or first_text(get, "session.id", "gen_ai.session.id", "gcp.vertex.agent.session_id"),
        user_id=text(get("user.id")) or text(get("enduser.id")),
    )
    if not any(count(get(key)) is not None for key in _AGGREGATED):
        _read_usage(get, view)
    view.kind = kind_of(operation, tool, agent, request_model or response_model, view)
    return view


def _read_usage(get: Get, view: GenAI) -> None:
    view.input_tokens = first_count(get, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    view.output_tokens = first_count(
        get, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"
    )
    view.cached_tokens = first_count(get, *_CACHED)
    view.cache_write_tokens = first_count(get, *_CACHE_WRITE)
    view.reasoning_tokens = first_count(get, *_REASONING)
    raw = get("gen_ai.usage.raw")
    if raw is not None:
        _read_raw_usage(parse_object(raw), view)


def _read_raw_usage(raw: dict[str, Any] | None, view: GenAI) -> None:
    """Counts that only the provider's own usage object has (Logfire sends it)."""
    if raw is None:
        return
    input_parts = nested(raw, "prompt_tokens_details") or nested(raw, "input_tokens_details")
    output_parts = nested(raw, "completion_tokens_details") or nested(raw, "output_tokens_details")
    if view.cached_tokens is None:
        view.cached_tokens = count(input_parts.get("cached_tokens"))
        if view.cached_tokens is None:
            view.cached_tokens = count(raw.get("cache_read_input_tokens"))
    if view.cache_write_tokens is None:
        view.cache_write_tokens = count(raw.get("cache_creation_input_tokens"))
    if view.reasoning_tokens is None:
        view.reasoning_tokens = count(output_parts.get("reasoning_tokens"))


def kind_of(
    operation: str | None, tool: str | None, agent: str | None, model: str | None, view: GenAI
) -> GenAIKind:
    """The kind that the operation names, else the kind that the other attributes suggest.

    A span with a tool name and a model is a model call that asked for the tool (openlit).
    """
    known = _KIND_BY_OPERATION.get(operation) if operation is not None else None
    if known is not None:
        return known
    has_tokens = view.input_tokens is not None or view.output_tokens is not None
    if operation is not None:
        return "llm" if model is not None and has_tokens else "other"
    if tool is not None and model is None:
        return "tool"
    if model is not None or has_tokens:
        return "llm"
    if agent is not None:
        return "agent"
    return "other"
