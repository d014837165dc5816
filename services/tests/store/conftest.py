"""Stores of every kind, for the one suite that runs over all of them.

Tests of the suite take :func:`store` and :func:`writer` and know ``store.api`` alone. Tests of one
database's own ways take ``migrated_url`` or ``postgres_url`` and look into the tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import Store, Writer, open_store
from tracefoundry.store.memory.store import MemoryStore

RETENTION_NS = 7 * DAY_NS


def new_writer(url: str) -> Writer:
    """A writer with a window of a week."""
    return writer_of(open_store(url))


def writer_of(store: Store) -> Writer:
    """The same, of an open store."""
    return store.writer(retention_ns=RETENTION_NS, ahead_ns=WINDOW_AHEAD_NS)


@pytest.fixture(params=["memory", "sqlite", "postgres", "postgres18"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind: memory, SQLite, the oldest and the newest PostgreSQL."""
    fixture = {
        "sqlite": "sqlite_url",
        "postgres": "postgres_url",
        "postgres18": "newest_postgres_url",
    }
    opened: Store
    if request.param == "memory":
        opened = MemoryStore()
    else:
        opened = open_store(request.getfixturevalue(fixture[request.param]))
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    """A writer of the store, with its partitions made."""
    made = writer_of(store)
    made.maintain(time.time_ns())
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
