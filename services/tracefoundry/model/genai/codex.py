"""The telemetry of the Codex CLI: events named ``codex.*``, as log records and as span events.

Names are those of the ``otel`` section of Codex's configuration reference and of its crate
``codex-otel``. The usage of a call is in ``codex.sse_event`` (or ``codex.websocket_event``) of the
kind ``response.completed``; input includes cached tokens and output reasoning tokens. Counts may be
strings.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import count, first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "codex"
VERSION = 1
PREFIX = "codex."

_KINDS: dict[str, GenAIKind] = {
    "api_request": "llm",
    "sse_event": "llm",
    "websocket_request": "llm",
    "websocket_event": "llm",
    "tool_result": "tool",
    "tool_decision": "tool",
}


def read(attributes: dict[str, Any], name: str = "") -> GenAI:
    """The GenAI view of a span of Codex. Its spans carry ids and the model, and no usage."""
    return read_event(name, attributes)


def read_event(name: str, attributes: dict[str, Any]) -> GenAI:
    """The GenAI view of an event of Codex."""
    get = attributes.get
    kind = _KINDS.get(name.removeprefix(PREFIX), "other")
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        provider=text(get("provider_name")) or ("openai" if kind == "llm" else None),
        request_model=first_text(get, "model", "slug"),
        tool=text(get("tool_name")) if kind == "tool" else None,
        tool_call_id=text(get("call_id")) if kind == "tool" else None,
        conversation_id=first_text(get, "conversation.id", "thread.id"),
        user_id=text(get("user.account_id")),
    )
    if kind == "llm":
        view.input_tokens = count(get("input_token_count"))
        view.output_tokens = count(get("output_token_count"))
        view.cached_tokens = count(get("cached_token_count"))
        view.reasoning_tokens = count(get("reasoning_token_count"))
    return view
