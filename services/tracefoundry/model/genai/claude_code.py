"""The telemetry of Claude Code: spans and log events named ``claude_code.*``.

Names are those of https://code.claude.com/docs/en/monitoring-usage (events and, in beta, traces).
Attributes have plain names (``model``, ``input_tokens``), so spans and events are recognised by
their own name. Token counts are those of the Messages API, whose input does not include what was
read from the cache or written to it: they are added.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import (
    Get,
    amount,
    count,
    first_text,
    parse_object,
    text,
    texts,
)
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "claude_code"
VERSION = 1
PREFIX = "claude_code."

_SPAN_KINDS: dict[str, GenAIKind] = {
    "interaction": "agent",
    "llm_request": "llm",
    "tool": "tool",
    "tool.execution": "chain",
    "tool.blocked_on_user": "chain",
    "hook": "chain",
}
_EVENT_KINDS: dict[str, GenAIKind] = {
    "api_request": "llm",
    "api_error": "llm",
    "api_refusal": "llm",
    "tool_result": "tool",
    "tool_decision": "tool",
}


def read(attributes: dict[str, Any], name: str = "") -> GenAI:
    """The GenAI view of a span of Claude Code."""
    kind = _SPAN_KINDS.get(text(attributes.get("span.type")) or name.removeprefix(PREFIX), "other")
    return _view(attributes, kind)


def read_event(name: str, attributes: dict[str, Any]) -> GenAI:
    """The GenAI view of an event of Claude Code."""
    return _view(attributes, _EVENT_KINDS.get(name.removeprefix(PREFIX), "other"))


def _view(attributes: dict[str, Any], kind: GenAIKind) -> GenAI:
    get = attributes.get
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        provider="anthropic" if kind == "llm" else None,
        request_model=first_text(get, "gen_ai.request.model", "model"),
        response_model=text(get("gen_ai.response.model")),
        response_id=first_text(get, "gen_ai.response.id", "request_id"),
        finish_reasons=texts(get("gen_ai.response.finish_reasons")) or texts(get("stop_reason")),
        agent="claude-code" if kind == "agent" else None,
        tool=_tool(get) if kind == "tool" else None,
        tool_call_id=first_text(get, "gen_ai.tool.call.id", "tool_use_id"),
        conversation_id=text(get("session.id")),
        user_id=first_text(get, "user.id", "user.account_uuid"),
    )
    if kind == "llm":
        _read_usage(get, view)
    return view


def _tool(get: Get) -> str | None:
    """The name of the tool; of an MCP tool that is called only ``mcp_tool``, its own."""
    named = first_text(get, "gen_ai.tool.name", "tool_name")
    if named == "mcp_tool":
        return text((parse_object(get("tool_parameters")) or {}).get("mcp_tool_name")) or named
    return named


def _read_usage(get: Get, view: GenAI) -> None:
    view.cached_tokens = count(get("cache_read_tokens"))
    view.cache_write_tokens = count(get("cache_creation_tokens"))
    view.output_tokens = count(get("output_tokens"))
    own_input = count(get("input_tokens"))
    if own_input is not None:
        view.input_tokens = own_input + (view.cached_tokens or 0) + (view.cache_write_tokens or 0)
    view.cost_usd = amount(get("cost_usd"))
    view.cost_source = None if view.cost_usd is None else "reported"
