"""An API server over HTTP whose watches misbehave as a test says; it knows Secrets only.

A real API server does not stall, forget versions or send errors on demand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.lists import body

Json = dict[str, Any]

SECRETS = "/api/v1/secrets"


class Stream:
    """The answer to one watch."""

    def __init__(self, response: web.StreamResponse, since: str) -> None:
        self._response = response
        self.since = since
        """resourceVersion that the watch began from."""

    async def send(self, type_: str, item: Json) -> None:
        """Send one event."""
        await self._response.write(json.dumps({"type": type_, "object": item}).encode() + b"\n")

    async def bookmark(self, version: str) -> None:
        """Send a bookmark."""
        await self.send("BOOKMARK", {"metadata": {"resourceVersion": version}})

    async def error(self, code: int) -> None:
        """Send an ERROR event."""
        await self.send("ERROR", {"kind": "Status", "code": code, "message": "made up"})

    async def stall(self) -> None:
        """Stay connected and send nothing."""
        await asyncio.Event().wait()


Script = Callable[[Stream], Awaitable[None]]


class ScriptedServer:
    """Lists ``secrets``; each watch runs the next of ``scripts``, and the last one again."""

    def __init__(self, *scripts: Script) -> None:
        self.secrets: list[Json] = []
        self.version = "1"
        self.scripts = list(scripts)
        self.watches: list[Stream] = []
        self.lists = 0
        self.refusals = 0
        """Requests for Secrets that are refused with 503 before one succeeds."""
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(SECRETS, self._secrets)
        app.router.add_get("/{path:.*}", self._discovery)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def write_kubeconfig(self, path: Path) -> None:
        """A kubeconfig for this server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "made-up"}}],
        }
        path.write_text(json.dumps(config), encoding="utf-8")

    async def _secrets(self, request: web.Request) -> web.StreamResponse:
        if self.refusals:
            self.refusals -= 1
            return web.json_response({"kind": "Status", "code": 503}, status=503)
        if request.query.get("watch") != "true":
            self.lists += 1
            return web.json_response(
                {"metadata": {"resourceVersion": self.version}, "items": self.secrets}
            )
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        stream = Stream(response, request.query["resourceVersion"])
        script = self.scripts[min(len(self.watches), len(self.scripts) - 1)]
        self.watches.append(stream)
        await script(stream)
        return response

    async def _discovery(self, request: web.Request) -> web.Response:
        answers: dict[str, Json] = {
            "/api": {"versions": ["v1"]},
            "/apis": {"groups": []},
            "/api/v1": {
                "resources": [_resource("secrets", "Secret"), _resource("namespaces", "Namespace")]
            },
        }
        found = answers.get(request.path)
        if found is None:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        return web.json_response(found)


def secret(name: str, version: str) -> Json:
    """A Secret as the API server delivers it."""
    found = body(name, version)
    found["metadata"]["uid"] = f"uid-of-{name}"
    return {"apiVersion": "v1", "kind": "Secret", **found}


def _resource(plural: str, kind: str) -> Json:
    """A kind in the answer to discovery; kopf waits for namespaces before it watches anything."""
    return {
        "name": plural,
        "kind": kind,
        "singularName": kind.lower(),
        "namespaced": kind == "Secret",
        "verbs": ["get", "list", "patch", "watch"],
    }
