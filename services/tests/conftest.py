"""Databases for tests: SQLite files, and real PostgreSQL of the oldest and newest version."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, system_binaries, wheel_binaries

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


@pytest.fixture(params=["sqlite", "postgres", "postgres18"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each supported kind: SQLite, the oldest and newest PostgreSQL."""
    fixture = {
        "sqlite": "sqlite_url",
        "postgres": "postgres_url",
        "postgres18": "newest_postgres_url",
    }[request.param]
    url: str = request.getfixturevalue(fixture)
    return url
