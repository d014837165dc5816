"""Where items wait to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracefoundry_sdk.export.items import Item


class Outbox(Protocol):
    """Where items wait to be sent: the export worker, or a list of whoever sends by itself."""

    def put(self, item: Item, *, urgent: bool = False) -> bool:
        """Queue an item; False if it was dropped."""

    def flush(self, timeout_s: float) -> bool:
        """Deliver what was put so far; True if all of it arrived."""

    def stop(self) -> bool:
        """Deliver the rest and take no more; True if nothing was left."""


class Discarded:
    """The outbox of a replay, in which nothing is sent: these calls were traced before."""

    def put(self, item: Item, *, urgent: bool = False) -> bool:
        """Drop the item."""
        return True

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits."""
        return True

    def stop(self) -> bool:
        """Nothing is left."""
        return True
