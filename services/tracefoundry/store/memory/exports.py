"""Records of exported bundles in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracefoundry.store.export_api import Exports, StoredBundle
from tracefoundry.store.memory.tables import Memory


class MemoryExports:
    """See :class:`tracefoundry.store.export_api.Exports`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def record(self, bundle: StoredBundle) -> None:
        with self._memory.changing() as tables:
            tables.exports[bundle.uri] = bundle

    def expired(self, *, now_ns: int, after: str, limit: int) -> list[StoredBundle]:
        found = [
            bundle
            for uri, bundle in sorted(self._memory.tables.exports.items())
            if uri > after and bundle.expires_at_ns is not None and bundle.expires_at_ns <= now_ns
        ]
        return found[:limit]

    def forget(self, uris: Sequence[str]) -> None:
        with self._memory.changing() as tables:
            for uri in uris:
                tables.exports.pop(uri, None)


if TYPE_CHECKING:
    _exports: type[Exports] = MemoryExports
