"""Stores of every kind, for the one suite that runs over all of them.

Tests of the suite take :func:`store` and :func:`writer` and know ``store.api`` alone. Tests of one
database's own ways take ``migrated_url`` or ``postgres_url`` and look into the tables.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import Store, Writer, open_store
from tracefoundry.store.memory.store import MemoryStore

RETENTION_NS = 7 * DAY_NS
_names = itertools.count()


def new_writer(url: str) -> Writer:
    """A writer with a window of a week."""
    return writer_of(open_store(url))


def writer_of(store: Store) -> Writer:
    """The same, of an open store."""
    return store.writer(retention_ns=RETENTION_NS, ahead_ns=WINDOW_AHEAD_NS)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database with partitions, on the older server."""
    _prepare(postgres_server.create_database("template_store"))
    return "template_store"


@pytest.fixture(scope="session")
def newest_postgres_template(newest_postgres_server: PostgresServer) -> str:
    """The same on PostgreSQL 18."""
    _prepare(newest_postgres_server.create_database("template_store"))
    return "template_store"


def _prepare(url: str) -> None:
    opened = open_store(url)
    opened.migrate()
    made = writer_of(opened)
    made.maintain(time.time_ns())
    made.close()
    opened.close()


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


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    """A writer of the store."""
    made = writer_of(store)
    yield made
    made.close()


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """A database at the newest schema, for tests that look into its tables."""
    migrations.upgrade(database_url)
    return database_url


@pytest.fixture
def url_writer(migrated_url: str) -> Iterator[Writer]:
    """A writer of that database, with its partitions made."""
    made = new_writer(migrated_url)
    made.maintain(time.time_ns())
    yield made
    made.close()
