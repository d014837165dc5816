"""Databases and stores for tests: memory, SQLite files, and real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, system_binaries, wheel_binaries
from prepared_databases import PreparedDatabases
from stores import prepare_database
from tracefoundry.store.api import Store, open_store
from tracefoundry.store.memory.store import MemoryStore

_names = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The system's PostgreSQL where there is one, else the wheel's."""
    server = PostgresServer(system_binaries() or wheel_binaries())
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def newest_postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL 18, from the wheel."""
    server = PostgresServer(wheel_binaries())
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database on the older server."""
    name = f"test_{next(_names)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def newest_postgres_url(newest_postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database on PostgreSQL 18."""
    name = f"test_{next(_names)}"
    yield newest_postgres_server.create_database(name)
    newest_postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite and the oldest PostgreSQL. Folders whose subject is the database add the newest."""
    kind: str = request.param
    return kind


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """The same, and the store in memory."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str) -> str:
    """An empty database of each kind."""
    fixture = {
        "sqlite": "sqlite_url",
        "postgres": "postgres_url",
        "postgres18": "newest_postgres_url",
    }[database_kind]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture(scope="session")
def prepared_databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PreparedDatabases:
    """Databases with tables in them."""

    def server_of(kind: str) -> PostgresServer:
        prefix = {"postgres": "", "postgres18": "newest_"}[kind]
        server: PostgresServer = request.getfixturevalue(f"{prefix}postgres_server")
        return server

    return PreparedDatabases(tmp_path_factory.mktemp("prepared"), server_of)


@pytest.fixture
def store(
    store_kind: str, prepared_databases: PreparedDatabases, tmp_path: Path
) -> Iterator[Store]:
    """An empty store of each kind."""
    if store_kind == "memory":
        yield MemoryStore()
        return
    with prepared_databases.lent(store_kind, prepare_database, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.close()
