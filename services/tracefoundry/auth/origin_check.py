"""Check of ``Host`` and ``Origin``, against DNS rebinding of servers that listen on loopback.

A web page can make a browser send requests to 127.0.0.1, directly (then the browser names the
page in ``Origin``) or by a name of its own that it points at 127.0.0.1 (then ``Host`` is that
name). A server that listens on loopback checks both headers; on any other address tokens protect
it and this check is off. :func:`refusal` is the decision; :class:`OriginCheck` applies it to ASGI
applications.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names of a loopback bind, as in ``allowed_hosts``: lower case, no port, no brackets."""

Refuse = Callable[[Scope, Receive, Send, str], Awaitable[None]]
"""Records and answers a refused request; the text says why it was refused."""


def refusal(
    hosts: Collection[str],
    origins: Collection[str],
    allowed_hosts: Collection[str],
    cors_origins: Collection[str],
) -> str | None:
    """Why a request with these ``Host`` and ``Origin`` headers is refused; None when it is not.

    Exactly one Host is wanted, one of ``allowed_hosts`` with any port or none. An Origin must be
    of an allowed host too, or stand in ``cors_origins`` (``*`` there allows any page).
    """
    if len(hosts) != 1:
        return "a request must carry one Host header"
    (host,) = hosts
    if _host_name(host) not in allowed_hosts:
        return f"Host {host[:100]!r} is not one this server answers to"
    for origin in origins:
        if origin in cors_origins or "*" in cors_origins:
            continue
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or _host_name(authority) not in allowed_hosts:
            return f"Origin {origin[:100]!r} may not use this server"
    return None


class OriginCheck:
    """ASGI middleware: lets pass what :func:`refusal` does not refuse.

    Args:
        app: the application behind it.
        allowed_hosts: names that ``Host`` may hold; None switches the check off.
        cors_origins: origins of other pages that may use the server.
        refuse: records a refusal and answers it, in the form of the application's protocol.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str] | None,
        refuse: Refuse,
        cors_origins: Collection[str] = (),
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._allowed_hosts = allowed_hosts
        self._cors_origins = frozenset(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._allowed_hosts is None or scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        found: dict[bytes, list[str]] = {b"host": [], b"origin": []}
        for name, value in scope["headers"]:
            if name in found:
                found[name].append(value.decode("latin-1"))
        reason = refusal(found[b"host"], found[b"origin"], self._allowed_hosts, self._cors_origins)
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "forbidden"})
        else:
            await self._refuse(scope, receive, send, reason)


def _host_name(authority: str) -> str | None:
    """The host of ``host[:port]``, lower case; None when it is malformed."""
    if not authority or any(sign in authority for sign in "/?#@\\ ,"):
        return None
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname
