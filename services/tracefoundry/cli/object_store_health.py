"""Is the payload store well: asked in the background, answered at once.

A store that hangs takes many seconds to fail. Whoever asks for readiness waits for two at most, so
the check runs in a thread of its own and what is known is said in time.
"""

from __future__ import annotations

import threading
import time

from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.store.contract import StoreUnavailable

FRESH_S = 5.0
"""How long an answer is believed."""
PATIENCE_S = 1.0
"""How long a check may take before the store counts as not answering."""


class ObjectStoreHealth:
    """Checks one store, one check at a time. Safe between threads."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._changed = threading.Condition()
        self._checking = False
        self._checked_at = float("-inf")
        self._trouble: str | None = None

    def check(self) -> None:
        """A readiness check, in the form of the database's.

        Raises:
            StoreUnavailable: the last check failed, or the present one takes too long.
        """
        with self._changed:
            if not self._is_fresh() and not self._checking:
                self._checking = True
                threading.Thread(target=self._ask, name="object-store-check", daemon=True).start()
            self._changed.wait_for(self._is_fresh, PATIENCE_S)
            if not self._is_fresh():
                raise StoreUnavailable(
                    self._trouble or f"the payload store has not answered within {PATIENCE_S:.0f} s"
                )
            if self._trouble is not None:
                raise StoreUnavailable(self._trouble)

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._checked_at < FRESH_S

    def _ask(self) -> None:
        trouble = "the check of the payload store failed"
        try:
            self._objects.check()
            trouble = ""
        except ObjectStoreUnavailable as error:
            trouble = str(error)
        finally:
            with self._changed:
                self._trouble = trouble or None
                self._checked_at = time.monotonic()
                self._checking = False
                self._changed.notify_all()
