"""A SQL database as a store: its reader, deletion, administration and writers, put together.

Every part is made, and its modules are imported, when it is first asked for: a process that only
writes spans never loads SQLAlchemy.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tracefoundry.store.api import (
    Administration,
    AnotherProcess,
    Capabilities,
    DatabaseRole,
    Deletion,
    Exports,
    Imports,
    Reader,
    SchemaNotReady,
    Writer,
)
from tracefoundry.store.sql.urls import check_postgres_url, is_sqlite, sqlite_path
from tracefoundry.store.sqlite.private_files import make_private

if TYPE_CHECKING:
    import sqlalchemy as sa

READING_CONNECTIONS = 8
"""Most connections for reading and deleting."""
ADMINISTRATION_CONNECTIONS = 3
"""Most connections for tokens, projects and the audit log."""


def grant_roles(url: str, roles: Mapping[DatabaseRole, str]) -> None:
    """See :func:`tracefoundry.store.api.grant_roles`."""
    from tracefoundry.store.postgres import privileges

    privileges.grant_roles(url, roles)


class SqlStore:
    """See :class:`tracefoundry.store.api.Store`."""

    def __init__(self, url: str) -> None:
        """Check the URL without connecting.

        Raises:
            StoreMisconfigured: it can never work.
        """
        self._url = url
        self._file: Path | None = None
        if is_sqlite(url):
            self._file = sqlite_path(url)
        else:
            check_postgres_url(url)
        self._lock = threading.Lock()
        self._engines: dict[int, sa.Engine] = {}

    @property
    def capabilities(self) -> Capabilities:
        is_file = self._file is not None
        return Capabilities(
            single_writer=is_file, shared=not is_file, drops_days=not is_file, durable=True
        )

    @property
    def file(self) -> Path | None:
        return self._file

    @property
    def reader(self) -> Reader:
        from tracefoundry.store.sql.reader import SqlReader

        return SqlReader(self._engine(READING_CONNECTIONS))

    @property
    def deletion(self) -> Deletion:
        engine = self._engine(READING_CONNECTIONS)
        if self._file is not None:
            from tracefoundry.store.sqlite.deletion import SqliteDeletion

            return SqliteDeletion(engine, self._file)
        from tracefoundry.store.postgres.deletion import PostgresDeletion

        return PostgresDeletion(engine)

    @property
    def imports(self) -> Imports:
        if self._file is not None:
            from tracefoundry.store.sqlite.imports import SqliteImports

            return SqliteImports(self._url)
        from tracefoundry.store.postgres.imports import PostgresImports

        return PostgresImports(self._url)

    @property
    def administration(self) -> Administration:
        from tracefoundry.store.sql.administration import SqlAdministration

        return SqlAdministration(self._engine(ADMINISTRATION_CONNECTIONS))

    @property
    def exports(self) -> Exports:
        from tracefoundry.store.sql.exports import SqlExports

        return SqlExports(self._engine(ADMINISTRATION_CONNECTIONS))

    def writer(self, *, retention_ns: int, ahead_ns: int) -> Writer:
        if self._file is not None:
            from tracefoundry.store.sqlite.writer import SqliteWriter

            return SqliteWriter(self._url)
        from tracefoundry.store.postgres.writer import PostgresWriter

        return PostgresWriter(self._url, retention_ns=retention_ns, ahead_ns=ahead_ns)

    @contextlib.contextmanager
    def only_writer(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        import fcntl

        make_private(self._file)
        with self._file.with_name(self._file.name + ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise AnotherProcess(f"another process writes to {str(self._file)!r}") from error
            yield

    def migrate(self, *, only_new: bool = False) -> str:
        from tracefoundry.store import migrations

        if self._file is not None:
            make_private(self._file)
        present = migrations.current(self._url) if only_new else None
        return migrations.upgrade(self._url) if present is None else present

    def check(self, *, writes: bool = False) -> None:
        import sqlalchemy as sa

        from tracefoundry.store.sql.engine import check_writable, reading
        from tracefoundry.store.sql.tables import projects

        with reading(self._engine(READING_CONNECTIONS)) as connection:
            connection.execute(sa.select(projects.c.project_id).limit(1)).all()
            if writes:
                check_writable(connection)
        if writes and self._file is not None:
            from tracefoundry.store.sqlite.disk_reserve import DiskReserve

            DiskReserve(self._file).check()

    def check_schema(self) -> None:
        import sqlalchemy as sa

        from tracefoundry.store.sql.engine import reading

        version = sa.table("alembic_version", sa.column("version_num", sa.Text))
        with reading(self._engine(READING_CONNECTIONS)) as connection:
            found = connection.execute(sa.select(version.c.version_num)).scalars().first()
        head, older = self._revisions
        if found is None or (found != head and found in older):
            raise SchemaNotReady(
                f"the database schema is at revision {found or 'none'} and this program needs "
                f"{head}; run tracefoundry migrate"
            )

    @functools.cached_property
    def _revisions(self) -> tuple[str, frozenset[str]]:
        """The newest revision that this program knows, and those before it."""
        from tracefoundry.store import migrations

        return migrations.head(), migrations.older()

    def close(self) -> None:
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def _engine(self, connections: int) -> sa.Engine:
        """The engine with this many connections; one for each number."""
        from tracefoundry.store.sql.engine import make_engine

        with self._lock:
            if connections not in self._engines:
                self._engines[connections] = make_engine(self._url, pool_size=connections)
            return self._engines[connections]
