"""Retention as a process runs it: once for the command, and every hour inside ``serve``.

A cluster runs ``tracefoundry retention`` on a schedule instead. Two runs at the same time do no
harm: the second one does nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tracefoundry.payloads.errors import ObjectStoreError
from tracefoundry.server.configuration import database_url, payload_url, read_settings
from tracefoundry.server.errors import CommandError
from tracefoundry.server.stores import StoreConfiguration, opened_for_retention
from tracefoundry.settings import Settings
from tracefoundry.store.api import StoreError

if TYPE_CHECKING:
    from tracefoundry.retention import RetentionReport

FIRST_AFTER_S = 60.0
EVERY_S = 3_600.0
STOP_WAIT_S = 10.0
"""How long the end of the process waits for a run to stop."""

_log = logging.getLogger("tracefoundry")


def run_retention(
    *, data: Path | None, database: str | None, payloads: str | None, dry_run: bool
) -> RetentionReport:
    """Run retention once, on the stores that the options and the environment name.

    Raises:
        CommandError: a store cannot be used. Trouble with single steps is in the report.
    """
    settings = read_settings()
    url = database_url(settings, database, data)
    kept = payload_url(settings, payloads, url)
    # A default folder that is not there is no store; a dry run must not make any.
    named = payloads is not None or settings.payload_url is not None
    try:
        return _run_once(url, kept, settings, make_folder=named and not dry_run, dry_run=dry_run)
    except (StoreError, ObjectStoreError) as error:
        raise CommandError(str(error)) from error


def _run_once(
    database: str,
    payloads: str,
    settings: Settings,
    *,
    make_folder: bool,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> RetentionReport:
    from tracefoundry.retention import run_once

    with opened_for_retention(database, payloads, make_folder=make_folder) as (store, objects):
        return run_once(store, objects, settings, time.time_ns(), dry_run, stop=stop)


class HourlyRetention:
    """Runs retention in a thread of its own, soon after the start and then every hour, until it is
    stopped. Trouble is logged, and the next hour tries again.
    """

    def __init__(self, stores: StoreConfiguration, settings: Settings) -> None:
        self._stores = stores
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first run."""
        self._thread.start()

    def stop(self) -> None:
        """End between two steps; the next run does the rest. Does nothing before ``start``."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        pause = FIRST_AFTER_S
        while not self._stop.wait(pause):
            pause = EVERY_S
            try:
                # Trouble with single steps is logged by the run itself.
                _run_once(
                    self._stores.database_url,
                    self._stores.payload_url,
                    self._settings,
                    make_folder=True,
                    stop=self._stop.is_set,
                )
            except (StoreError, ObjectStoreError) as error:
                _log.warning("retention deferred for an hour: %s", error)
            except Exception as error:  # noqa: BLE001 - one failed run must not end the later ones
                _log.error("retention failed (%s); it is tried again", type(error).__name__)
