"""A helper call, ``llm_call("openai")``: context manager, sync and async, and decorator.

Each ``with`` and each call of a decorated function is an operation of its own, so one helper may be
kept and used often.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from opentelemetry import context

from tracefoundry_sdk import replaying
from tracefoundry_sdk.spans.base import Operation
from tracefoundry_sdk.spans.functions import traced

OperationT = TypeVar("OperationT", bound=Operation)
P = ParamSpec("P")
R = TypeVar("R")


class Helper(Generic[OperationT]):
    """What ``trace_agent_run``, ``llm_call``, ``tool_call`` and ``retrieval`` give."""

    def __init__(self, make: Callable[[], OperationT]) -> None:
        self._make = make
        self._open: list[OperationT] = []

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function, coroutine function, generator or async generator function."""
        return traced(function, self._make)

    def __enter__(self) -> OperationT:
        operation = self._make()
        operation.start()
        replaying.entered(operation)
        operation.attach()
        self._open.append(operation)
        return operation

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> OperationT:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        operation = self._innermost()
        if operation is not None:
            operation.detach(abandoned=isinstance(error, GeneratorExit))
            if operation.replay is not None:
                try:
                    operation.replay.leave(error)
                except BaseException as miss:
                    operation.leave(miss)
                    raise
            operation.leave(error)

    def _innermost(self) -> OperationT | None:
        """The operation of this ``with``; several tasks may be inside one helper."""
        if len(self._open) == 1:
            return self._open.pop()
        if self._open:
            current = context.get_current()
            for index, operation in enumerate(self._open):
                if operation._context is current:
                    return self._open.pop(index)
        return self._open.pop() if self._open else None
