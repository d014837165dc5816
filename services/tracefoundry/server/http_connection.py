"""One HTTP connection and its time: its place among others, its deadlines, and how it is refused.

uvicorn has no deadline for a request, for an idle connection that never asked, or for a reader that
stalls. All deadlines are checked together now and then, so requests set times and no timers.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tracefoundry.rare_log import RareLog
from tracefoundry.server.connections import ConnectionTable, Place
from tracefoundry.server.http_refusals import refusal

CANCEL_ON_DISCONNECT = "cancel_on_disconnect"
"""Key of an ASGI scope's ``state``: an application sets it where a request that nobody waits for
any more is to be cancelled."""


class PortState(ServerState):
    """What the connections of one port share.

    Attributes:
        table: the port's connections.
        grpc_hint: where gRPC is served, for clients that speak it to this port.
        rare_log: for clients that speak another protocol.
    """

    def __init__(self, table: ConnectionTable, grpc_hint: str) -> None:
        super().__init__()
        self.table = table
        self.grpc_hint = grpc_hint
        self.rare_log = RareLog()


class Receiving(Enum):
    """Which part of a request comes next on a connection."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class HttpConnection(HttpToolsProtocol):
    """uvicorn's connection, with a place in the table and deadlines."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._port = cast("PortState", server_state)
        self._table = self._port.table
        self._limits = self._table.limits
        self._place: Place = "open"
        self._receiving = Receiving.NOTHING
        self._received_at = self._head_at = self._body_at = self._answered_at = 0.0
        self._stalled_at: float | None = None
        self._closing_at: float | None = None
        self._fresh = True
        self._broken = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place in the table; the headers' deadline begins now."""
        super().connection_made(transport)
        self._received_at = self._head_at = self.loop.time()
        self._place = self._table.add(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place up, and cancel a request whose application asked for it."""
        self._table.remove(self)
        cycle: RequestResponseCycle | None = self.cycle
        super().connection_lost(exc)
        if (
            cycle is not None
            and not cycle.response_complete
            and self._task is not None
            and cycle.scope["state"].get(CANCEL_ON_DISCONNECT)
        ):
            self._task.cancel()

    def close_waiting(self) -> None:
        """Close, because a newer connection needs the place."""
        self.transport.close()

    def check_deadlines(self, now: float) -> None:
        """Close or answer where a deadline has passed."""
        limits = self._limits
        if self._closing_at is not None or self.transport.is_closing():
            self._check_closing(now)
        elif self._stalled_at is not None:
            if now - self._stalled_at > limits.stalled_s:
                self.transport.abort()
        elif self._receiving is Receiving.BODY:
            self._check_body(now)
        elif self._busy():
            pass
        elif self._fresh or self._receiving is Receiving.HEAD:
            head_s = limits.head_s if self._place == "open" else limits.reserve_head_s
            if now - self._head_at <= head_s:
                pass
            elif self._fresh:
                self.transport.close()
            else:
                self._fail(408, "the headers did not arrive in time")
        elif now - self._received_at > limits.idle_s:
            self.transport.close()

    def _check_body(self, now: float) -> None:
        limits = self._limits
        if not self._busy():
            if now - self._answered_at > limits.unread_s:
                self.transport.close()
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._received_at = now  # The application has not asked for more yet.
        elif now - self._received_at > limits.body_idle_s or now - self._body_at > limits.body_s:
            self._fail(503, "the body did not arrive in time")

    def _check_closing(self, now: float) -> None:
        """What was written must be flushed, and the peer should read a refusal: a connection that
        is closed with unread bytes in it is reset, and the refusal is lost."""
        if self._closing_at is None:
            self._closing_at = now
        elif self.transport.is_closing():
            if now - self._closing_at > self._limits.stalled_s:
                self.transport.abort()
        elif now - self._closing_at > self._limits.linger_s:
            self._closing_at = now
            self.transport.close()

    def pause_writing(self) -> None:
        """The peer reads more slowly than the application writes."""
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer has read what was buffered."""
        self._stalled_at = None
        super().resume_writing()

    def _busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _fail(self, status: int, message: str) -> None:
        """Answer what cannot be read on, and close. Requests before it are answered first."""
        self._broken = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and self._busy() and self._receiving is not Receiving.BODY:
            # The request before it is complete; its answer comes first.
            cycle.keep_alive = False
            return
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.pipeline or (cycle is not None and cycle.response_started and self._busy()):
            # Another answer is under way: this one would be taken for it.
            self.transport.close()
            return
        self.transport.write(refusal(status, message))
        self.transport.write_eof()
        self._closing_at = self.loop.time()
