"""The query API as an ASGI application: routes, errors, authentication, origin check, metrics.

Routes are plain functions that FastAPI runs in its thread pool, because the store's reader is
synchronous. Answers are structs of ``tracefoundry.schemas``, encoded by msgspec: they can be large.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from tracefoundry import __version__
from tracefoundry.auth.access import Access, open_access
from tracefoundry.auth.gate import Gate
from tracefoundry.deletion.requests import TraceDeletion
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.query import errors
from tracefoundry.query.administration import administration_router
from tracefoundry.query.authentication import Authentication, json_writes, origin_check
from tracefoundry.query.body_limit import BodyLimit
from tracefoundry.query.dry_replays import dry_replay_router
from tracefoundry.query.exporting import ContentSource, Exporting
from tracefoundry.query.exports import export_router
from tracefoundry.query.imports import import_router
from tracefoundry.query.metrics import RequestMetrics
from tracefoundry.query.openapi import describe, operation_id
from tracefoundry.query.parameters import DropEmptyParameters, known_parameters
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.query.payloads import payload_router
from tracefoundry.query.reference_page import reference_page
from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.span_parts import part_router
from tracefoundry.query.spans import span_router
from tracefoundry.query.traces import trace_router
from tracefoundry.redaction.policy import UserPatterns
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
    patterns: UserPatterns | None = None,
) -> FastAPI:
    """The application. It does not own ``store``, ``access`` and ``objects``; the caller closes
    them. ``/healthz``, ``/readyz`` and ``/metrics`` belong to the process: ``server`` adds them.

    Args:
        store: where traces are.
        settings: the API's settings.
        access: who may do what; without it no token is needed, as on loopback.
        objects: the payload store.
        keys: those that its payloads are encrypted with.
        registry: where requests are counted; a new one when None.
        patterns: what the pattern file adds to the redaction of exports and imports.
    """
    registry = CollectorRegistry() if registry is None else registry
    if access is None:
        access = open_access(store.administration, Settings(), ask_tokens=False)
    app = FastAPI(
        title="TraceFoundry query API",
        description="Traces of AI agents: list, search, open, delete, sum up.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(known_parameters)],
        redirect_slashes=False,
        middleware=_middleware(settings, access.gate, registry),
        generate_unique_id_function=operation_id,
    )
    describe(app)
    app.state.audit = access.audit
    errors.install(app, settings.retry_after_seconds)
    keys = keys or KeyRing()
    deletion = TraceDeletion(store.deletion, objects, keys, retention_ns=settings.span_retention_ns)
    app.include_router(trace_router(store.reader, settings, deletion))
    app.include_router(span_router(store.reader))
    app.include_router(part_router(store.reader))
    payloads = PayloadReader(store.reader, objects, keys)
    app.include_router(payload_router(store.reader, payloads))
    contents = ContentSource(objects, keys, payloads.read_from)
    patterns = patterns or UserPatterns()
    exporting = Exporting(store, access.projects, contents, patterns)
    app.include_router(export_router(exporting, settings))
    app.include_router(dry_replay_router(store.reader, contents))
    app.include_router(import_router(store, settings, access.projects, patterns, objects, keys))
    app.include_router(administration_router(access))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    return app


def _middleware(
    settings: QuerySettings, gate: Gate, registry: CollectorRegistry
) -> list[Middleware]:
    """From the outermost to the innermost. Preflights carry no token: CORS answers them before
    authentication."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    return [
        Middleware(RequestMetrics, registry=registry),
        origin_check(settings.allowed_hosts, cors_origins=settings.cors_origins, gate=gate),
        *([cors] if settings.cors_origins else []),
        Middleware(Authentication, gate=gate, retry_after_seconds=settings.retry_after_seconds),
        json_writes(),
        Middleware(DropEmptyParameters),
        Middleware(BodyLimit),
    ]
