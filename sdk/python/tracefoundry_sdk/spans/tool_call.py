"""``tool_call``: one use of a tool."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.json_text import looks_like_json, snapshot
from tracefoundry_sdk.replaying import Identity
from tracefoundry_sdk.spans.base import Operation
from tracefoundry_sdk.spans.helper import Helper

P = ParamSpec("P")
R = TypeVar("R")


class ToolCall(Operation):
    """A tool call: its arguments and its result."""

    def __init__(
        self, name: str | None, arguments: Any, call_id: str | None, description: str | None
    ) -> None:
        super().__init__()
        self._name = name
        self._arguments = arguments
        self._call_id = call_id
        self._description = description
        self._result: Any = None

    @property
    def arguments(self) -> Any:
        """What the tool is called with."""
        return self._arguments

    @arguments.setter
    def arguments(self, value: Any) -> None:
        self._arguments = value
        self._keep(c.TOOL_CALL_ARGUMENTS, value)
        if self.replay is not None:
            self.replay.identity = self.identity()

    @property
    def result(self) -> Any:
        """What the tool gave."""
        return self._result

    @result.setter
    def result(self, value: Any) -> None:
        self._result = value
        self._keep(c.TOOL_CALL_RESULT, value)
        if looks_like_json(value):
            self.attribute(c.RESULT_IS_TEXT, True)

    def span_name(self) -> str:
        """``execute_tool {name}``."""
        return (
            f"{c.OPERATION_EXECUTE_TOOL} {self._name}" if self._name else c.OPERATION_EXECUTE_TOOL
        )

    def identity(self) -> Identity:
        """The tool and its arguments."""
        return Identity("tool", self._name or "", snapshot(self._arguments), self._call_id)

    def start_attributes(self) -> dict[str, Any]:
        """Identity of the call."""
        return {
            c.OPERATION_NAME: c.OPERATION_EXECUTE_TOOL,
            c.TOOL_NAME: self._name,
            c.TOOL_TYPE: "function",
            c.TOOL_CALL_ID: self._call_id,
            c.CONVERSATION_ID: self._conversation_id,
        }

    def began(self) -> None:
        """Keep the arguments as they are now."""
        self._keep(c.TOOL_CALL_ARGUMENTS, self._arguments)
        self._keep(c.TOOL_DESCRIPTION, self._description)

    def finish(self) -> None:
        """Keep the replies of HTTP, if the call is recorded."""
        if self._exchanges:
            self.keep_raw_response(None)

    def take_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        """The function's name and arguments."""
        self._name = self._name or name
        if self._arguments is None:
            self._arguments = arguments

    def take_result(self, result: Any) -> Any:
        """What the function returns is the result, unless it set one."""
        if self._result is None:
            self.result = result
        return result

    def _keep(self, key: str, value: Any) -> None:
        if value is not None and self._wants_content():
            self.content(key, snapshot(value))


@overload
def tool_call(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool_call(
    name: str | None = None,
    *,
    arguments: Any = None,
    call_id: str | None = None,
    description: str | None = None,
) -> Helper[ToolCall]: ...
def tool_call(
    name: Any = None,
    *,
    arguments: Any = None,
    call_id: str | None = None,
    description: str | None = None,
) -> Any:
    """Trace a tool call: ``with tool_call("search", arguments=...) as tool`` or as a decorator."""
    function = name if callable(name) else None
    text = None if function else name
    if function is not None:
        description = inspect.getdoc(function)
    helper = Helper(lambda: ToolCall(text, arguments, call_id, description))
    return helper(function) if function else helper
