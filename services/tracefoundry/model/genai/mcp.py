"""The Model Context Protocol dialect: ``mcp.*`` attributes of MCP clients and servers.

Names are those of OpenTelemetry's semantic conventions for MCP, and of OpenLLMetry's instrumentor.
The name of the span is ``<method> <target>``, which names the tool if no attribute does. A session
of the protocol stands for the conversation if nothing else does.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "mcp"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "tools/call": "tool",
    "resources/read": "retriever",
    "sampling/createMessage": "llm",
}


def read(attributes: dict[str, Any], name: str = "") -> GenAI:
    """The GenAI view from the MCP attributes of a span."""
    get = attributes.get
    method = first_text(get, "mcp.method.name", "mcp.method")
    kind = _KINDS.get(method or "", "other")
    tool = first_text(get, "gen_ai.tool.name", "mcp.tool.name")
    if tool is not None and kind == "other" and method is None:
        kind = "tool"
    if kind == "tool" and tool is None and method is not None:
        tool = text(name.removeprefix(f"{method} ")) if name.startswith(f"{method} ") else None
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        operation=method,
        tool=tool,
        conversation_id=first_text(get, "gen_ai.conversation.id", "session.id", "mcp.session.id"),
    )
