"""Whether this process is part of a replay, or recorded for one: all that the helpers know of it.

``tracefoundry replay FILE --rerun -- COMMAND`` sets ``TRACEFOUNDRY_REPLAY`` for the agent. Without
it the package ``replay`` is not imported, and the helpers pay for one comparison.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.recorder import Recorder
    from tracefoundry_sdk.replay.session import Session
    from tracefoundry_sdk.spans.base import Operation

VARIABLE = "TRACEFOUNDRY_REPLAY"

Form = Literal["plain", "coroutine", "generator", "async generator"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a recorded call is found by, beside the agents around it."""

    kind: Literal["llm", "tool", "retrieval"]
    name: str
    arguments: Any
    call_id: str | None = None


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


def begin(address: str) -> Session:
    """Answer this process's calls from the replay's server from now on."""
    global _session, _address
    from tracefoundry_sdk.replay.session import Session

    _address = address
    _session = Session(address)
    _session.guard()
    return _session


def end() -> None:
    """Take the guards away; for tests, as a real replay ends with its processes."""
    global _session, _address
    ended, _session, _address = _session, None, None
    if ended is not None:
        ended.stop()


def record() -> None:
    """Keep the replies of HTTP inside calls from now on."""
    global _recorder
    from tracefoundry_sdk.replay.recorder import Recorder

    if _recorder is None:
        _recorder = Recorder()
        _recorder.watch()


def stop_recording() -> None:
    """Keep them no more."""
    global _recorder
    stopped, _recorder = _recorder, None
    if stopped is not None:
        stopped.stop()


def entered(operation: Operation) -> None:
    """An operation begins."""
    if _recorder is not None:
        _recorder.watch()
    current = session()
    if current is not None:
        current.entered(operation)


def body_of(operation: Operation, function: Callable[..., Any], form: Form) -> Callable[..., Any]:
    """What is run for a decorated function: the function, or what gives its recorded answer."""
    current = session()
    return function if current is None else current.body_of(operation, function, form)
