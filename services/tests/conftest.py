"""Databases and stores for tests: memory, SQLite files, and real PostgreSQL, oldest and newest."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, system_binaries, wheel_binaries
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


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    prepare_database(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database with partitions, on the older server."""
    prepare_database(postgres_server.create_database("template_store"))
    return "template_store"


@pytest.fixture(scope="session")
def newest_postgres_template(newest_postgres_server: PostgresServer) -> str:
    """The same on PostgreSQL 18."""
    prepare_database(newest_postgres_server.create_database("template_store"))
    return "template_store"


@pytest.fixture(params=["memory", "sqlite", "postgres", "postgres18"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind: memory, SQLite, the oldest and the newest PostgreSQL.

    Databases are copies of one that is ready: migrating takes longer than most tests.
    """
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        file = request.getfixturevalue("tmp_path") / "store.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        opened = open_store(f"sqlite:///{file}")
        yield opened
        opened.close()
        return
    prefix = "" if request.param == "postgres" else "newest_"
    server: PostgresServer = request.getfixturevalue(f"{prefix}postgres_server")
    template: str = request.getfixturevalue(f"{prefix}postgres_template")
    name = f"store_{next(_names)}"
    opened = open_store(server.create_database(name, template=template))
    yield opened
    opened.close()
    server.drop_database(name)
