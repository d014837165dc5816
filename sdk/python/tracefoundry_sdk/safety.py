"""No exception of this SDK reaches the agent: the one place where they are caught.

Everything that an agent calls goes through :func:`never_raises`. What went wrong is logged, at most
once a minute, so that a fault that repeats with every span does not fill the agent's log.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

REPORT_INTERVAL_S = 60.0

logger = logging.getLogger("tracefoundry_sdk")

P = ParamSpec("P")
T = TypeVar("T")


class RareWarning:
    """Logs a warning at most once in a while, and says how many were not logged in between."""

    def __init__(self, interval_s: float = REPORT_INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def __call__(self, message: str, *values: object, exc_info: bool = False) -> None:
        """Log ``message % values``; the message itself is the key that is limited.

        Messages are literals of this SDK, so the number of keys is bounded.
        """
        now = time.monotonic()
        with self._lock:
            last = self._last.get(message)
            if last is not None and now - last < self._interval_s:
                self._held_back[message] = self._held_back.get(message, 0) + 1
                return
            self._last[message] = now
            held_back = self._held_back.pop(message, 0)
        if held_back:
            message += f" ({held_back} more like it since the last)"
        logger.warning(message, *values, exc_info=exc_info)

    def after_fork(self) -> None:
        """Another thread may have held the lock when the process was forked."""
        self._lock = threading.Lock()


warn_rarely = RareWarning()


def never_raises(fallback: Any) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: where the function raises, log it and return ``fallback``."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except Exception:  # noqa: BLE001 - telemetry must not break the agent, whatever fails
                warn_rarely("TraceFoundry: tracing failed; the agent goes on", exc_info=True)
                return cast("T", fallback)

        return guarded

    return decorate
