"""The rules of ATIF that a trajectory must keep to be imported."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.fields import Fields

NEWEST_MINOR: Final = 8
EXPORT_VERSION: Final = "ATIF-v1.7"
MAX_SUBAGENT_DEPTH: Final = 20
"""Deepest nesting of embedded sub-agents, read and written."""

_VERSION = re.compile(r"ATIF-v1\.([0-9]{1,3})")
_AGENT_ONLY = ("model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics")


def check_version(document: Fields) -> None:
    """Refuse a version that is not known.

    Raises:
        UnreadableFile: none of 1.0 to 1.8.
    """
    version = document.required_string("schema_version")
    match = _VERSION.fullmatch(version)
    if match is None or int(match.group(1)) > NEWEST_MINOR:
        raise UnreadableFile(
            f"{document.place}, schema_version",
            f"{version[:40]!r} is not one of ATIF-v1.0 to ATIF-v1.{NEWEST_MINOR}",
            "export the trajectory in one of these versions, or update TraceFoundry",
        )


def check_step_ids(steps: list[Fields], place: str) -> None:
    """Refuse steps that are not numbered 1, 2, 3 ...

    Raises:
        UnreadableFile: there are none, or one has another number.
    """
    if not steps:
        raise UnreadableFile(place, "has no steps", "import a trajectory with at least one step")
    for number, step in enumerate(steps, start=1):
        if type(step.get("step_id")) is not int or step.get("step_id") != number:
            raise UnreadableFile(
                f"{step.place}, step_id", f"is not {number}", "number the steps from 1 on"
            )


def check_agent_step(step: Fields, source: str) -> None:
    """Refuse fields that a step of this source must not have.

    Raises:
        UnreadableFile: the message names the field.
    """
    check_content(step, "message")
    if step.get("message") is None and source != "agent":
        raise UnreadableFile(step.place, "has no 'message'", "add it; it may be empty")
    if source != "agent":
        for name in _AGENT_ONLY:
            if step.get(name) is not None:
                raise UnreadableFile(
                    f"{step.place}, {name}", "is for agent steps only", "take it out"
                )
    elif step.get("llm_call_count") == 0:
        for name in ("metrics", "reasoning_content"):
            if step.get(name) is not None:
                raise UnreadableFile(
                    f"{step.place}, {name}", "is set, though llm_call_count is 0", "take it out"
                )


def check_content(holder: Fields, name: str) -> None:
    """Refuse content that is neither a text nor a list of content parts.

    Raises:
        UnreadableFile: the message names the field.
    """
    content = holder.get(name)
    if content is not None and type(content) is not str:
        holder.objects(name)


def message_text(message: Any) -> str:
    """A message or result as text: a string as it is, content parts as JSON."""
    if message is None:
        return ""
    return message if type(message) is str else orjson.dumps(message).decode()
