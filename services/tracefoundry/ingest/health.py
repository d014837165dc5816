"""``/healthz``, ``/readyz`` and ``/metrics`` of a process that only ingests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.types import Receive, Scope, Send

from tracefoundry.ingest.http import respond

Readiness = Callable[[], dict[str, dict[str, object]]]
"""Blocking check: ``{"database": {"ok": bool, "reason": str | None}}``."""

FRESH_S = 1.0
"""How long an answer of the check is used again: probes must not load the database."""


class Health:
    """ASGI application for the three paths."""

    def __init__(self, readiness: Readiness, registry: CollectorRegistry) -> None:
        self._readiness = readiness
        self._registry = registry
        self._checked_at = float("-inf")
        self._checks: dict[str, dict[str, object]] = {}
        self._checking = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; any other path is 404."""
        path = scope["path"]
        if path == "/healthz":
            await respond(send, 200, "application/json", b'{"status":"ok"}')
        elif path == "/readyz":
            checks = await self._ready()
            ok = all(check["ok"] for check in checks.values())
            body = orjson.dumps({"checks": checks})
            await respond(send, 200 if ok else 503, "application/json", body)
        elif path == "/metrics":
            await respond(send, 200, CONTENT_TYPE_LATEST, generate_latest(self._registry))
        else:
            error = {
                "code": "not_found",
                "message": f"no such path: {path}",
                "remedy": "This process takes OTLP at /v1/traces and /v1/logs.",
            }
            await respond(send, 404, "application/json", orjson.dumps({"error": error}))

    async def _ready(self) -> dict[str, dict[str, object]]:
        async with self._checking:
            if time.monotonic() - self._checked_at > FRESH_S:
                self._checks = await asyncio.to_thread(self._readiness)
                self._checked_at = time.monotonic()
            return self._checks
