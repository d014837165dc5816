"""The store in memory, opened: :class:`MemoryStore`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracefoundry.store.api import AnotherProcess, Capabilities, Store
from tracefoundry.store.memory.administration import MemoryAdministration, MemoryChange
from tracefoundry.store.memory.deletion import MemoryDeletion
from tracefoundry.store.memory.exports import MemoryExports
from tracefoundry.store.memory.imports import MemoryImports
from tracefoundry.store.memory.reader import MemoryReader
from tracefoundry.store.memory.tables import Memory
from tracefoundry.store.memory.writer import MemoryWriter


class MemoryStore:
    """A store for tests, empty but for the project ``default``. Its data goes with the object.

    No URL leads to it: ingest workers are processes, each of which would have a store of its own.
    """

    capabilities = Capabilities(single_writer=True, shared=False, drops_days=False, durable=False)
    file = None

    def __init__(self) -> None:
        self._memory = Memory()
        self._only_writer = threading.Lock()
        self.reader = MemoryReader(self._memory)
        self.deletion = MemoryDeletion(self._memory)
        self.imports = MemoryImports(self._memory)
        self.administration = MemoryAdministration(self._memory)
        self.exports = MemoryExports(self._memory)
        with self._memory.changing() as tables:
            MemoryChange(tables).add_project("default", created_at_ns=0)

    def writer(self, *, retention_ns: int, ahead_ns: int) -> MemoryWriter:
        """A new writer; it takes spans of any time."""
        return MemoryWriter(self._memory)

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        if not self._only_writer.acquire(blocking=False):
            raise AnotherProcess("another writer of this store is at work")
        try:
            yield
        finally:
            self._only_writer.release()

    def migrate(self, *, only_new: bool = False) -> str:
        """There is one schema."""
        return "memory"

    def check(self, *, writes: bool = False) -> None:
        """It can always answer."""

    def check_schema(self) -> None:
        """There is one schema."""

    def close(self) -> None:
        """There are no connections."""


if TYPE_CHECKING:
    _store: type[Store] = MemoryStore
