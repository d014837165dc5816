"""From a database URL to the writer for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tracefoundry.store.contract import SpanWriter, StoreMisconfigured
from tracefoundry.store.deletion_api import Deletion
from tracefoundry.store.records import ProjectRecord

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def open_writer(url: str, *, retention_ns: int, ahead_ns: int) -> SpanWriter:
    """A span writer; it connects when first used. Drivers are imported only for their own URLs.

    Raises:
        StoreMisconfigured: the URL is of no known form.
    """
    if url.startswith("sqlite:"):
        from tracefoundry.store.sqlite.writer import SqliteWriter

        return SqliteWriter(url)
    if url.startswith(POSTGRES_SCHEMES):
        from tracefoundry.store.postgres.writer import PostgresWriter

        return PostgresWriter(url, retention_ns=retention_ns, ahead_ns=ahead_ns)
    raise StoreMisconfigured(
        "the database URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME or"
        " sqlite:///PATH"
    )


def single_writer(url: str) -> bool:
    """True where only one process may write spans (SQLite)."""
    return url.startswith("sqlite:")


def deletion_through(engine: sa.Engine) -> Deletion:
    """Deletion through an engine of :func:`tracefoundry.store.sql.engine.make_engine`."""
    if engine.dialect.name == "sqlite":
        from tracefoundry.store.sqlite.deletion import SqliteDeletion

        return SqliteDeletion(engine)
    from tracefoundry.store.postgres.deletion import PostgresDeletion

    return PostgresDeletion(engine)


@dataclass(frozen=True, slots=True)
class RetentionStore:
    """What retention needs of a store, until there is one to open."""

    engine: sa.Engine
    deletion: Deletion
    file: Path | None

    def projects(self) -> list[ProjectRecord]:
        """Every project, by name."""
        from tracefoundry.store.sql.engine import reading
        from tracefoundry.store.sql.projects import all_projects

        with reading(self.engine) as connection:
            return all_projects(connection)


@contextmanager
def retention_store(url: str) -> Iterator[RetentionStore]:
    """Open what retention needs.

    Raises:
        StoreMisconfigured: the URL can never work.
    """
    from tracefoundry.store.sql.engine import make_engine
    from tracefoundry.store.sqlite.connection import database_path

    engine = make_engine(url, pool_size=2)
    try:
        file = database_path(url) if engine.dialect.name == "sqlite" else None
        yield RetentionStore(engine, deletion_through(engine), file)
    finally:
        engine.dispose()
