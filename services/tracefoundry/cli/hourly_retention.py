"""Retention inside ``serve``: once soon after the start, then every hour, in a thread of its own.

A cluster runs ``tracefoundry retention`` on a schedule instead; two runs at the same time do not
meet, the second one does nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing

from tracefoundry.payloads.errors import ObjectStoreError
from tracefoundry.payloads.open import open_object_store
from tracefoundry.settings import Settings
from tracefoundry.store.contract import StoreError

FIRST_AFTER_S = 60.0
EVERY_S = 3_600.0
STOP_WAIT_S = 10.0
"""How long the end of the process waits for a run that was told to stop."""

_log = logging.getLogger("tracefoundry")


class HourlyRetention:
    """Runs retention until it is stopped; trouble is logged and tried again the next hour."""

    def __init__(self, database_url: str, payload_url: str, settings: Settings) -> None:
        self._database_url = database_url
        self._payload_url = payload_url
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first run."""
        self._thread.start()

    def stop(self) -> None:
        """End between two steps; what was not done is done by the next run."""
        self._stop.set()
        self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        pause = FIRST_AFTER_S
        while not self._stop.wait(pause):
            pause = EVERY_S
            try:
                self._once()
            except (StoreError, ObjectStoreError) as error:
                _log.warning("retention put off for an hour: %s", error)
            except Exception as error:  # noqa: BLE001 - a defect today must not end it for ever
                _log.error("retention failed (%s); it is tried again", type(error).__name__)

    def _once(self) -> None:
        from tracefoundry.retention.run import run_once

        with closing(open_object_store(self._payload_url)) as objects:
            # Trouble with single steps is logged there.
            run_once(
                self._database_url,
                objects,
                self._settings,
                time.time_ns(),
                stop=self._stop.is_set,
            )
