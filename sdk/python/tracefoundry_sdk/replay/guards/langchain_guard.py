"""The guard of LangChain: ``run`` and ``arun`` of its tools, which ``invoke`` calls too."""

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
    """Answer the calls of ``BaseTool``."""
    messages = import_module("langchain_core.messages")

    def record_of(tool: Any, tool_input: Any, options: dict[str, Any]) -> dict[str, Any] | None:
        arguments = _arguments(tool, tool_input)
        return session.tool_record(tool.name, arguments, options.get("tool_call_id"))

    def answer(tool: Any, record: dict[str, Any], options: dict[str, Any]) -> Any:
        if record["error"] is not None:
            raise error_of(record["error"])
        found = record["result"]
        call_id = options.get("tool_call_id")
        if call_id is None:
            return found if record["result_text"] is None else record["result_text"]
        if isinstance(found, dict) and found.get("type") == "tool":  # a whole message was recorded
            found = found.get("content")
        return messages.ToolMessage(content=text_of(found), tool_call_id=call_id, name=tool.name)

    def sync(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, tool_input: Any, *args: Any, **options: Any) -> Any:
            record = record_of(self, tool_input, options)
            if record is None:
                return original(self, tool_input, *args, **options)
            return answer(self, record, options)

        return run

    def asynchronous(original: Callable[..., Any]) -> Callable[..., Any]:
        async def arun(self: Any, tool_input: Any, *args: Any, **options: Any) -> Any:
            record = record_of(self, tool_input, options)
            if record is None:
                return await original(self, tool_input, *args, **options)
            return answer(self, record, options)

        return arun

    patches.replace(module.BaseTool, "run", sync)
    patches.replace(module.BaseTool, "arun", asynchronous)


def _arguments(tool: Any, tool_input: Any) -> Any:
    """The arguments by name; a tool of one argument may be given the bare value."""
    if isinstance(tool_input, dict):
        return snapshot(tool_input)
    names = list(getattr(tool, "args", None) or {})
    return {names[0]: snapshot(tool_input)} if len(names) == 1 else snapshot(tool_input)
