"""Decorated functions of four kinds: plain, coroutine, generator, async generator.

A wrapper is of the same kind as what it wraps, because frameworks ask (``iscoroutinefunction``). In
generators the span is current only while the generator's own code runs: between two values the
consumer's code runs, which is no child of it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, TypeVar, cast

from tracefoundry_sdk import replaying
from tracefoundry_sdk.safety import never_raises
from tracefoundry_sdk.spans.base import Operation

MAX_KEPT_ITEMS = 10_000
"""Values of a generator that are kept as its result."""

P = ParamSpec("P")
R = TypeVar("R")
Make = Callable[[], Operation]


def traced(function: Callable[P, R], make: Make) -> Callable[P, R]:
    """The function, with an operation around each call."""
    if isinstance(function, staticmethod | classmethod):
        return cast("Callable[P, R]", type(function)(traced(function.__func__, make)))
    target = inspect.unwrap(function)
    if inspect.isasyncgenfunction(target):
        wrapper: Any = _async_generator(function, make)
    elif inspect.isgeneratorfunction(target):
        wrapper = _generator(function, make)
    elif inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - asks for the kind, not whether it is there
    ):
        wrapper = _coroutine(function, make)
    else:
        wrapper = _plain(function, make)
    return cast("Callable[P, R]", functools.wraps(function)(wrapper))


class _Arguments:
    """Names the arguments of a call by the signature of the function."""

    def __init__(self, function: Any) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self._signature = None

    @never_raises(None)
    def give(self, operation: Operation, args: Any, kwargs: Any) -> None:
        """Tell the operation what the function is called with."""
        named: dict[str, Any]
        try:
            bound = self._signature.bind_partial(*args, **kwargs) if self._signature else None
        except TypeError:
            bound = None  # the call itself will say what is wrong
        if bound is None:
            named = {f"arg{index}": value for index, value in enumerate(args)} | kwargs
        else:
            named = dict(bound.arguments)
            if next(iter(named), None) in ("self", "cls"):
                named.pop(next(iter(named)))
        operation.take_arguments(self.name, named)


def _begin(make: Make, arguments: _Arguments, args: Any, kwargs: Any) -> Operation:
    operation = make()
    arguments.give(operation, args, kwargs)
    operation.start()
    replaying.entered(operation)
    return operation


def _plain(function: Any, make: Make) -> Callable[..., Any]:
    arguments = _Arguments(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        operation = _begin(make, arguments, args, kwargs)
        operation.attach()
        try:
            result = replaying.body_of(operation, function, "plain")(*args, **kwargs)
        except BaseException as error:
            operation.detach()
            operation.end(error)
            raise
        operation.detach()
        if inspect.iscoroutine(result):
            return _awaited(result, operation)
        return _finished(operation, result)

    return call


def _coroutine(function: Any, make: Make) -> Callable[..., Any]:
    arguments = _Arguments(function)

    async def call(*args: Any, **kwargs: Any) -> Any:
        operation = _begin(make, arguments, args, kwargs)
        body = replaying.body_of(operation, function, "coroutine")
        return await _awaited(body(*args, **kwargs), operation)

    return call


async def _awaited(coroutine: Any, operation: Operation) -> Any:
    operation.attach()
    try:
        result = await coroutine
    except BaseException as error:
        operation.detach()
        operation.end(error)
        raise
    operation.detach()
    return _finished(operation, result)


def _finished(operation: Operation, result: Any) -> Any:
    given = _taken(operation, result)
    operation.leave(None)
    return given


def _taken(operation: Operation, result: Any) -> Any:
    """What the caller gets; the result itself if the operation could not read it."""

    @never_raises(result)
    def take() -> Any:
        return operation.take_result(result)

    return take()


@never_raises(None)
def _take_items(operation: Operation, items: list[Any]) -> None:
    """A generator has ended."""
    operation.take_items(items)


def _generator(function: Any, make: Make) -> Callable[..., Any]:
    arguments = _Arguments(function)

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        operation = _begin(make, arguments, args, kwargs)
        items: list[Any] = []
        error: BaseException | None = None
        closing = False
        try:
            generator = replaying.body_of(operation, function, "generator")(*args, **kwargs)
            advance, value = generator.send, None
            while True:
                operation.attach()
                try:
                    item = advance(value)
                except StopIteration as stop:
                    return stop.value
                finally:
                    operation.detach()
                _keep(items, item)
                try:
                    advance, value = generator.send, (yield item)
                except GeneratorExit:
                    closing = True
                    generator.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - goes into the agent's generator
                    advance, value = generator.throw, thrown
        except BaseException as raised:
            error = None if closing else raised
            raise
        finally:
            _take_items(operation, items)
            operation.end(error)

    return call


def _async_generator(function: Any, make: Make) -> Callable[..., Any]:
    arguments = _Arguments(function)

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        operation = _begin(make, arguments, args, kwargs)
        items: list[Any] = []
        error: BaseException | None = None
        closing = False
        try:
            body = replaying.body_of(operation, function, "async generator")
            generator = body(*args, **kwargs)
            advance, value = generator.asend, None
            while True:
                operation.attach()
                try:
                    item = await advance(value)
                except StopAsyncIteration:
                    return
                finally:
                    operation.detach()
                _keep(items, item)
                try:
                    advance, value = generator.asend, (yield item)
                except GeneratorExit:
                    closing = True
                    await generator.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - goes into the agent's generator
                    # asyncio closes an abandoned generator in a task that it may cancel.
                    closing = type(thrown).__name__ == "CancelledError"
                    advance, value = generator.athrow, thrown
        except BaseException as raised:
            error = None if closing else raised
            raise
        finally:
            _take_items(operation, items)
            operation.end(error)

    return call


def _keep(items: list[Any], item: Any) -> None:
    if len(items) < MAX_KEPT_ITEMS:
        items.append(item)
