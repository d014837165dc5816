"""``trace_agent_run``: one run of an agent, the root of what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from opentelemetry.context import Context

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk import suppression
from tracefoundry_sdk.run_events import send_run_started
from tracefoundry_sdk.spans.base import Operation
from tracefoundry_sdk.spans.helper import Helper

P = ParamSpec("P")
R = TypeVar("R")


class AgentRun(Operation):
    """A run: what it was asked and what it answered."""

    def __init__(
        self,
        name: str | None,
        conversation_id: str | None,
        user_id: str | None,
        input: Any,
        tags: Sequence[str] | None,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        super().__init__()
        self._name = name
        self._conversation_id = conversation_id
        self._user_id = user_id
        self._input = input
        self._output: Any = None
        self._tags = tags
        self._attributes = attributes

    @property
    def input(self) -> Any:
        """What the agent was asked: text, messages, or any value."""
        return self._input

    @input.setter
    def input(self, value: Any) -> None:
        self._input = value
        self.messages(c.INPUT_MESSAGES, value)

    @property
    def output(self) -> Any:
        """What the agent answered."""
        return self._output

    @output.setter
    def output(self, value: Any) -> None:
        self._output = value
        self.messages(c.OUTPUT_MESSAGES, value, role="assistant")

    def span_name(self) -> str:
        """``invoke_agent {name}``."""
        return (
            f"{c.OPERATION_INVOKE_AGENT} {self._name}" if self._name else c.OPERATION_INVOKE_AGENT
        )

    def start_attributes(self) -> dict[str, Any]:
        """Identity of the run, and the attributes it was given."""
        attributes: dict[str, Any] = {
            c.OPERATION_NAME: c.OPERATION_INVOKE_AGENT,
            c.AGENT_NAME: self._name,
            c.CONVERSATION_ID: self._conversation_id,
            c.USER_ID: self._user_id,
        }
        if self._tags:
            attributes[c.TAGS] = [str(tag) for tag in self._tags]
        if self._attributes and self._runtime is not None:
            plain = self._runtime.capture.plain
            attributes |= {key: plain(key, value) for key, value in self._attributes.items()}
        return attributes

    def agents_below(self) -> tuple[str, ...]:
        """Ends with this agent."""
        return (*self.agent_path, self._name or "")

    def extended(self, current: Context) -> Context:
        """Official instrumentations below take the conversation from the context."""
        if self._conversation_id is None:
            return current
        return suppression.with_conversation(current, self._conversation_id) or current

    def began(self) -> None:
        """Keep the input and tell the server that the run has begun."""
        if self._input is not None:
            self.messages(c.INPUT_MESSAGES, self._input)
        if self._runtime is not None:
            send_run_started(
                self._runtime,
                self._span,
                name=self.span_name(),
                agent=self._name,
                conversation_id=self._conversation_id,
            )

    def take_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        """The function's name, and its arguments as the input."""
        self._name = self._name or name
        if self._input is None and arguments:
            self._input = next(iter(arguments.values())) if len(arguments) == 1 else arguments

    def take_result(self, result: Any) -> Any:
        """What the function returns is the output, unless it set one."""
        if self._output is None and result is not None:
            texts = isinstance(result, list) and result and all(type(x) is str for x in result)
            self.output = "".join(result) if texts else result
        return result


@overload
def trace_agent_run(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def trace_agent_run(
    name: str | None = None,
    *,
    conversation_id: str | None = None,
    user_id: str | None = None,
    input: Any = None,
    tags: Sequence[str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Helper[AgentRun]: ...
def trace_agent_run(
    name: Any = None,
    *,
    conversation_id: str | None = None,
    user_id: str | None = None,
    input: Any = None,
    tags: Sequence[str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace a run of an agent: ``with trace_agent_run("support") as run`` or as a decorator.

    LLM and tool calls below it inherit the conversation. A record goes out when the run starts, so
    that it is seen while it runs.
    """
    function = name if callable(name) else None
    text = None if function else name
    helper = Helper(lambda: AgentRun(text, conversation_id, user_id, input, tags, attributes))
    return helper(function) if function else helper
