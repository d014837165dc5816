"""Whether this process is part of a replay, or recorded for one: all that the helpers know of it.

``tracefoundry replay FILE --rerun -- COMMAND`` sets ``TRACEFOUNDRY_REPLAY`` for the agent. Without
it the package ``replay`` is not imported, and the helpers pay for one comparison. The package is
built on the helpers, so it is loaded by its name, and known here by protocols.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol, cast

VARIABLE = "TRACEFOUNDRY_REPLAY"

Form = Literal["plain", "coroutine", "generator", "async generator"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a recorded call is found by, beside the agents around it."""

    kind: Literal["llm", "tool", "retrieval"]
    name: str
    arguments: Any
    call_id: str | None = None


class OpenCall(Protocol):
    """A call of a helper that is open in a replay."""

    identity: Identity

    def leave(self, error: BaseException | None) -> None:
        """The ``with`` is left: a call that made no request is compared now."""

    def close(self) -> None:
        """The operation has ended."""


class ReplayableOperation(Protocol):
    """An operation of a helper, as a replay sees it."""

    agent_path: tuple[str, ...]
    replay: OpenCall | None

    def identity(self) -> Identity | None:
        """What the recorded call is found by; None for what is not a call."""


class Session(Protocol):
    """The replay in this process."""

    def entered(self, operation: Any) -> None:
        """An operation begins."""

    def body_of(
        self, operation: Any, function: Callable[..., Any], form: Form
    ) -> Callable[..., Any]:
        """A function of the same form that gives the recorded answer."""

    def guard(self) -> None:
        """Guard sockets and libraries."""

    def stop(self) -> None:
        """Take the guards away."""


class Recorder(Protocol):
    """Keeps the replies of HTTP while an agent is recorded."""

    def watch(self) -> None:
        """Watch the libraries that are loaded by now."""

    def stop(self) -> None:
        """Watch no more."""


_session: Session | None = None
_recorder: Recorder | None = None
_address: str | None = os.environ.get(VARIABLE) or None


def session() -> Session | None:
    """The replay that this process is part of; it begins with the first question."""
    if _session is None and _address is not None:
        begin(_address)
    return _session


def notice() -> Session | None:
    """Look at the environment again, as ``quick_start`` does."""
    global _address
    _address = os.environ.get(VARIABLE) or None
    return session()


def begin(address: str) -> None:
    """Answer this process's calls from the replay's server from now on."""
    global _session, _address
    _address = address
    started = cast("Session", import_module("tracefoundry_sdk.replay.session").Session(address))
    _session = started
    started.guard()


def end() -> None:
    """Take the guards away; for tests, as a real replay ends with its processes."""
    global _session, _address
    ended, _session, _address = _session, None, None
    if ended is not None:
        ended.stop()


def record() -> None:
    """Keep the replies of HTTP inside calls from now on."""
    global _recorder
    if _recorder is None:
        recorder = import_module("tracefoundry_sdk.replay.recorder").Recorder()
        _recorder = cast("Recorder", recorder)
        _recorder.watch()


def stop_recording() -> None:
    """Keep them no more."""
    global _recorder
    stopped, _recorder = _recorder, None
    if stopped is not None:
        stopped.stop()


def entered(operation: ReplayableOperation) -> None:
    """An operation begins."""
    if _recorder is not None:
        _recorder.watch()
    current = session()
    if current is not None:
        current.entered(operation)


def body_of(
    operation: ReplayableOperation, function: Callable[..., Any], form: Form
) -> Callable[..., Any]:
    """What is run for a decorated function: the function, or what gives its recorded answer."""
    current = session()
    return function if current is None else current.body_of(operation, function, form)
