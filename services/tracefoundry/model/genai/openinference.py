"""The OpenInference dialect (Arize Phoenix and its instrumentations of many libraries).

Names are those of openinference-semantic-conventions. Observed on the wire: ``llm.model_name`` may
be the model of the request or of the response; failed calls name the model only inside the JSON of
``llm.invocation_parameters``; the response id is only at the start of the raw response.
"""

from __future__ import annotations

import re
from typing import Any

from tracefoundry.model.genai.values import (
    Get,
    amount,
    first_amount,
    first_count,
    first_text,
    parse_object,
    text,
    texts,
)
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "openinference"
VERSION = 2

_KINDS: dict[str, GenAIKind] = {
    "LLM": "llm",
    "CHAIN": "chain",
    "TOOL": "tool",
    "AGENT": "agent",
    "RETRIEVER": "retriever",
    "EMBEDDING": "embedding",
    "RERANKER": "reranker",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}

_LEADING_ID = re.compile(r'\{\s*"id"\s*:\s*"([A-Za-z0-9_.:-]{4,128})"')
_RANDOM_ID = re.compile(r"(?:[0-9a-f]-?){16,}", re.IGNORECASE)
_CALL_KINDS = ("llm", "embedding")


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the OpenInference attributes of a span."""
    get = attributes.get
    kind = _kind(get)
    request_model, response_model = _models(get)
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        provider=first_text(get, "llm.provider", "llm.system"),
        request_model=request_model,
        response_model=response_model,
        response_id=_response_id(get) if kind in _CALL_KINDS else None,
        finish_reasons=texts(get("llm.finish_reason")),
        agent=text(get("agent.name")) or (_agent_of_graph(get) if kind == "agent" else None),
        tool=text(get("tool.name")),
        tool_call_id=first_text(get, "tool_call.id", "tool.id"),
        conversation_id=text(get("session.id")),
        user_id=text(get("user.id")),
        input_tokens=first_count(get, "llm.token_count.prompt"),
        output_tokens=first_count(get, "llm.token_count.completion"),
        cached_tokens=first_count(
            get,
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        cache_write_tokens=first_count(get, "llm.token_count.prompt_details.cache_write"),
        reasoning_tokens=first_count(get, "llm.token_count.completion_details.reasoning"),
        cost_usd=(cost := _cost(get)),
        cost_source=None if cost is None else "reported",
    )


def _kind(get: Get) -> GenAIKind:
    named = text(get("openinference.span.kind"))
    if named is not None:
        return _KINDS.get(named.upper(), "other")
    if text(get("llm.model_name")) or first_count(get, "llm.token_count.prompt") is not None:
        return "llm"
    return "other"


def _agent_of_graph(get: Get) -> str | None:
    """The agent as a node of the graph: its name, else its id, if that is no random number."""
    name = text(get("graph.node.name"))
    if name is not None:
        return name
    node = text(get("graph.node.id"))
    return None if node is None or _RANDOM_ID.fullmatch(node) else node


def _models(get: Get) -> tuple[str | None, str | None]:
    """Request and response model. A single name whose role is unknown is the request's."""
    response = text(get("llm.response.model_name"))
    named = first_text(get, "llm.model_name", "embedding.model_name", "reranker.model_name")
    request = text(get("llm.request.model_name")) or _parameter_model(get)
    if request is None:
        return named, response
    if response is None and named != request:
        response = named
    return request, response


def _parameter_model(get: Get) -> str | None:
    for key in ("llm.invocation_parameters", "embedding.invocation_parameters"):
        parameters = parse_object(get(key))
        if parameters is not None:
            return text(parameters.get("model")) or text(parameters.get("model_name"))
    return None


def _response_id(get: Get) -> str | None:
    """The id at the start of a raw JSON response; the rest is not read."""
    output = get("output.value")
    if type(output) is str:
        found = _LEADING_ID.match(output, 0, 200)
        return found.group(1) if found else None
    return None


def _cost(get: Get) -> float | None:
    total = first_amount(get, "llm.cost.total")
    if total is not None:
        return total
    prompt, completion = amount(get("llm.cost.prompt")), amount(get("llm.cost.completion"))
    return prompt + completion if prompt is not None and completion is not None else None
