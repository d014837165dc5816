"""The ``gen_ai.*`` dialect: OpenTelemetry's GenAI semantic conventions, current and deprecated.

Names are those of semantic-conventions v1.41 and of the separate GenAI repository after the move;
older names that are still on the wire (``gen_ai.system``, ``gen_ai.usage.prompt_tokens`` ...) are
read where the current one is absent: two names for one value are one value, never a sum.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "otel_genai"
VERSION = 1
"""Raised whenever the view derived from the same attributes changes; stored with every span."""

_KIND_BY_OPERATION: dict[str, GenAIKind] = {
    "chat": "llm",
    "generate_content": "llm",
    "text_completion": "llm",
    "embeddings": "embedding",
    "retrieval": "retriever",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "execute_tool": "tool",
    "invoke_workflow": "chain",
    "plan": "chain",
}

_MAX_TOKENS = 2**63 - 1


def derive(attributes: dict[str, Any]) -> GenAI | None:
    """The GenAI view of a span's attributes, or None for a span that has nothing to do with one.

    A value of the wrong type (a model that is a number, a negative token count) is treated as
    absent; the attribute itself stays as it came.
    """
    for key in attributes:
        if key.startswith("gen_ai."):
            break
    else:
        return None
    get = attributes.get
    operation = _text(get("gen_ai.operation.name"))
    tool = _text(get("gen_ai.tool.name"))
    agent = _text(get("gen_ai.agent.name"))
    request_model = _text(get("gen_ai.request.model"))
    response_model = _text(get("gen_ai.response.model"))
    input_tokens = _first_count(get, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    output_tokens = _first_count(
        get, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"
    )
    return GenAI(
        kind=_kind(operation, tool, agent, request_model or response_model, input_tokens),
        dialect=DIALECT,
        operation=operation,
        provider=_text(get("gen_ai.provider.name")) or _text(get("gen_ai.system")),
        request_model=request_model,
        response_model=response_model,
        response_id=_text(get("gen_ai.response.id")),
        finish_reasons=_texts(get("gen_ai.response.finish_reasons")),
        agent=agent,
        tool=tool,
        tool_call_id=_text(get("gen_ai.tool.call.id")),
        conversation_id=_text(get("gen_ai.conversation.id")) or _text(get("session.id")),
        user_id=_text(get("user.id")) or _text(get("enduser.id")),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=_first_count(
            get, "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"
        ),
        cache_write_tokens=_first_count(
            get,
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
        ),
        reasoning_tokens=_first_count(
            get, "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"
        ),
    )


def _kind(
    operation: str | None,
    tool: str | None,
    agent: str | None,
    model: str | None,
    input_tokens: int | None,
) -> GenAIKind:
    if operation is not None:
        return _KIND_BY_OPERATION.get(operation, "other")
    if tool is not None and model is None:
        return "tool"
    if model is not None or input_tokens is not None:
        return "llm"
    if agent is not None:
        return "agent"
    return "other"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> list[str] | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if isinstance(value, str) and value:
        return [value]
    return None


def _first_count(get: Any, *keys: str) -> int | None:
    for key in keys:
        value = get(key)
        if value is None:
            continue
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value <= _MAX_TOKENS:
            return value
    return None
