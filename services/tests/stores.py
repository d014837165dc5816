"""Writers for tests of every part that has a store."""

from __future__ import annotations

import time

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import Store, Writer, open_store

RETENTION_NS = 7 * DAY_NS


def writer_of(store: Store) -> Writer:
    """A writer with a window of a week."""
    return store.writer(retention_ns=RETENTION_NS, ahead_ns=WINDOW_AHEAD_NS)


def prepare_database(url: str) -> None:
    """Make the tables of a database, and the partitions of a writer."""
    store = open_store(url)
    store.migrate()
    writer = writer_of(store)
    writer.maintain(time.time_ns())
    writer.close()
    store.close()
