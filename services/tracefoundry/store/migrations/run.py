"""Upgrade a database to the newest schema, once, however many processes ask at the same time."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from tracefoundry.store.contract import StoreMisconfigured, StoreUnavailable
from tracefoundry.store.open import POSTGRES_SCHEMES
from tracefoundry.store.postgres.url import check_url
from tracefoundry.store.sqlite.connection import BUSY_TIMEOUT_S, database_path

ADVISORY_LOCK = 0x7F0D_DA74
"""Key of the PostgreSQL advisory lock that one migration holds."""

_log = logging.getLogger(__name__)


def head() -> str:
    """The newest revision this version of the code knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations")
    return revision


def older() -> frozenset[str]:
    """The revisions before the newest: a database at one of them is behind this code."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset(script.revision for script in scripts) - {head()}


def current(url: str) -> str | None:
    """The revision of a database, None when it was never migrated.

    Raises:
        StoreMisconfigured: the URL can never work.
        StoreUnavailable: the database cannot be reached.
    """
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DBAPIError as error:
        raise _unavailable(error) from error
    finally:
        engine.dispose()


def upgrade(url: str, revision: str = "head") -> str:
    """Bring a database to a revision (the newest by default); returns it. Safe to repeat.

    Raises:
        StoreMisconfigured: the URL can never work, or the schema is newer than this code.
        StoreUnavailable: the database cannot be reached.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK}
                )
            config = _config()
            before = MigrationContext.configure(connection).get_current_revision()
            known = {
                script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
            }
            if before is not None and before not in known:
                raise StoreMisconfigured(
                    f"the database is at schema {before}, which this version does not know:"
                    " it was migrated by a newer TraceFoundry; upgrade this one"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            after = MigrationContext.configure(connection).get_current_revision()
        if before != after:
            _log.info("migrated the database from %s to %s", before or "empty", after)
        return after or ""
    except sa.exc.DBAPIError as error:
        raise _unavailable(error) from error
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _engine(url: str) -> sa.Engine:
    if url.startswith("sqlite:"):
        path = database_path(url)
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            poolclass=NullPool,
            connect_args={"timeout": BUSY_TIMEOUT_S},
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
        return engine
    if not url.startswith(POSTGRES_SCHEMES):
        raise StoreMisconfigured(
            "the database URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME or"
            " sqlite:///PATH"
        )
    check_url(url)
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(
            url, connect_timeout=5, application_name="tracefoundry-migrate"
        ),
        poolclass=NullPool,
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set what must be set before the first table, and leave transactions to us.

    The driver's own transaction control would commit before every DDL statement.
    """
    connection.isolation_level = None
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _unavailable(error: sa.exc.DBAPIError) -> StoreUnavailable:
    lines = str(error.orig).strip().splitlines() or [type(error).__name__]
    return StoreUnavailable(f"database: {lines[0][:300]}")
