"""What a run needs to know about the whole database: its projects, and how large it is."""

from __future__ import annotations

import sqlalchemy as sa

from tracefoundry.store.contract import ProjectRecord
from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.tables import projects


def all_projects(engine: sa.Engine) -> list[ProjectRecord]:
    """The projects by id.

    Raises:
        StoreUnavailable: the database cannot answer now, or its schema is not there yet.
    """
    column = projects.c
    statement = sa.select(
        column.project_id, column.name, column.created_at_ns, column.redaction,
        column.retention_spans_ns, column.retention_payloads_ns,
    ).order_by(column.project_id)  # fmt: skip
    with reading(engine) as connection:
        return [ProjectRecord(*row) for row in connection.execute(statement)]


def database_bytes(engine: sa.Engine) -> int:
    """The size of a PostgreSQL database on its disk."""
    with reading(engine) as connection:
        statement = sa.text("SELECT pg_database_size(current_database())")
        return int(connection.execute(statement).scalar_one())


def checkpoint(engine: sa.Engine) -> None:
    """Move what was given back out of SQLite's log, so that the file really shrinks. Waits for
    nobody: what readers still need stays until the next time."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            native = connection.connection.cursor()
            native.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            native.close()
