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
from tracefoundry.store.api import (
    AnotherProcess,
    DiskFull,
    SchemaNotReady,
    Store,
    StoreError,
    StoreMisconfigured,
    StoreUnavailable,
    UnsuitableDatabase,
    open_store,
)

if TYPE_CHECKING:
    from tracefoundry.auth.access import Access

DATABASE_WAIT_S = 30.0
"""How long ``serve`` and ``migrate`` wait at start for a database that cannot be reached."""

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
        return open_store(self.database_url).capabilities.single_writer


def check_database_url(url: str) -> None:
    """Find what is wrong with a database URL without connecting, before anything else is looked at:
    a wrong one must not leave a folder of payloads behind.

    Raises:
        CommandError: it can never work.
    """
    try:
        open_store(url).close()
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
            store = open_store(url)
            revision = store.migrate()
            writer = store.writer(
                retention_ns=settings.retention_spans_ns, ahead_ns=WINDOW_AHEAD_NS
            )
            try:
                writer.maintain(time.time_ns())
            finally:
                writer.close()
            return revision
        except (StoreMisconfigured, UnsuitableDatabase) as error:
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
    """Be the only process that writes spans, where the store has a single writer.

    Raises:
        CommandError: another process is.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(open_store(url).only_writer())
        except AnotherProcess as error:
            raise CommandError(
                str(error), "Stop it, or choose another --data folder or --database"
            ) from error
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStores:
    """The stores of a listening process; ``writes_spans`` where it is of no use if the database
    takes no writes."""

    store: Store
    access: Access
    objects: ObjectStore
    writes_spans: bool = False

    def check_database(self) -> None:
        """Make sure that the database can be used now.

        Raises:
            StoreError: it cannot.
        """
        self.store.check(writes=self.writes_spans)
        self.store.check_schema()


@contextlib.contextmanager
def opened(
    stores: StoreConfiguration, settings: Settings, *, ask_tokens: bool, writes_spans: bool
) -> Iterator[OpenStores]:
    """Open for reading, and for access; closed with the block. Connects when first used.

    Raises:
        StoreMisconfigured: the database can never work.
    """
    from tracefoundry.auth.access import open_access

    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(contextlib.closing(open_object_store(stores.payload_url)))
        store = stack.enter_context(contextlib.closing(open_store(stores.database_url)))
        access = open_access(store.administration, settings, ask_tokens=ask_tokens)
        stack.callback(access.close)
        yield OpenStores(store=store, access=access, objects=objects, writes_spans=writes_spans)


@contextlib.contextmanager
def opened_for_retention(
    database_url: str, payload_url: str, *, make_folder: bool
) -> Iterator[tuple[Store, ObjectStore | None]]:
    """The stores that a run of retention works on; payloads as :func:`open_payloads` opens them.
    Closed with the block.

    Raises:
        StoreMisconfigured: the database can never work.
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(open_store(database_url)))
        objects = open_payloads(payload_url, make_folder=make_folder)
        if objects is not None:
            stack.callback(objects.close)
        yield store, objects


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

    try:
        with contextlib.closing(open_store(url)) as store:
            store.migrate(only_new=True)
            access = open_access(store.administration, settings, ask_tokens=False)
            try:
                yield access
            finally:
                access.close()
    except StoreError as error:
        said = isinstance(error, SchemaNotReady | DiskFull)
        remedy = "" if said else "Check --data or --database"
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
