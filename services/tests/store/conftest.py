"""Writers on migrated databases of every supported kind."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import Writer
from tracefoundry.store.open import open_writer


def new_writer(url: str) -> Writer:
    """A writer with a window of a week."""
    return open_writer(url, retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """A database at the newest schema."""
    migrations.upgrade(database_url)
    return database_url


@pytest.fixture
def writer(migrated_url: str) -> Iterator[Writer]:
    """A writer with its partitions made."""
    writer = new_writer(migrated_url)
    writer.maintain(time.time_ns())
    yield writer
    writer.close()
