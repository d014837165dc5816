"""The LiveKit dialect: ``lk.*`` attributes of voice agents, beside ``gen_ai.*``.

Names are those of ``livekit/agents/telemetry/trace_types.py`` in its repository.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import Get, first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "livekit"
VERSION = 1


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the LiveKit attributes of a span."""
    get = attributes.get
    tool = text(get("lk.function_tool.name"))
    return GenAI(
        kind=_kind(get, tool),
        dialect=DIALECT,
        agent=first_text(get, "lk.agent_name", "lk.agent_label"),
        tool=tool,
        tool_call_id=text(get("lk.function_tool.id")),
        conversation_id=first_text(get, "session.id", "lk.room_name", "lk.job_id"),
        user_id=text(get("lk.participant_identity")),
    )


def _kind(get: Get, tool: str | None) -> GenAIKind:
    if tool is not None:
        return "tool"
    if text(get("gen_ai.operation.name")) is None and get("lk.agent_label") is not None:
        return "agent"
    return "other"
