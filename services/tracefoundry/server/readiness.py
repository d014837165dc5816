"""``/healthz``, ``/readyz`` and ``/metrics``: the same of every process.

``/healthz`` says that the process runs; ``/readyz`` says whether it can work, as
``{"checks": {"database": {"ok": bool, "reason": str | null}, ...}}``, with 503 when a check fails.
The operator and the kubelet wait seconds at most, so answers come in time, and are used again for
a moment so that probes do not load the database.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.middleware import Middleware

from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.query import errors
from tracefoundry.query.answers import json_response
from tracefoundry.query.openapi import answers
from tracefoundry.rare_log import RareLog
from tracefoundry.schemas import health as schemas
from tracefoundry.store.api import StoreError, StoreUnavailable

RETRY_AFTER_S = 2
"""``Retry-After`` of a 503."""

Check = Callable[[], str | None]
"""Blocks for seconds at most; returns why the process is not ready, None when it is."""

FRESH_S = 1.0
"""How long the results of the checks are used again."""
OBJECT_STORE_FRESH_S = 5.0
"""How long the result of the object store's check is used again: each one costs a request."""
OBJECT_STORE_WAIT_S = 1.0
"""How long a check of the object store may take before the store counts as not answering."""


class Readiness:
    """Runs the checks of a process, one request at a time, off the event loop."""

    def __init__(self, checks: Mapping[str, Check], *, fresh_s: float = FRESH_S) -> None:
        self._checks = checks
        self._fresh_s = fresh_s
        self._checked_at = float("-inf")
        self._result = schemas.Readiness(checks={})
        self._checking = asyncio.Lock()

    async def result(self) -> schemas.Readiness:
        """The results, at most ``fresh_s`` old."""
        async with self._checking:
            if time.monotonic() - self._checked_at >= self._fresh_s:
                self._result = await asyncio.to_thread(self._check_all)
                self._checked_at = time.monotonic()
            return self._result

    def _check_all(self) -> schemas.Readiness:
        reasons = {name: check() for name, check in self._checks.items()}
        return schemas.Readiness(
            checks={
                name: schemas.CheckResult(ok=reason is None, reason=reason)
                for name, reason in reasons.items()
            }
        )


def database_check(check: Callable[[], None]) -> Check:
    """A check of the database that says why it fails without naming its host, port or user: probes
    are answered to everybody. The log has the details.

    Args:
        check: raises :class:`StoreError`.
    """
    rare_log = RareLog()

    def reason() -> str | None:
        try:
            check()
        except StoreError as error:
            rare_log.warn(str(error), f"not ready: {error}")
            return error.public if isinstance(error, StoreUnavailable) else str(error)
        return None

    return reason


class ObjectStoreCheck:
    """Whether an object store answers, as a :data:`Check` that never waits long for it.

    A store that hangs takes many seconds to fail. So each check runs in a thread of its own, one
    at a time, and the last known result is returned in time. Safe between threads.
    """

    def __init__(self, objects: ObjectStore, *, writes: bool = False) -> None:
        """``writes`` where the process is of no use without room for new content."""
        self._objects = objects
        self._writes = writes
        self._changed = threading.Condition()
        self._checking = False
        self._checked_at = float("-inf")
        self._reason: str | None = None
        self._rare_log = RareLog()

    def __call__(self) -> str | None:
        """Why the last check failed, or that the present one takes too long."""
        with self._changed:
            if not self._is_fresh() and not self._checking:
                self._checking = True
                threading.Thread(target=self._ask, name="object-store-check", daemon=True).start()
            self._changed.wait_for(self._is_fresh, OBJECT_STORE_WAIT_S)
            if self._is_fresh():
                return self._reason
            return self._reason or (
                f"the payload store has not answered within {OBJECT_STORE_WAIT_S:.0f} s"
            )

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._checked_at < OBJECT_STORE_FRESH_S

    def _ask(self) -> None:
        reason: str | None = "the check of the payload store failed"
        try:
            self._objects.check()
            if self._writes:
                self._objects.check_room()
            reason = None
        except ObjectStoreUnavailable as error:
            self._rare_log.warn(str(error), f"not ready: {error}")
            reason = error.public
        finally:
            with self._changed:
                self._reason = reason
                self._checked_at = time.monotonic()
                self._checking = False
                self._changed.notify_all()


def health_router(readiness: Readiness, registry: CollectorRegistry | None) -> APIRouter:
    """``/healthz``, ``/readyz`` and, with a registry, ``/metrics``."""
    router = APIRouter(tags=["health"])

    # Probes may ask for the status alone. The body is made for both; the server leaves it out.
    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="The process is alive", responses=answers(schemas.Alive))
    async def get_health() -> Response:
        return json_response(schemas.Alive(ok=True))

    @router.head("/readyz", include_in_schema=False)
    @router.get(
        "/readyz",
        summary="The process can work",
        responses={
            **answers(schemas.Readiness),
            **answers(
                schemas.Readiness,
                status=503,
                describe="At least one check failed; its reason says why.",
            ),
        },
    )
    async def get_readiness() -> Response:
        result = await readiness.result()
        ready = all(check.ok for check in result.checks.values())
        return json_response(result, 200 if ready else 503)

    if registry is not None:

        @router.get(
            "/metrics",
            summary="Figures in the Prometheus text format",
            response_class=PlainTextResponse,
        )
        def get_metrics(request: Request) -> Response:
            encoder, content_type = choose_encoder(request.headers.get("accept", ""))
            return Response(encoder(registry), headers={"Content-Type": content_type})

    return router


def health_app(
    readiness: Readiness,
    registry: CollectorRegistry | None = None,
    *,
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """An application of these paths alone, for processes without the query API."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, middleware=middleware)
    errors.install(app, RETRY_AFTER_S)
    app.include_router(health_router(readiness, registry))
    return app
