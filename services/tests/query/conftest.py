"""An application over each database, with its engine for putting rows in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from query.rows import create_tables
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.engine import make_engine
from tracefoundry.store.reader import TraceReader


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


@dataclass
class Api:
    """A client of an application and the engine below it."""

    client: AppClient
    engine: sa.Engine
    reader: TraceReader

    def get(self, path: str, **parameters: object) -> dict[str, Any]:
        """The JSON of an answer that must be a success."""
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def error(self, path: str, **parameters: object) -> tuple[int, str]:
        """Status and code of an answer that must be an error of our shape."""
        answer = self.client.get(path, params=parameters)
        error = answer.json()["error"]
        assert sorted(error) == ["code", "message", "remedy"]
        return answer.status_code, error["code"]


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a database with our tables."""
    engine = make_engine(database_url, create=True)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def api(engine: sa.Engine) -> Api:
    """The application over an empty store."""
    reader = TraceReader(engine)
    app = create_app(reader, QuerySettings())
    return Api(AppClient(app), engine, reader)
