"""The LangSmith dialect: ``langsmith.*`` attributes beside ``gen_ai.*``.

``langsmith.trace.session_name`` is LangSmith's project, not a conversation, and is not read.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import count, first_text, nested, parse_object, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "langsmith"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "llm": "llm",
    "chain": "chain",
    "tool": "tool",
    "retriever": "retriever",
    "embedding": "embedding",
}
_METADATA = "langsmith.metadata."


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the LangSmith attributes of a span."""
    get = attributes.get
    usage = parse_object(get(_METADATA + "usage_metadata")) or {}
    input_parts, output_parts = (
        nested(usage, "input_token_details"),
        nested(usage, "output_token_details"),
    )
    if not input_parts:
        input_parts = parse_object(get("gen_ai.usage.input_token_details")) or {}
    if not output_parts:
        output_parts = parse_object(get("gen_ai.usage.output_token_details")) or {}
    return GenAI(
        kind=_KINDS.get((text(get("langsmith.span.kind")) or "").lower(), "other"),
        dialect=DIALECT,
        provider=text(get(_METADATA + "ls_provider")),
        request_model=text(get(_METADATA + "ls_model_name")),
        conversation_id=first_text(
            get,
            _METADATA + "session_id",
            _METADATA + "thread_id",
            _METADATA + "conversation_id",
            "session.id",
        ),
        user_id=first_text(get, _METADATA + "user_id", "user.id"),
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cached_tokens=count(input_parts.get("cache_read")),
        cache_write_tokens=count(input_parts.get("cache_creation")),
        reasoning_tokens=count(output_parts.get("reasoning")),
    )
