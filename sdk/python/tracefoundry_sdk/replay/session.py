"""The replay in this process: open calls of the helpers, and what the guards ask.

A decorated function is answered without running. In the ``with`` form the body runs: the first
request inside it looks the call up, and where it makes none, leaving the ``with`` does.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any

from tracefoundry_sdk.http_exchanges import Exchange
from tracefoundry_sdk.replay import answers
from tracefoundry_sdk.replay.client import ReplayClient
from tracefoundry_sdk.replay.errors import ReplayMiss
from tracefoundry_sdk.replay.guards import HTTP_LIBRARIES, TOOL_LIBRARIES, Guards, sockets_guard
from tracefoundry_sdk.replay.http_replies import HttpReply, http_replies
from tracefoundry_sdk.replay.matching import Call, Wanted
from tracefoundry_sdk.replaying import Form, Identity
from tracefoundry_sdk.spans.base import Operation, innermost


class OpenCall:
    """A call of a helper that is open: looked up once, at the first need."""

    def __init__(self, session: Session, identity: Identity, agent_path: tuple[str, ...]) -> None:
        self.identity = identity
        self._session = session
        self._agent_path = agent_path
        self._looked_up = False
        self._record: dict[str, Any] | None = None
        self._missed: ReplayMiss | None = None
        self._replies: list[HttpReply] | None = None
        self._live = False

    def look_up(self, wanted: Wanted) -> dict[str, Any] | None:
        """The recorded call; None if calls of this name are allowed to go out.

        Raises:
            ReplayMiss: the recording cannot answer it; again at each further question.
        """
        if self._missed is not None:
            raise self._missed
        if self._looked_up:
            return self._record
        self._looked_up = True
        try:
            self._record = self._session.take(self.identity, self._agent_path, wanted)
        except ReplayMiss as miss:
            self._missed = miss
            raise
        if self._record is None:
            self._live = True
            self._session.opened()
        return self._record

    def http_reply(self) -> HttpReply | None:
        """The recorded reply to the next request inside the call; None if it may go out.

        Raises:
            ReplayMiss: the call made fewer requests when it was recorded.
        """
        record = self.look_up("http")
        if record is None:
            return None
        if self._replies is None:
            self._replies = http_replies(record)
        if not self._replies:
            what = f"recorded {self.identity.kind} call {self.identity.name!r}"
            message = f"the {what} has no further reply of HTTP"
            self._session.client.blocked(self.identity.kind, self.identity.name, message)
            raise ReplayMiss(f"replay: {message}")
        return self._replies.pop(0)

    def leave(self, error: BaseException | None) -> None:
        """The ``with`` is left: a call that made no request is compared now."""
        if error is None or isinstance(error, Exception):
            self.look_up("nothing")

    def close(self) -> None:
        """The operation has ended."""
        if self._live:
            self._live = False
            self._session.closed()


class Session:
    """The replay of ``TRACEFOUNDRY_REPLAY``."""

    def __init__(self, address: str) -> None:
        self.client = ReplayClient(address)
        self._guards = Guards(self, (HTTP_LIBRARIES | TOOL_LIBRARIES).items())
        self._stopped = False
        self._lock = threading.Lock()
        self._live_calls = 0

    def guard(self) -> None:
        """Guard sockets, and the libraries that are loaded by now."""
        sockets_guard.guard(self)
        self.client.guards(["decorators", "sockets", *self._guards.extend()])

    def stop(self) -> None:
        """Take the guards away."""
        self._stopped = True
        sockets_guard.remove()
        self._guards.remove()

    def take(
        self,
        identity: Identity,
        agent_path: tuple[str, ...],
        wanted: Wanted,
        alternatives: Sequence[Any] = (),
    ) -> dict[str, Any] | None:
        """Ask the server for a recorded call."""
        call = Call(
            kind=identity.kind,
            name=identity.name,
            agent_path=list(agent_path),
            call_id=identity.call_id,
            arguments=identity.arguments,
            alternatives=list(alternatives),
            wanted=wanted,
        )
        return self.client.take(call)

    # The helpers ask.

    def entered(self, operation: Operation) -> None:
        """An operation begins; what was imported meanwhile is guarded too."""
        if new := self._guards.extend():
            self.client.guards(new)
        try:
            identity = operation.identity()
        except Exception as error:
            # Without its arguments the call cannot be compared, and must not go out.
            raise ReplayMiss(f"replay: the arguments of a call cannot be read: {error}") from error
        if identity is not None:
            operation.replay = OpenCall(self, identity, operation.agent_path)

    def body_of(
        self, operation: Operation, function: Callable[..., Any], form: Form
    ) -> Callable[..., Any]:
        """A function of the same form that gives the recorded answer."""
        call = operation.replay
        if not isinstance(call, OpenCall):
            return function
        if form == "generator":
            return _generator(call, function)
        if form == "async generator":
            return _async_generator(call, function)
        if form == "coroutine":
            return _coroutine(call, function)

        def plain(*args: Any, **kwargs: Any) -> Any:
            record = call.look_up("result")
            return function(*args, **kwargs) if record is None else answers.value(record, function)

        return plain

    # The guards ask.

    def http_reply(self, method: str, url: str) -> HttpReply | None:
        """The reply to a request; None if it may go out.

        Raises:
            ReplayMiss: it stands in no open call, or the recording has no reply for it.
        """
        if self._stopped:
            return None
        operation = innermost()
        if operation is not None and isinstance(operation.replay, OpenCall):
            return operation.replay.http_reply()
        message = "a request outside of llm_call, tool_call and retrieval"
        self.client.blocked("http", f"{method} {_without_query(url)}", message)
        raise ReplayMiss(f"replay: {message}: {method} {_without_query(url)}")

    def exchange(self) -> Exchange | None:
        """Nothing is recorded in a replay."""
        return None

    def tool_record(
        self, name: str, arguments: list[Any], call_id: str | None = None
    ) -> dict[str, Any] | None:
        """The recorded call of a tool that another library calls; None if it may go out.

        ``arguments`` are the forms in which they may have been recorded. Where the agent has a
        ``tool_call`` of the same name around it, the two are one call.
        """
        if self._stopped:
            return None
        operation = innermost()
        if operation is not None and isinstance(operation.replay, OpenCall):
            around = operation.replay.identity
            if around.kind == "tool" and around.name == name:
                return operation.replay.look_up("result")
        path = () if operation is None else operation.agents_below()
        first, *others = arguments
        return self.take(Identity("tool", name, first, call_id), path, "result", others)

    @property
    def stops(self) -> bool:
        """Telemetry is refused, too."""
        return not self._stopped

    @property
    def live(self) -> bool:
        """A call that may go out is open in this process, so sockets are open."""
        return self._live_calls > 0

    def opened(self) -> None:
        """A call that may go out begins."""
        with self._lock:
            self._live_calls += 1

    def closed(self) -> None:
        """It has ended."""
        with self._lock:
            self._live_calls -= 1


def _coroutine(call: OpenCall, function: Callable[..., Any]) -> Callable[..., Any]:
    async def replayed(*args: Any, **kwargs: Any) -> Any:
        record = call.look_up("result")
        if record is not None:
            return answers.value(record, function)
        return await function(*args, **kwargs)

    return replayed


def _generator(call: OpenCall, function: Callable[..., Any]) -> Callable[..., Any]:
    def replayed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        record = call.look_up("result")
        if record is None:
            return (yield from function(*args, **kwargs))
        yield from answers.items(record)
        return None

    return replayed


def _async_generator(call: OpenCall, function: Callable[..., Any]) -> Callable[..., Any]:
    async def replayed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        record = call.look_up("result")
        if record is None:
            live = function(*args, **kwargs)
            try:
                async for item in live:
                    yield item
            finally:
                if inspect.isasyncgen(live):
                    await live.aclose()
            return
        for item in answers.items(record):
            yield item

    return replayed


def _without_query(url: str) -> str:
    """The address without its query, which may hold keys."""
    return url.partition("?")[0]
