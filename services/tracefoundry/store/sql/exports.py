"""Records of exported bundles in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.export_api import Exports, StoredBundle
from tracefoundry.store.sql.engine import reading, writing
from tracefoundry.store.sql.tables import exports


class SqlExports:
    """See :class:`tracefoundry.store.export_api.Exports`; over an engine of the caller."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, bundle: StoredBundle) -> None:
        values = {
            "project_id": bundle.project_id,
            "bytes": bundle.size_bytes,
            "sha256": bundle.sha256,
            "created_at_ns": bundle.created_at_ns,
            "expires_at_ns": bundle.expires_at_ns,
        }
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(exports).values(object_key=bundle.uri, **values)
        with writing(self._engine) as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=[exports.c.object_key], set_=values)
            )

    def expired(self, *, now_ns: int, after: str, limit: int) -> list[StoredBundle]:
        statement = (
            sa.select(exports)
            .where(exports.c.expires_at_ns <= now_ns, exports.c.object_key > after)
            .order_by(exports.c.object_key)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [
                StoredBundle(
                    uri=row["object_key"],
                    project_id=row["project_id"],
                    size_bytes=row["bytes"],
                    sha256=bytes(row["sha256"]),
                    created_at_ns=row["created_at_ns"],
                    expires_at_ns=row["expires_at_ns"],
                )
                for row in connection.execute(statement).mappings()
            ]

    def forget(self, uris: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            connection.execute(sa.delete(exports).where(exports.c.object_key.in_(uris)))


if TYPE_CHECKING:
    _exports: type[Exports] = SqlExports
