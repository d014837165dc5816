"""The Laminar dialect: ``lmnr.*`` attributes beside ``gen_ai.*``.

Laminar gives every span a type (``DEFAULT`` means none) and writes model, usage and cost under
``gen_ai.*`` names, which :mod:`plain` reads.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "laminar"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "LLM": "llm",
    "CACHED": "llm",
    "TOOL": "tool",
    "PIPELINE": "chain",
    "EXECUTOR": "chain",
    "EVALUATION": "chain",
    "EVALUATOR": "evaluator",
    "HUMAN_EVALUATOR": "evaluator",
}
_PROPERTIES = "lmnr.association.properties."


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Laminar attributes of a span."""
    get = attributes.get
    return GenAI(
        kind=_KINDS.get((text(get("lmnr.span.type")) or "").upper(), "other"),
        dialect=DIALECT,
        conversation_id=first_text(get, _PROPERTIES + "session_id", "session.id"),
        user_id=first_text(get, _PROPERTIES + "user_id", "user.id"),
    )
