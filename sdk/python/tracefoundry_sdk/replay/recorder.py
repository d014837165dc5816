"""Keeps the replies of HTTP inside open calls, while an agent runs with ``record=True``."""

from __future__ import annotations

from tracefoundry_sdk.http_exchanges import Exchange
from tracefoundry_sdk.replay.guards import HTTP_LIBRARIES, Guards
from tracefoundry_sdk.replay.http_replies import HttpReply
from tracefoundry_sdk.spans.base import innermost


class Recorder:
    """Watches the libraries of HTTP of this process; everything goes out as ever."""

    def __init__(self) -> None:
        self._guards = Guards(self, HTTP_LIBRARIES.items())
        self._stopped = False
        self.stops = False

    def watch(self) -> None:
        """Watch what is loaded by now."""
        self._guards.extend()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped = True
        self._guards.remove()

    def http_reply(self, method: str, url: str) -> HttpReply | None:
        """Requests go out."""
        return None

    def exchange(self) -> Exchange | None:
        """A place in the innermost open call, if that is recorded."""
        operation = None if self._stopped else innermost()
        return None if operation is None else operation.new_exchange()
