"""Writers, for the one suite that runs over every store.

Tests of the suite take :func:`store` and :func:`writer` and know ``store.api`` alone. Tests of one
database's own ways take ``migrated_url`` or ``postgres_url`` and look into the tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from stores import writer_of
from tracefoundry.store import migrations
from tracefoundry.store.api import Store, Writer, open_store


def new_writer(url: str) -> Writer:
    """A writer with a window of a week."""
    return writer_of(open_store(url))


@pytest.fixture(params=["sqlite", "postgres", "postgres18"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The newest PostgreSQL too."""
    kind: str = request.param
    return kind


@pytest.fixture(params=["memory", "sqlite", "postgres", "postgres18"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """The same, and the store in memory."""
    kind: str = request.param
    return kind


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
