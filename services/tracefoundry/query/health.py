"""What a platform asks of the process: alive, ready, figures; and the counting of requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.shapes import encode
from tracefoundry.store.api import Store, StoreError

Check = Callable[[], None]
"""A readiness check: returns when well, raises StoreError with the reason when not."""


class HttpMetrics:
    """Counts and times requests by route; one instance a registry, any number of apps."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tracefoundry_http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "tracefoundry_http_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is the pattern, never the path, which would be unbounded."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)


class RequestCounter:
    """ASGI middleware that feeds :class:`HttpMetrics`."""

    METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route: Any = scope.get("route")
            method = scope["method"] if scope["method"] in self.METHODS else "other"
            self._metrics.count(
                method,
                getattr(route, "path", "unmatched"),
                status,
                time.perf_counter() - started,
            )


def health_router(
    store: Store,
    settings: QuerySettings,
    registry: CollectorRegistry,
    extra_checks: Mapping[str, Check],
) -> APIRouter:
    """``/healthz``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(tags=["operation"])

    def database() -> None:
        store.check()
        if settings.check_schema:
            store.check_schema()

    checks: dict[str, Check] = {"database": database, **extra_checks}

    # Probes may ask for the status alone. The body is made for both; the server leaves it out.
    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="The process is alive")
    async def healthz() -> Response:
        return Response(encode({"ok": True}), media_type="application/json")

    @router.head("/readyz", include_in_schema=False)
    @router.get(
        "/readyz",
        summary="The process can answer",
        responses={503: {"description": "At least one check failed; its reason says why."}},
    )
    def readyz() -> Response:
        found: dict[str, dict[str, Any]] = {}
        for name, check in checks.items():
            try:
                check()
            except StoreError as error:
                found[name] = {"ok": False, "reason": str(error)}
            else:
                found[name] = {"ok": True, "reason": None}
        ready = all(result["ok"] for result in found.values())
        return Response(
            encode({"checks": found}),
            status_code=200 if ready else 503,
            media_type="application/json",
        )

    @router.get("/metrics", summary="Figures in the Prometheus text format")
    def metrics(request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), headers={"Content-Type": content_type})

    return router
