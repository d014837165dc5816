"""The Vercel AI SDK dialect: ``ai.*`` attributes of its versions 4 to 6.

One call gives an outer span (``ai.generateText``) and inner ones (``ai.generateText.doGenerate``).
The outer span repeats usage: version 6 sums all steps, version 5 repeats the last one, embeddings
repeat theirs. So the outer span has the kind chain or embedding, and the inner one is the model
call. Version 7 writes only ``gen_ai.*``.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import Get, first_count, first_text, text, texts
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "vercel_ai"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "ai.generateText": "chain",
    "ai.streamText": "chain",
    "ai.generateObject": "chain",
    "ai.streamObject": "chain",
    "ai.embed": "embedding",
    "ai.embedMany": "embedding",
    "ai.rerank": "reranker",
    "ai.toolCall": "tool",
}
_INNER: dict[str, GenAIKind] = {
    "doGenerate": "llm",
    "doStream": "llm",
    "doEmbed": "embedding",
    "doRerank": "reranker",
}


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Vercel AI SDK attributes of a span."""
    get = attributes.get
    operation = _operation(get)
    return GenAI(
        kind=_kind(operation),
        dialect=DIALECT,
        operation=operation,
        provider=text(get("ai.model.provider")),
        request_model=text(get("ai.model.id")),
        response_model=text(get("ai.response.model")),
        response_id=text(get("ai.response.id")),
        finish_reasons=texts(get("ai.response.finishReason")) or texts(get("ai.finishReason")),
        tool=text(get("ai.toolCall.name")),
        tool_call_id=text(get("ai.toolCall.id")),
        conversation_id=first_text(
            get,
            "ai.telemetry.metadata.sessionId",
            "ai.telemetry.metadata.session_id",
            "session.id",
        ),
        user_id=first_text(
            get, "ai.telemetry.metadata.userId", "ai.telemetry.metadata.user_id", "user.id"
        ),
        input_tokens=first_count(
            get, "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"
        ),
        output_tokens=first_count(get, "ai.usage.outputTokens", "ai.usage.completionTokens"),
        cached_tokens=first_count(
            get, "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens"
        ),
        cache_write_tokens=first_count(get, "ai.usage.inputTokenDetails.cacheWriteTokens"),
        reasoning_tokens=first_count(
            get, "ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"
        ),
    )


def _operation(get: Get) -> str | None:
    """``ai.operationId``, else the first word of ``operation.name`` (a function id follows it)."""
    operation = text(get("ai.operationId"))
    if operation is not None:
        return operation
    named = text(get("operation.name"))
    return named.split(" ", 1)[0] if named is not None and named.startswith("ai.") else None


def _kind(operation: str | None) -> GenAIKind:
    if operation is None:
        return "other"
    return _KINDS.get(operation) or _INNER.get(operation.rpartition(".")[2], "other")
