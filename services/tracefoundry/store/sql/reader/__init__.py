"""Reading traces: one SQLAlchemy query builder for both databases.

:class:`SqlReader` opens snapshots; ``snapshot`` lists the questions that one answers. The other
modules hold one question each: ``lists`` (filters, sorts and keyset cursors), ``search`` (text),
``spans``, ``span_pages``, ``payload_rows`` and ``statistics``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.reader.snapshot import SqlSnapshot

__all__ = ["SqlReader", "SqlSnapshot"]


class SqlReader:
    """See :class:`tracefoundry.store.api.Reader`; the engine stays the caller's."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def snapshot(self) -> Iterator[SqlSnapshot]:
        with reading(self._engine) as connection:
            yield SqlSnapshot(connection)
