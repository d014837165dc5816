"""Which application answers which path of a process.

OTLP paths lead to ingest, everything else to the query API where the process has one, and to
``/healthz``, ``/readyz`` and ``/metrics`` alone where it has not. Every port answers all paths.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tracefoundry.auth.gate import SEND, Gate
from tracefoundry.auth.origin_check import OriginCheck
from tracefoundry.ingest.http import otlp_routes, refuse_origin
from tracefoundry.ingest.service import IngestService
from tracefoundry.model.limits import MAX_BODY_BYTES
from tracefoundry.query.authentication import origin_check
from tracefoundry.query.errors import error_response
from tracefoundry.server.readiness import (
    ObjectStoreCheck,
    Readiness,
    database_check,
    health_app,
    health_router,
)
from tracefoundry.server.stores import OpenStores, StoreConfiguration
from tracefoundry.settings import Settings


def with_otlp(rest: ASGIApp, otlp: Sequence[BaseRoute]) -> ASGIApp:
    """OTLP in front of the application of all other paths."""
    return Router(otlp, redirect_slashes=False, default=rest)


def otlp_behind_checks(
    service: IngestService,
    gate: Gate,
    *,
    allowed_hosts: frozenset[str] | None,
    cors_origins: tuple[str, ...],
    max_body_bytes: int = MAX_BODY_BYTES,
) -> list[BaseRoute]:
    """The routes of OTLP behind the origin check, open to the pages of ``cors_origins``."""

    async def refuse(scope: Scope, _receive: Receive, send: Send, reason: str) -> None:
        gate.record_wrong_origin(scope, SEND, reason)
        await refuse_origin(scope, send, reason)

    middleware = []
    if cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=cors_origins,
                allow_methods=["POST"],
                allow_headers=[
                    "authorization",
                    "content-type",
                    "content-encoding",
                    "x-tracefoundry-project",
                ],
            )
        )
    if allowed_hosts is not None:
        middleware.append(
            Middleware(
                OriginCheck, allowed_hosts=allowed_hosts, cors_origins=cors_origins, refuse=refuse
            )
        )
    return [*otlp_routes(service, gate=gate, max_body_bytes=max_body_bytes, middleware=middleware)]


def api_app(
    stores: OpenStores,
    configuration: StoreConfiguration,
    settings: Settings,
    *,
    allowed_hosts: frozenset[str] | None,
    registry: CollectorRegistry,
) -> ASGIApp:
    """The query API, with the paths of health."""
    # Imported here because a process that only ingests needs none of it.
    from tracefoundry.query.app import create_app
    from tracefoundry.query.settings import QuerySettings

    app = create_app(
        stores.store,
        QuerySettings(
            span_retention_ns=settings.retention_spans_ns,
            cors_origins=settings.cors_origins,
            allowed_hosts=allowed_hosts,
        ),
        access=stores.access,
        objects=stores.objects,
        keys=configuration.keys,
        registry=registry,
        patterns=configuration.patterns,
    )
    app.include_router(health_router(readiness(stores), registry))
    return app


def ingest_health_app(
    stores: OpenStores, *, allowed_hosts: frozenset[str] | None, registry: CollectorRegistry
) -> ASGIApp:
    """The paths of health alone, for a process that only ingests."""
    check = origin_check(allowed_hosts, gate=stores.access.gate)
    app = health_app(readiness(stores), registry, middleware=[check])

    async def not_found(request: Request, _error: Exception) -> Response:
        return error_response(
            404,
            "not_found",
            f"no such path: {request.url.path}",
            "This process takes OTLP at /v1/traces and /v1/logs.",
        )

    app.add_exception_handler(404, not_found)
    return app


def readiness(stores: OpenStores) -> Readiness:
    """What a process with a database and a payload store needs to work."""
    return Readiness(
        {
            "database": database_check(stores.check_database),
            "object_store": ObjectStoreCheck(stores.objects, writes=stores.writes_spans),
        }
    )
