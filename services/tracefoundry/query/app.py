"""The query API as an ASGI application: routes, errors, checks at the door, metrics.

Routes are plain functions that FastAPI runs in its thread pool, because the store's reader is
synchronous; answers are bytes made by ``shapes``, never models, because they are large.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware

from tracefoundry import __version__
from tracefoundry.query import errors
from tracefoundry.query.health import Check, HttpMetrics, RequestCounter, health_router
from tracefoundry.query.origin import OriginCheck
from tracefoundry.query.parameters import DropEmptyParameters, known_parameters
from tracefoundry.query.reference_page import reference_page
from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.spans import span_router
from tracefoundry.query.traces import trace_router
from tracefoundry.store.reader import TraceReader


def create_app(
    reader: TraceReader,
    settings: QuerySettings,
    *,
    registry: CollectorRegistry | None = None,
    metrics: HttpMetrics | None = None,
    checks: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The application. It does not own ``reader``; the caller closes it.

    ``/metrics`` shows ``registry`` (a new one when None). ``metrics`` counts the requests; pass
    one where several apps share a registry, else it is made in ``registry``. ``checks`` are shown
    in ``/readyz`` beside ``database``; each raises StoreError with its reason when it fails.
    """
    registry = CollectorRegistry() if registry is None else registry
    app = FastAPI(
        title="TraceFoundry query API",
        description="Traces of AI agents: list, search, open, delete, sum up.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(known_parameters)],
        redirect_slashes=False,
    )
    errors.install(app, settings.retry_after_seconds)
    app.include_router(health_router(reader, settings, registry, checks or {}))
    app.include_router(trace_router(reader, settings))
    app.include_router(span_router(reader))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    # The last one added is the outermost.
    app.add_middleware(DropEmptyParameters)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=600,
        )
    app.add_middleware(
        OriginCheck, allowed_hosts=settings.allowed_hosts, cors_origins=settings.cors_origins
    )
    app.add_middleware(RequestCounter, metrics=metrics or HttpMetrics(registry))
    return app
