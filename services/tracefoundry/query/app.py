"""The query API as an ASGI application: routes, errors, checks at the door, metrics.

Routes are plain functions that FastAPI runs in its thread pool, because the store's reader is
synchronous; answers are bytes made by ``shapes``, never models, because they are large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from tracefoundry import __version__
from tracefoundry.auth.access import Access, open_access
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.query import errors
from tracefoundry.query.administration import administration_router
from tracefoundry.query.door import TokenDoor, action_of, address_of
from tracefoundry.query.health import Check, HttpMetrics, RequestCounter, health_router
from tracefoundry.query.origin import OriginCheck
from tracefoundry.query.parameters import DropEmptyParameters, known_parameters
from tracefoundry.query.payload_deletion import PayloadRemover
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.query.payloads import payload_router
from tracefoundry.query.reference_page import reference_page
from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.spans import span_router
from tracefoundry.query.traces import trace_router
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store


def create_app(
    store: Store,
    settings: QuerySettings,
    *,
    access: Access | None = None,
    objects: ObjectStore | None = None,
    keys: KeyRing | None = None,
    registry: CollectorRegistry | None = None,
    metrics: HttpMetrics | None = None,
    checks: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The application. It does not own ``store`` and ``access``; the caller closes them.

    ``objects`` is the payload store, which the caller closes too, and ``keys`` are those that its
    payloads are encrypted with. ``access`` says who may do what; without it nobody is asked for
    a token, as on loopback.
    ``/metrics`` shows ``registry`` (a new one when None). ``metrics`` counts the requests; pass
    one where several apps share a registry, else it is made in ``registry``. ``checks`` are shown
    in ``/readyz`` beside ``database``; each raises StoreError with its reason when it fails.
    """
    registry = CollectorRegistry() if registry is None else registry
    if access is None:
        access = open_access(store.administration, Settings(), ask_tokens=False)
    gate = access.gate
    app = FastAPI(
        title="TraceFoundry query API",
        description="Traces of AI agents: list, search, open, delete, sum up.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(known_parameters)],
        redirect_slashes=False,
    )
    app.state.audit = access.audit
    errors.install(app, settings.retry_after_seconds)
    app.include_router(health_router(store, settings, registry, checks or {}))
    keys = keys or KeyRing()
    deletion: Any = store.deletion
    remover = PayloadRemover(deletion.payload_removal(), objects, keys)
    app.include_router(trace_router(store, settings, remover))
    app.include_router(span_router(store.reader))
    app.include_router(payload_router(store.reader, PayloadReader(store.reader, objects, keys)))
    app.include_router(administration_router(access))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    def refused(scope: Scope, reason: str) -> None:
        action = action_of(scope.get("method", "GET"), scope["path"])
        gate.refuse_origin(action, address=address_of(scope), reason=reason)

    # The last one added is the outermost. Preflights carry no token: CORS answers them first.
    app.add_middleware(DropEmptyParameters)
    app.add_middleware(TokenDoor, gate=gate, retry_after_seconds=settings.retry_after_seconds)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=600,
        )
    app.add_middleware(
        OriginCheck,
        allowed_hosts=settings.allowed_hosts,
        cors_origins=settings.cors_origins,
        refused=refused,
    )
    app.add_middleware(RequestCounter, metrics=metrics or HttpMetrics(registry))
    return app
