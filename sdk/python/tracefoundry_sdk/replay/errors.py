"""What a replay raises: a call that the recording does not have, and errors that it does have."""

from __future__ import annotations

import ast
import builtins
import sys
from typing import Any

_MAX_LINES_OF_DIFF = 60


class ReplayMiss(BaseException):  # deliberately no Exception: see the docstring
    """A call that the recording cannot answer.

    Derived from BaseException because agents wrap their calls in retry loops and fallbacks that
    catch Exception. Such a loop would try the call again until it gives up and then go on with a
    wrong answer; a run that has left its recording must end. Code that catches BaseException still
    cannot hide it: every miss is in the report as well.
    """

    def __init__(self, message: str, *, nearest: Any = None, diff: str | None = None) -> None:
        self.nearest = nearest
        self.diff = diff
        lines = [message]
        if diff:
            shown = diff.splitlines()[:_MAX_LINES_OF_DIFF]
            lines += ["difference to the nearest recorded call (- recorded, + now):", *shown]
        super().__init__("\n".join(lines))


class ReplayedError(Exception):
    """An error that a recorded call ended with; ``original_type`` names its class."""

    original_type: str = ""


def error_of(recorded: Any) -> Exception:
    """The recorded error ``{"type", "message"}`` as an exception to raise.

    A built-in exception is made again. Of a class whose module is loaded the error is an instance,
    so that ``except openai.RateLimitError`` still works, but its own attributes are absent.
    Anything else is a :class:`ReplayedError`.
    """
    name = str(recorded.get("type") or "Exception")
    message = str(recorded.get("message") or "")
    kind = _class_of(name)
    if kind is not None and kind.__module__ == "builtins":
        try:
            return kind(_key_of(message) if kind is KeyError else message)
        except TypeError:  # needs more than a message, as UnicodeDecodeError does
            kind = None
    error = _replayed(kind)
    error.args = (message if kind is not None else f"{name}: {message}",)
    error.original_type = name
    return error


def _class_of(name: str) -> type[Exception] | None:
    """The class, if it is an Exception and its module is loaded; nothing is imported."""
    module_name, _, class_name = name.rpartition(".")
    found: Any = builtins if not module_name else sys.modules.get(module_name)
    found = getattr(found, class_name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _replayed(kind: type[Exception] | None) -> ReplayedError:
    """A ReplayedError that is an instance of this class too, where the two can be combined."""
    if kind is not None:
        try:
            combined: Any = type(
                kind.__name__, (ReplayedError, kind), {"__module__": kind.__module__}
            )
            error: ReplayedError = combined.__new__(combined)  # its __init__ may need more
            return error
        except TypeError:  # the layouts or metaclasses of the two do not go together
            pass
    return ReplayedError()


def _key_of(message: str) -> Any:
    """The key of a KeyError, whose message is the key's representation."""
    try:
        return ast.literal_eval(message)
    except (ValueError, SyntaxError):
        return message
