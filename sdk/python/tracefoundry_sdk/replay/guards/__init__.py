"""Guards: the libraries through which calls go out.

In a replay they answer calls or stop them; while an agent is recorded they keep the replies. Each
guard replaces methods of one library once that library is loaded; nothing is imported for it.
Libraries that are imported later are guarded when the next helper begins, and until then a replay
stops them by the guard of sockets, which is there from the start. Native clients (gRPC's core,
librdkafka, libcurl) pass all of these; a network namespace stops them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from tracefoundry_sdk.http_exchanges import Exchange
from tracefoundry_sdk.replay.http_replies import HttpReply
from tracefoundry_sdk.safety import logger

HTTP_LIBRARIES = {
    "httpx": "httpx",
    "httpx2": "httpx2",
    "urllib3": "urllib3.connectionpool",
    "requests": "requests.adapters",
    "aiohttp": "aiohttp.client_reqrep",
}
"""The module that must be loaded for a guard to be set; the guard is ``guards/{name}_guard.py``."""

TOOL_LIBRARIES = {
    "mcp": "mcp.client.session",
    "langchain": "langchain_core.tools.base",
}


class Interceptor(Protocol):
    """What the guards of HTTP ask: the session of a replay, or the recorder."""

    @property
    def stops(self) -> bool:
        """Nothing goes out by itself, so that telemetry must be refused too."""

    def http_reply(self, method: str, url: str) -> HttpReply | None:
        """The reply to a request; None if it may go out."""

    def exchange(self) -> Exchange | None:
        """Where the reply to the current request is kept; None if it is not."""


class Patches:
    """Replaced attributes, and what they were."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(original)`` in the place of an attribute."""
        original = getattr(owner, name)
        replacement = make(original)
        self._replaced.append((owner, name, original, replacement))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put back what nobody else has wrapped meanwhile; what stays asks and is told nothing."""
        for owner, name, original, replacement in reversed(self._replaced):
            if getattr(owner, name) is replacement:
                setattr(owner, name, original)
        self._replaced.clear()


class Guards:
    """The guards of some libraries in this process."""

    def __init__(self, interceptor: Any, libraries: Iterable[tuple[str, str]]) -> None:
        self._interceptor = interceptor
        self._libraries = list(libraries)
        self._patches = Patches()
        self._lock = threading.Lock()
        self._loaded = -1  # number of modules at the last look

    def extend(self) -> list[str]:
        """Guard what is loaded and not guarded yet; gives the names of the new guards."""
        if len(sys.modules) == self._loaded:
            return []
        new: list[str] = []
        with self._lock:
            self._loaded = len(sys.modules)
            for library in list(self._libraries):
                name, module_name = library
                module = sys.modules.get(module_name)
                if module is None or not _is_loaded(module):
                    continue
                self._libraries.remove(library)
                if self._guard(name, module):
                    new.append(name)
        return new

    def _guard(self, name: str, module: ModuleType) -> bool:
        """Guard one library; False where this release of it is not as the guard expects.

        In a replay the guard of sockets stops such a library.
        """
        try:
            guard = import_module(f"{__name__}.{name}_guard")
            guard.guard(self._interceptor, self._patches, module)
        except Exception:  # noqa: BLE001 - whatever another release lacks, the agent goes on
            logger.warning("TraceFoundry: %s cannot be guarded in this release", name)
            return False
        return True

    def remove(self) -> None:
        """Take all away."""
        self._patches.undo()


def is_telemetry() -> bool:
    """A request of an OpenTelemetry exporter: no call of the agent, so no miss, but it stays here.

    Exporters mark themselves in the context, so that instrumentations leave them alone.
    """
    return bool(context.get_value(_SUPPRESS_INSTRUMENTATION_KEY))


def _is_loaded(module: ModuleType) -> bool:
    return not getattr(getattr(module, "__spec__", None), "_initializing", False)
