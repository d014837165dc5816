"""The Traceloop dialect (OpenLLMetry): ``traceloop.*`` and ``llm.*`` beside ``gen_ai.*``.

Model calls have ``gen_ai.*`` names, old and new, which :mod:`plain` reads. This module reads what
OpenLLMetry adds: kinds of workflow spans, entity names and association properties.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import first_text, text, texts
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "traceloop"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "workflow": "chain",
    "task": "chain",
    "agent": "agent",
    "tool": "tool",
}
_REQUEST_KINDS: dict[str, GenAIKind] = {
    "chat": "llm",
    "completion": "llm",
    "embedding": "embedding",
    "rerank": "reranker",
}
_PROPERTIES = "traceloop.association.properties."


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Traceloop attributes of a span."""
    get = attributes.get
    kind = _KINDS.get(text(get("traceloop.span.kind")) or "", "other")
    if kind == "other":
        kind = _REQUEST_KINDS.get(text(get("llm.request.type")) or "", "other")
    entity = text(get("traceloop.entity.name"))
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        finish_reasons=texts(get("llm.response.finish_reason"))
        or texts(get("llm.response.stop_reason")),
        agent=entity if kind == "agent" else None,
        tool=entity if kind == "tool" else None,
        conversation_id=first_text(
            get, _PROPERTIES + "session_id", _PROPERTIES + "sessionId", "session.id"
        ),
        user_id=first_text(get, _PROPERTIES + "user_id", _PROPERTIES + "userId", "user.id"),
    )
