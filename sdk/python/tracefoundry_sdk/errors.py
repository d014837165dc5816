"""Errors on spans: an exception object is recorded once, on the innermost of our spans.

The spans around it get the status and ``error.type`` alone, so that one failure is counted and read
once. Another exception that is raised from it is another error.
"""

from __future__ import annotations

import traceback
from contextlib import suppress

from opentelemetry.trace import Span
from opentelemetry.trace.status import Status, StatusCode

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.capture import Capture

_MARK = "__tracefoundry_recorded__"
_MAX_MESSAGE_CHARACTERS = 4_000
_MAX_STACK_CHARACTERS = 32_000


def is_error(error: BaseException | None) -> bool:
    """A generator that is closed and a program that ends with status 0 have not failed."""
    if error is None or isinstance(error, GeneratorExit | StopIteration | StopAsyncIteration):
        return False
    return not (isinstance(error, SystemExit) and error.code in (None, 0))


def type_name(error: BaseException) -> str:
    """The class of the error with its module, without the module for built-in ones."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def record_error(span: Span, error: BaseException, capture: Capture) -> None:
    """Give the span the status and, unless a span below has it, the exception."""
    name = type_name(error)
    span.set_attribute(c.ERROR_TYPE, name)
    message = ""
    if capture.full:
        message = capture.redacted(_message(error), "exception.message")
    span.set_status(Status(StatusCode.ERROR, f"{name}: {message}" if message else name))
    trace_id = span.get_span_context().trace_id
    if getattr(error, _MARK, None) == trace_id:
        return
    with suppress(Exception):  # a class may refuse attributes; then the error is told twice
        setattr(error, _MARK, trace_id)
    attributes = {"exception.type": name}
    if capture.full:
        attributes["exception.message"] = message
        stack = "".join(traceback.format_exception(error))
        attributes["exception.stacktrace"] = capture.redacted(
            stack[-_MAX_STACK_CHARACTERS:], "exception.stacktrace"
        )
    span.add_event("exception", attributes)


def describe(error: object, capture: Capture) -> str:
    """An error for an event: its class, and its message where content is sent."""
    if isinstance(error, BaseException):
        name = type_name(error)
        return capture.redacted(f"{name}: {_message(error)}", "error") if capture.full else name
    return capture.redacted(str(error)[:_MAX_MESSAGE_CHARACTERS], "error")


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_MESSAGE_CHARACTERS]
    except Exception:  # noqa: BLE001 - __str__ of the agent's own class may raise anything
        return ""
