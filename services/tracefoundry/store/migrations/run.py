"""Upgrade a database to the newest schema, once, however many processes ask at the same time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tracefoundry.store.api import StoreMisconfigured, StoreUnavailable
from tracefoundry.store.sql.engine import make_engine, reading, writing
from tracefoundry.store.sql.errors import reason_of

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
    with _engine(url) as engine, reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(url: str, revision: str = "head") -> str:
    """Bring a database to a revision (the newest by default); returns it. Safe to repeat.

    Raises:
        StoreMisconfigured: the URL can never work, or the schema is newer than this code.
        StoreUnavailable: the database cannot be reached.
    """
    # Another process may be migrating a large database: no limit on waiting for it.
    with (
        _engine(url, writes=True) as engine,
        writing(engine, statement_timeout_ms=0, lock_timeout_ms=0) as connection,
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK}
            )
        before = MigrationContext.configure(connection).get_current_revision()
        if before is not None and before not in older() | {head()}:
            raise StoreMisconfigured(
                f"the database is at schema {before}, which this version does not know:"
                " it was migrated by a newer TraceFoundry; upgrade this one"
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        after = MigrationContext.configure(connection).get_current_revision()
    if before != after:
        _log.info("migrated the database from %s to %s", before or "empty", after)
    return after or ""


@contextmanager
def _engine(url: str, *, writes: bool = False) -> Iterator[sa.Engine]:
    """An engine of one connection, for as long as the block runs."""
    engine = make_engine(
        url, create=True, pool_size=1, application="tracefoundry-migrate", writes=writes
    )
    try:
        yield engine
    except sa.exc.DBAPIError as error:
        # Not even a missing privilege is worth a traceback.
        raise StoreUnavailable(f"database: {reason_of(error.orig or error)}") from error
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
