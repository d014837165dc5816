"""Check of ``Host``, ``Origin`` and ``Content-Type``: web pages may not use a visitor's browser.

A web page can make a browser send requests to 127.0.0.1, directly (then the browser names the
page in ``Origin``) or by a name of its own that it points at 127.0.0.1 (then ``Host`` is that
name). A server that listens on loopback checks both headers. One that asks for no login on another
address cannot know its names, and checks that the page is its own. Where tokens are asked for on
such an address, they protect it and this check is off. :func:`refusal` is the decision;
:class:`OriginCheck` applies it to ASGI applications.

Browsers send some types of bodies to other origins without asking first. :class:`JsonWrites` takes
none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names of a loopback bind, as in ``allowed_hosts``: lower case, no port, no brackets."""
ANY_HOST: frozenset[str] = frozenset({"*"})
"""``allowed_hosts`` of a server that others can reach without login, under names unknown to it."""

_DEFAULT_PORTS = {"http": 80, "https": 443}

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
    the server's own, in scheme, host and port, or stand in ``cors_origins`` (``*`` there allows any
    page). For ``ANY_HOST`` its scheme may be https too: a proxy may have taken the TLS away.
    """
    if allowed_hosts is ANY_HOST and not origins:
        return None
    if len(hosts) != 1:
        return "a request must carry one Host header"
    (host,) = hosts
    if allowed_hosts is not ANY_HOST and _host_name(host) not in allowed_hosts:
        return f"Host {host[:100]!r} is not one this server answers to"
    schemes = ("http", "https") if allowed_hosts is ANY_HOST else ("http",)
    for origin in origins:
        if origin in cors_origins or "*" in cors_origins or is_own(origin, host, schemes):
            continue
        return f"Origin {origin[:100]!r} may not use this server"
    return None


def is_own(origin: str, host: str, schemes: Collection[str] = ("http", "https")) -> bool:
    """Whether an ``Origin`` is that of the server which a ``Host`` header names."""
    scheme, _, authority = origin.partition("://")
    if scheme not in schemes or scheme not in _DEFAULT_PORTS:
        return False
    port = _DEFAULT_PORTS[scheme]
    named = _host_and_port(host, port)
    return named is not None and named == _host_and_port(authority, port)


class OriginCheck:
    """ASGI middleware: lets pass what :func:`refusal` does not refuse.

    Args:
        app: the application behind it.
        allowed_hosts: names that ``Host`` may hold, or ``ANY_HOST``; None switches the check off.
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


class JsonWrites:
    """ASGI middleware: bodies of writes below ``/api/`` must be JSON, and at some paths of other
    types. No other path takes a body.

    A page of another origin can only send such a body after a preflight, which it does not pass.

    Args:
        app: the application behind it.
        refuse: answers a request that is refused.
        other_types: media types by path that are taken there too.
    """

    def __init__(
        self, app: ASGIApp, *, refuse: Refuse, other_types: Mapping[str, Collection[str]]
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._other_types = other_types

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["path"].startswith("/api/")
            and scope["method"] not in ("GET", "HEAD", "OPTIONS")
        ):
            headers = dict(scope["headers"])
            given = headers.get(b"content-type")
            has_body = b"transfer-encoding" in headers or (
                headers.get(b"content-length", b"0").strip() != b"0"
            )
            if has_body or given is not None:
                name = (given or b"").decode("latin-1").partition(";")[0].strip().lower()
                taken = ("application/json", *self._other_types.get(scope["path"], ()))
                if name not in taken:
                    reason = f"the body must be {' or '.join(taken)}, as Content-Type says"
                    await self._refuse(scope, receive, send, reason)
                    return
        await self._app(scope, receive, send)


def _host_name(authority: str) -> str | None:
    """The host of ``host[:port]``, lower case; None when it is malformed."""
    found = _host_and_port(authority, 0)
    return None if found is None else found[0]


def _host_and_port(authority: str, default_port: int) -> tuple[str, int] | None:
    """Host, in lower case, and port of ``host[:port]``; None when it is malformed."""
    if not authority or any(sign in authority for sign in "/?#@\\ ,"):
        return None
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return None
    if parts.hostname is None:
        return None
    return parts.hostname, default_port if port is None else port
