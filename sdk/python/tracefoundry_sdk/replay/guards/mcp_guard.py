"""The guard of MCP: the client session's ``call_tool``, answered like a tool call.

The session itself is the agent's: over stdio it starts and greets its server as before, over HTTP
it is stopped by the guards of HTTP. No tool of the server is called.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.json_text import snapshot, text_of
from tracefoundry_sdk.replay.errors import error_of

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Patches
    from tracefoundry_sdk.replay.session import Session


def guard(session: Session, patches: Patches, module: Any) -> None:
    """Answer the tool calls of ``mcp.ClientSession``."""
    types = import_module("mcp.types")

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def call_tool(
            self: Any, name: str, arguments: Any = None, *args: Any, **options: Any
        ) -> Any:
            record = session.tool_record(name, [snapshot(arguments or {})])
            if record is None:
                return await original(self, name, arguments, *args, **options)
            if record["error"] is not None:
                raise error_of(record["error"])
            return result_of(record["result"])

        return call_tool

    def result_of(recorded: Any) -> Any:
        """The result as the session gives it, from a whole result or from its content alone."""
        if isinstance(recorded, dict) and isinstance(recorded.get("content"), list):
            return types.CallToolResult.model_validate(recorded)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text_of(recorded))]
        )

    patches.replace(module.ClientSession, "call_tool", make)
