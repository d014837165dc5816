"""The Spring AI dialect: ``spring.ai.*`` and ``db.vector.*`` attributes beside ``gen_ai.*``.

Names are those of the observability chapter of its reference. Model calls have ``gen_ai.*`` names,
which :mod:`plain` reads; all values are strings. Spans of the framework itself have the operation
``framework`` and say what they are in ``spring.ai.kind``.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import Get, first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "spring_ai"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "chat_client": "chain",
    "advisor": "chain",
    "tool_call": "tool",
    "vector_store": "retriever",
}


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Spring AI attributes of a span."""
    get = attributes.get
    kind = _kind(get)
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        tool=text(get("spring.ai.tool.definition.name")),
        tool_call_id=text(get("spring.ai.tool.call.id")),
        conversation_id=first_text(get, "spring.ai.chat.client.conversation.id", "session.id"),
    )


def _kind(get: Get) -> GenAIKind:
    kind = _KINDS.get(text(get("spring.ai.kind")) or "", "other")
    if kind == "retriever" and get("db.operation.name") in ("add", "delete"):
        return "other"
    if kind == "other" and text(get("spring.ai.tool.definition.name")) is not None:
        return "tool"
    return kind
