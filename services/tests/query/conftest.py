"""An application over each database, with its engine for putting rows in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prepared_databases import PreparedDatabases
from query.app_client import PATIENT, AppClient
from query.payload_store import PayloadShelf, Unreliable
from query.rows import create_tables
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.query.app import create_app
from tracefoundry.store.api import Store, open_store
from tracefoundry.store.sql.engine import make_engine


@dataclass
class Api:
    """A client of an application, its store, and an engine on the same database."""

    client: AppClient
    engine: sa.Engine
    store: Store

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


def with_tables(url: str) -> None:
    """Make the tables of a database."""
    engine = make_engine(url, create=True)
    create_tables(engine)
    engine.dispose()


@pytest.fixture
def tables_url(
    database_kind: str, prepared_databases: PreparedDatabases, tmp_path: Path
) -> Iterator[str]:
    """A database of each kind with our tables."""
    with prepared_databases.lent(database_kind, with_tables, tmp_path) as url:
        yield url


@pytest.fixture
def engine(tables_url: str) -> Iterator[sa.Engine]:
    """An engine on that database."""
    engine = make_engine(tables_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine, tables_url: str) -> Iterator[Store]:
    """An empty store."""
    store = open_store(tables_url)
    yield store
    store.close()


@pytest.fixture
def api(engine: sa.Engine, store: Store) -> Api:
    """The application over an empty store."""
    return Api(AppClient(create_app(store, PATIENT)), engine, store)


@pytest.fixture
def shelf(engine: sa.Engine, store: Store, tmp_path: Path) -> PayloadShelf:
    """An empty payload store over an empty database."""
    return PayloadShelf(engine, store, Unreliable(FilesystemStore(tmp_path / "payloads")))
