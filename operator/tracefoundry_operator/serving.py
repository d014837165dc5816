"""``/metrics``, ``/healthz`` and ``/readyz`` of the operator."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tracefoundry_operator.metrics import Metrics

Check = Callable[[], str | None]
"""Returns the problem, or None when there is none."""


def application(metrics: Metrics, *, alive: Check, ready: Check) -> web.Application:
    """The HTTP application with these three paths."""

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    def answer(check: Check) -> Callable[[web.Request], object]:
        async def respond(_: web.Request) -> web.Response:
            reason = check()
            return web.Response(
                status=200 if reason is None else 503,
                text=json.dumps({"ok": reason is None, "reason": reason}),
                content_type="application/json",
            )

        return respond

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", answer(alive))  # type: ignore[arg-type]
    app.router.add_get("/readyz", answer(ready))  # type: ignore[arg-type]
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen until the runner's ``cleanup``; port 0 picks a free port.

    Raises:
        OSError: the port is in use.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
