"""Deletion in a SQL database, over the modules that remove traces and payloads."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tracefoundry.store.records import Deleted
from tracefoundry.store.sql.reader import deletion
from tracefoundry.store.sql.reader.payload_removal import PayloadRemoval


class SqlDeletion:
    """See :class:`tracefoundry.store.api.Deletion`; the engine stays the caller's."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def delete_trace(
        self, project_id: int, trace_id: bytes, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        return deletion.delete_trace(
            self._engine, project_id, trace_id, now_ns=now_ns, retention_ns=retention_ns
        )

    def delete_before(
        self, project_ids: Sequence[int], before_ns: int, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        return deletion.delete_before(
            self._engine, project_ids, before_ns, now_ns=now_ns, retention_ns=retention_ns
        )

    def payload_removal(self) -> PayloadRemoval:
        """The steps by which the payloads of deleted traces go."""
        return PayloadRemoval(self._engine)
