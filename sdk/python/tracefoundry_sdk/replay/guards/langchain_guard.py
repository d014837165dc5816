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
        call_id = options.get("tool_call_id")
        return session.tool_record(tool.name, _arguments(tool, tool_input, call_id), call_id)

    def answer(tool: Any, record: dict[str, Any], options: dict[str, Any]) -> Any:
        if record["error"] is not None:
            raise error_of(record["error"])
        found = record["result"]
        call_id = options.get("tool_call_id")
        if call_id is None:
            return found
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


def _arguments(tool: Any, tool_input: Any, call_id: str | None) -> list[Any]:
    """What the tool's function is called with, and what the tool was given.

    LangChain adds defaults and converts values between the two; a decorated function was recorded
    with the former, instrumentations of LangChain record the latter.
    """
    given = snapshot(tool_input)
    names = list(getattr(tool, "args", None) or {})
    if not isinstance(tool_input, dict) and len(names) == 1:
        given = {names[0]: given}
    try:
        positional, named = tool._to_args_and_kwargs(tool_input, call_id)
    except Exception:  # noqa: BLE001 - the input does not fit, or another release of LangChain
        return [given]
    return [snapshot(dict(zip(names, positional, strict=False)) | named), given]
