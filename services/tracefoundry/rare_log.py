"""Warnings that may repeat at every request: one line for each kind of trouble in a while.

Peers must not be able to fill the log, and the same trouble said once is enough.
"""

from __future__ import annotations

import logging
import time

INTERVAL_S = 60.0
"""Least time between two lines of one kind."""
MOST_KINDS = 64
"""Kinds that are remembered; beyond it all are forgotten, and may be logged again."""

_log = logging.getLogger("tracefoundry")


class RareLog:
    """Remembers what was logged. Safe between threads: at worst a line is logged twice."""

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}

    def warn(self, kind: str, text: str) -> None:
        """Log a warning, unless one of this kind was logged a moment ago."""
        now = time.monotonic()
        last = self._logged_at.get(kind)
        if last is not None and now - last < INTERVAL_S:
            return
        if len(self._logged_at) >= MOST_KINDS:
            self._logged_at.clear()
        self._logged_at[kind] = now
        _log.warning("%s", text)
