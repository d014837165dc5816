"""Attributes for what ATIF has and the GenAI conventions do not; both directions use them."""

from __future__ import annotations

from typing import Final

SCOPE: Final = "tracefoundry.interchange.atif"

TRAJECTORY: Final = "tracefoundry.atif.trajectory"
"""On the agent span: the fields of the trajectory and its agent that have no attribute (JSON)."""
STEP_ID: Final = "tracefoundry.atif.step_id"
STEP: Final = "tracefoundry.atif.step"
"""The fields of a step that have no attribute (JSON)."""
PARTS: Final = "tracefoundry.atif.parts"
"""True if the content of a message event is the JSON of content parts."""
TOOL_CALL: Final = "tracefoundry.atif.tool_call"
RESULTS: Final = "tracefoundry.atif.results"
"""The results of a tool call, without what stands in ``gen_ai.tool.call.result`` (JSON)."""
OBSERVATION: Final = "tracefoundry.atif.observation"
"""The results of a step that belong to none of its tool calls (JSON)."""

EVENT_BY_SOURCE: Final = {
    "user": "gen_ai.user.message",
    "system": "gen_ai.system.message",
    "agent": "gen_ai.assistant.message",
}
SOURCE_BY_EVENT: Final = {event: source for source, event in EVENT_BY_SOURCE.items()}
