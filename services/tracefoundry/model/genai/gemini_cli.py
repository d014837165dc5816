"""The telemetry of the Gemini CLI: log events named ``gemini_cli.*``.

Names are those of ``docs/cli/telemetry.md`` in its repository. Its spans have ``gen_ai.*`` names,
which :mod:`plain` reads. ``output_token_count`` is the API's count of candidates, which does not
include thoughts: they are added, unless ``total_token_count`` says that they are in it.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import count, text, texts
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "gemini_cli"
VERSION = 1
PREFIX = "gemini_cli."

_KINDS: dict[str, GenAIKind] = {
    "api_request": "llm",
    "api_response": "llm",
    "api_error": "llm",
    "tool_call": "tool",
    "agent.start": "agent",
    "agent.finish": "agent",
}


def read(attributes: dict[str, Any], name: str = "") -> GenAI:
    """The GenAI view of a span of the Gemini CLI that is named like its events."""
    return read_event(name, attributes)


def read_event(name: str, attributes: dict[str, Any]) -> GenAI:
    """The GenAI view of an event of the Gemini CLI."""
    get = attributes.get
    kind = _KINDS.get(name.removeprefix(PREFIX), "other")
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        provider="gcp.gen_ai" if kind == "llm" else None,
        request_model=text(get("model")),
        finish_reasons=texts(get("finish_reasons")),
        agent=text(get("agent_name")) if kind == "agent" else None,
        tool=text(get("function_name")) if kind == "tool" else None,
        conversation_id=text(get("session.id")),
        user_id=text(get("installation.id")),
    )
    if kind == "llm":
        _read_usage(attributes, view)
    return view


def _read_usage(attributes: dict[str, Any], view: GenAI) -> None:
    get = attributes.get
    view.input_tokens = count(get("input_token_count"))
    view.output_tokens = count(get("output_token_count"))
    view.cached_tokens = count(get("cached_content_token_count"))
    view.reasoning_tokens = thoughts = count(get("thoughts_token_count"))
    if thoughts and view.output_tokens is not None:
        total = count(get("total_token_count"))
        if total != (view.input_tokens or 0) + view.output_tokens:
            view.output_tokens += thoughts
