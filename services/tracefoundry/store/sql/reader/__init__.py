"""Reading traces: one SQLAlchemy query builder for both databases.

``TraceReader`` opens snapshots; a ``Snapshot`` answers questions. The modules below hold one
question each: ``lists`` (filters, sorts and keyset cursors), ``search`` (text), ``spans``,
``payload_rows``, ``statistics``.
"""

from __future__ import annotations

from tracefoundry.store.sql.reader.reader import Snapshot, TraceReader
from tracefoundry.store.sql.reader.search import SearchResult
from tracefoundry.store.sql.reader.selection import (
    Sort,
    SpanPosition,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader.spans import SpanPage
from tracefoundry.store.sql.reader.statistics import GroupBy

__all__ = [
    "GroupBy",
    "SearchResult",
    "Snapshot",
    "Sort",
    "SpanPage",
    "SpanPosition",
    "TracePosition",
    "TraceReader",
    "TraceSelection",
]
