"""Requests to an application in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tracefoundry.query.settings import QuerySettings

PATIENT = QuerySettings(search_seconds=3600.0)
"""Searches never stop for the time: on a busy machine they would find less."""


class AppClient:
    """Requests to an ASGI application in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request in an event loop of its own."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """DELETE."""
        return self.request("DELETE", path, **options)
