"""The API's door: who is asking is settled here, before a route is looked up or a body is read.

An ASGI application around the others. Who it lets in stands in ``request.state.caller``; what each
may do is said by the routes (``query.access``). Their refusals pass through here on the way out,
so that each one is written down, whichever rule it came from.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracefoundry.auth.errors import Unauthenticated
from tracefoundry.auth.gate import Gate
from tracefoundry.query.errors import error_response
from tracefoundry.store.api import StoreUnavailable

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
"""What needs no token: probes, figures, and the description of the API."""

_ACTIONS = {
    "payloads": {"GET": "payload.read"},
    "traces": {"GET": "trace.read", "DELETE": "trace.delete", "POST": "trace.export"},
    "export": {"POST": "trace.export"},
    "bundles": {"POST": "bundle.import"},
    "spans": {"GET": "trace.read"},
    "stats": {"GET": "trace.read"},
    "projects": {"GET": "project.list", "POST": "project.create", "PATCH": "project.set"},
    "tokens": {"GET": "token.list", "POST": "token.create", "DELETE": "token.revoke"},
    "audit": {"GET": "audit.read"},
    "session": {"GET": "session.read"},
}


_WORDS = sorted({"api", "docs", "export", "import", "dry-replay", "tree", *_ACTIONS})
_NAMEABLE = re.compile(
    rf"|{'|'.join(map(re.escape, _WORDS))}|[0-9a-f]{{16}}|[0-9a-f]{{32}}|(?:sha256:)?[0-9a-f]{{64}}"
)


def action_of(method: str, path: str) -> str:
    """What a request wants, as the audit log calls it."""
    parts = path.strip("/").split("/")
    if parts[0] != "api" or len(parts) < 2:
        return "request"
    if parts[-1] == "dry-replay":
        return "trace.replay"
    method = "GET" if method == "HEAD" else method
    return _ACTIONS.get(parts[1], {}).get(method, "request")


def address_of(scope: Scope) -> str | None:
    """The peer's address. What headers say of it could be anything."""
    client = scope.get("client")
    return client[0] if client else None


class TokenDoor:
    """ASGI middleware: 401 without a valid token, 503 where that cannot be told."""

    def __init__(self, app: ASGIApp, *, gate: Gate, retry_after_seconds: int) -> None:
        self._app = app
        self._gate = gate
        self._retry_after = {"Retry-After": str(retry_after_seconds)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        action = action_of(scope["method"], scope["path"])
        authorization = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"
        ]
        try:
            caller = await self._gate.admit(authorization, address=address_of(scope), action=action)
        except Unauthenticated as error:
            answer = error_response(
                401,
                "unauthenticated",
                str(error),
                "Send a valid token: Authorization: Bearer TOKEN. An admin makes one with "
                "tracefoundry token create.",
                {"WWW-Authenticate": 'Bearer realm="tracefoundry"'},
            )
            await answer(scope, receive, send)
            return
        except StoreUnavailable as error:
            answer = error_response(
                503,
                "store_unavailable",
                f"your token cannot be checked now: {error}",
                "Try again; if it goes on, look at the database and at /readyz.",
                self._retry_after,
            )
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403:
                await self._gate.refuse(
                    caller, action, target=target_of(scope["path"]), project=_project(scope)
                )
            await send(message)

        await self._app(scope, receive, recorded)


def target_of(path: str) -> str:
    """A path for the audit log: words of the API, trace and span ids and refs as they are.

    Everything else is left out: what a caller writes into a path may be a secret in the wrong
    place, and nothing of that kind is stored.
    """
    return "/".join(part if _NAMEABLE.fullmatch(part) else "..." for part in path.split("/"))


def _project(scope: Scope) -> str | None:
    """The project that the query names; the audit log keeps it if there is one of that name."""
    query: bytes = scope.get("query_string", b"")
    return dict(parse_qsl(query.decode("latin-1"))).get("project")
