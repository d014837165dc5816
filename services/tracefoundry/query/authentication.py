"""Authentication and origin check of API requests, before a route is looked up or a body read."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracefoundry.auth.gate import (
    CHALLENGE,
    Gate,
    Refused,
    authorization_headers,
    peer_address,
)
from tracefoundry.auth.origin_check import JsonWrites, OriginCheck
from tracefoundry.query.errors import error_response

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
    """What a request asks for, as the audit log calls it."""
    parts = path.strip("/").split("/")
    if parts[0] != "api" or len(parts) < 2:
        return "request"
    if parts[-1] == "dry-replay":
        return "trace.replay"
    method = "GET" if method == "HEAD" else method
    return _ACTIONS.get(parts[1], {}).get(method, "request")


class Authentication:
    """ASGI middleware: 401 without a valid token, 503 where that cannot be checked.

    The caller is in ``request.state.caller`` for the routes, which say what each role may do
    (``query.access``). Their 403 answers pass through here on the way out and are recorded,
    whichever rule they came from.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, retry_after_seconds: int) -> None:
        self._app = app
        self._gate = gate
        self._retry_after_seconds = retry_after_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        action = action_of(scope["method"], scope["path"])
        try:
            caller = await self._gate.admit(
                authorization_headers(scope), address=peer_address(scope), action=action
            )
        except Refused as refused:
            await self._refusal(refused)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403:
                await self._gate.record_forbidden(
                    caller, action, target=target_of(scope["path"]), project=_project(scope)
                )
            await send(message)

        await self._app(scope, receive, recorded)

    def _refusal(self, refused: Refused) -> Response:
        if refused.reason == "unavailable":
            return error_response(
                503,
                "store_unavailable",
                str(refused),
                "Try again; if it goes on, look at the database and at /readyz.",
                {"Retry-After": str(self._retry_after_seconds)},
            )
        return error_response(
            401,
            "unauthenticated",
            str(refused),
            "Send a valid token: Authorization: Bearer TOKEN. An admin makes one with "
            "tracefoundry token create.",
            {"WWW-Authenticate": CHALLENGE},
        )


def origin_check(
    allowed_hosts: Collection[str] | None,
    *,
    cors_origins: Collection[str] = (),
    gate: Gate | None = None,
) -> Middleware:
    """The origin check of applications that answer errors as the API does; ``gate`` records its
    refusals."""

    async def refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
        if gate is not None:
            action = action_of(scope.get("method", "GET"), scope["path"])
            gate.record_wrong_origin(scope, action, reason)
        answer = error_response(
            403,
            "wrong_origin",
            reason,
            "Use the address that the server printed, or name the page's origin in "
            "TRACEFOUNDRY_CORS_ORIGINS.",
        )
        await answer(scope, receive, send)

    return Middleware(
        OriginCheck, allowed_hosts=allowed_hosts, cors_origins=cors_origins, refuse=refuse
    )


def json_writes() -> Middleware:
    """The check that bodies are JSON. The import of bundles takes the file itself."""

    async def refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
        answer = error_response(
            415,
            "unsupported_media_type",
            reason,
            "Send Content-Type: application/json.",
        )
        await answer(scope, receive, send)

    other_types = {"/api/bundles/import": ("application/zip", "application/octet-stream")}
    return Middleware(JsonWrites, refuse=refuse, other_types=other_types)


def target_of(path: str) -> str:
    """A path for the audit log, in which every part becomes ``...`` that is not a word of the
    API, a trace or span id or a ref: callers may have put a secret there by mistake.
    """
    return "/".join(part if _NAMEABLE.fullmatch(part) else "..." for part in path.split("/"))


def _project(scope: Scope) -> str | None:
    """The project that the query names; the audit log keeps it if there is one of that name."""
    query: bytes = scope.get("query_string", b"")
    return dict(parse_qsl(query.decode("latin-1"))).get("project")
