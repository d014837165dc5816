"""The database and the payload store of a process: checked, prepared, opened and closed.

This is the only module of ``server`` and ``cli`` that opens a store.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.keys import KeyRing, parse_keys
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.open import open_object_store
from tracefoundry.redaction.policy import UserPatterns
from tracefoundry.server.configuration import database_url, read_settings
from tracefoundry.server.errors import CommandError
from tracefoundry.settings import Settings
from tracefoundry.store import migrations
from tracefoundry.store.contract import StoreError, StoreMisconfigured, StoreUnavailable
from tracefoundry.store.open import open_writer, single_writer

if TYPE_CHECKING:
    from tracefoundry.auth.access import Access
    from tracefoundry.store.sql.reader import TraceReader

DATABASE_WAIT_S = 30.0
"""How long ``serve`` and ``migrate`` wait at start for a database that cannot be reached."""
ACCESS_CONNECTIONS = 3
"""Database connections for tokens and the audit log."""

_log = logging.getLogger("tracefoundry")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfiguration:
    """Where a process keeps and finds things, checked as far as it can be without connecting.

    Attributes:
        database_url: the database.
        payload_url: the payload store.
        keys: what payloads are encrypted with.
        patterns: what the pattern file adds to redaction.
    """

    database_url: str
    payload_url: str
    keys: KeyRing
    patterns: UserPatterns

    @property
    def single_writer(self) -> bool:
        """True where only one process may write spans (SQLite)."""
        return single_writer(self.database_url)


def check_database_url(url: str) -> None:
    """Find what is wrong with a database URL without connecting, before anything else is looked at:
    a wrong one must not leave a folder of payloads behind.

    Raises:
        CommandError: it can never work.
    """
    from tracefoundry.store.sql.engine import make_engine
    from tracefoundry.store.sqlite.connection import database_path

    try:
        make_engine(url).dispose()
        if single_writer(url):
            database_path(url)
    except StoreMisconfigured as error:
        raise CommandError(str(error)) from error


def check_stores(database_url: str, payload_url: str, settings: Settings) -> StoreConfiguration:
    """Read what can be wrong in the settings of payloads and redaction, before anything listens.

    Raises:
        CommandError: a pattern file, key or URL that can never work; the message names the place.
    """
    patterns = UserPatterns()
    try:
        if settings.redaction_patterns is not None:
            # The pattern engine is large; without a file this process needs none of it.
            from tracefoundry.redaction.pattern_file import load_patterns

            patterns = load_patterns(settings.redaction_patterns)
        keys = parse_keys(settings.encryption_keys)
        open_object_store(payload_url).close()
    except ValueError as error:  # PatternFileError, InvalidKeys, ObjectStoreMisconfigured
        raise CommandError(str(error)) from error
    except ObjectStoreUnavailable as error:
        raise CommandError(str(error), "Choose another --payloads") from error
    return StoreConfiguration(
        database_url=database_url, payload_url=payload_url, keys=keys, patterns=patterns
    )


def prepare_database(url: str, settings: Settings) -> str:
    """Migrate, and make the partitions of the window; waits a while for a database to come up.
    Returns the schema's revision.

    Raises:
        CommandError: the database cannot be used; the message says why.
    """
    deadline = time.monotonic() + DATABASE_WAIT_S
    pause = 0.2
    while True:
        try:
            revision = migrations.upgrade(url)
            writer = open_writer(
                url, retention_ns=settings.retention_spans_ns, ahead_ns=WINDOW_AHEAD_NS
            )
            try:
                writer.maintain(time.time_ns())
            finally:
                writer.close()
            return revision
        except StoreMisconfigured as error:
            raise CommandError(str(error)) from error
        except StoreUnavailable as error:
            if time.monotonic() + pause > deadline or "password" in str(error):
                raise CommandError(
                    str(error), "Check the database URL, or start the database"
                ) from error
            _log.warning("%s; trying again in %.1f s", error, pause)
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


@contextlib.contextmanager
def only_writer(url: str) -> Iterator[None]:
    """Hold the lock of a SQLite file: one process writes its spans.

    Raises:
        CommandError: another process holds it.
    """
    if not single_writer(url):
        yield
        return
    import fcntl

    from tracefoundry.store.sqlite.connection import database_path

    path = database_path(url)
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(
                f"another process writes to {str(path)!r}",
                "Stop it, or choose another --data folder or --database",
            ) from error
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStores:
    """The stores of a listening process."""

    reader: TraceReader
    access: Access
    objects: ObjectStore
    schema_head: str
    """Revision that the database's schema should have."""
    older_schemas: frozenset[str]
    """Revisions before it; any other one is of a newer version, and can be used."""

    def database_reason(self) -> str | None:
        """Why the database cannot be used now; None when it can. A readiness check."""
        try:
            self.reader.check()
            self.reader.check_schema(self.schema_head, older=self.older_schemas)
        except StoreError as error:
            return str(error)
        return None


@contextlib.contextmanager
def opened(
    stores: StoreConfiguration, settings: Settings, *, ask_tokens: bool
) -> Iterator[OpenStores]:
    """Open for reading, and for access; closed with the block. Connects when first used.

    Raises:
        StoreMisconfigured: the database can never work.
    """
    from tracefoundry.auth.access import open_access
    from tracefoundry.store.sql.engine import make_engine
    from tracefoundry.store.sql.reader import TraceReader

    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(contextlib.closing(open_object_store(stores.payload_url)))
        engine = make_engine(stores.database_url)
        reader = stack.enter_context(contextlib.closing(TraceReader(engine)))
        # An engine of its own: a login must not wait behind eight slow searches.
        access_engine = make_engine(stores.database_url, pool_size=ACCESS_CONNECTIONS)
        stack.callback(access_engine.dispose)
        access = open_access(access_engine, settings, ask_tokens=ask_tokens)
        stack.callback(access.close)
        yield OpenStores(
            reader=reader,
            access=access,
            objects=objects,
            schema_head=migrations.head(),
            older_schemas=migrations.older(),
        )


@contextlib.contextmanager
def access_at(data: Path | None, database: str | None) -> Iterator[Access]:
    """Tokens and projects in the database of ``--data`` or ``--database``, without a server. The
    database is made where it is new.

    Raises:
        CommandError: the database cannot be used, or what the block does is refused.
    """
    settings = read_settings()
    with access_to(database_url(settings, database, data), settings) as access:
        yield access


@contextlib.contextmanager
def access_to(url: str, settings: Settings) -> Iterator[Access]:
    """The same in the database at a URL.

    Raises:
        CommandError: as ``access_at``.
    """
    from tracefoundry.auth.access import open_access
    from tracefoundry.auth.errors import AccessError
    from tracefoundry.store.sql.engine import make_engine

    try:
        if migrations.current(url) is None:
            migrations.upgrade(url)
        engine = make_engine(url, pool_size=1)
        access = open_access(engine, settings, ask_tokens=False)
        try:
            yield access
        finally:
            access.close()
            engine.dispose()
    except StoreError as error:
        remedy = "" if "tracefoundry migrate" in str(error) else "Check --data or --database"
        raise CommandError(str(error), remedy) from error
    except AccessError as error:
        raise CommandError(error.message, error.remedy) from error


def open_payloads(url: str, *, make_folder: bool) -> ObjectStore | None:
    """A payload store; None for a folder that is not there and is not to be made.

    Raises:
        ObjectStoreError: it cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not make_folder and not Path(unquote(parts.path)).is_dir():
        return None
    return open_object_store(url)
