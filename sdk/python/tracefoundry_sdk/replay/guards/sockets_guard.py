"""The guard of sockets: the last one, for all that no other guard knows.

An audit hook, which Python calls before it connects, resolves a name or sends a datagram. Unix
sockets stay open: they lead to no other machine, and the replay's own server is on one. A hook
cannot be taken away again, so it asks for the session each time. It is no sandbox: code that calls
the operating system by itself passes it.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

from tracefoundry_sdk.replay.errors import ReplayMiss

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.session import Session

_WITH_SOCKET = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_WITH_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})

_session: Session | None = None
_hooked = False


def guard(session: Session) -> None:
    """Stop sockets from now on."""
    global _session, _hooked
    _session = session
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True


def remove() -> None:
    """Let them pass again."""
    global _session
    _session = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    session = _session
    if session is None or not event.startswith("socket."):
        return
    if event in _WITH_SOCKET:
        if arguments[0].family == getattr(socket, "AF_UNIX", None) or arguments[1] is None:
            return
        where = _address(arguments[1])
    elif event in _WITH_NAME:
        where = _address(arguments[:2]) if event == "socket.getaddrinfo" else str(arguments[0])
        if event == "socket.getaddrinfo" and not arguments[0]:
            return  # an address to listen on
    else:
        return
    if not session.live:
        stop(session, event, where)


def stop(session: Session, event: str, where: str) -> None:
    """Refuse, and tell; telemetry is refused as an unreachable network would."""
    from tracefoundry_sdk.replay.guards import is_telemetry

    if is_telemetry():
        raise ConnectionRefusedError("no telemetry leaves a replay")
    message = f"a socket that no recorded call stands for ({event})"
    session.client.blocked("socket", where, message)
    raise ReplayMiss(f"replay: {message}: {where}")


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        host = (
            address[0].decode("ascii", "replace") if isinstance(address[0], bytes) else address[0]
        )
        return f"{host}:{address[1]}"
    return str(address)
