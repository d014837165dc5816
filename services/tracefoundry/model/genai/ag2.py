"""The AG2 dialect (formerly AutoGen): ``ag2.*`` attributes beside ``gen_ai.*``.

Names are those of ``autogen/opentelemetry`` in its repository. ``ag2.span.type`` says what a span
is. A conversation span repeats the model, the usage and the cost of the calls below it under
``gen_ai.*`` names, so it must not pass for a call.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "ag2"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "conversation": "chain",
    "multi_conversation": "chain",
    "speaker_selection": "chain",
    "human_input": "chain",
    "agent": "agent",
    "llm": "llm",
    "tool": "tool",
    "code_execution": "tool",
}


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the AG2 attributes of a span."""
    get = attributes.get
    span_type = text(get("ag2.span.type"))
    kind = _KINDS.get(span_type or "", "other")
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        agent=text(get("gen_ai.agent.name")),
        tool=text(get("gen_ai.tool.name"))
        or (span_type if span_type == "code_execution" else None),
    )
