"""Guards: the libraries through which calls would go out, answered or stopped in a replay.

Each guard replaces methods of one library once that library is loaded; nothing is imported for it.
Libraries that are imported later are guarded when the next helper begins, and until then by the
guard of sockets, which is there from the start. Native clients (gRPC's core, librdkafka, libcurl)
pass all of these; a network namespace stops them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.session import Session

_LIBRARIES = {
    "httpx": "httpx",
    "httpx2": "httpx2",
    "requests": "requests.adapters",
    "urllib3": "urllib3.connectionpool",
    "aiohttp": "aiohttp.connector",
    "mcp": "mcp.client.session",
    "langchain": "langchain_core.tools.base",
}
"""The module that must be loaded for a guard to be set; the guard is ``guards/{name}_guard.py``."""


class Patches:
    """Replaced attributes, and what they were."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(original)`` in the place of an attribute."""
        original = getattr(owner, name)
        self._originals.append((owner, name, original))
        setattr(owner, name, make(original))

    def undo(self) -> None:
        """Put all back."""
        for owner, name, original in reversed(self._originals):
            setattr(owner, name, original)
        self._originals.clear()


class Guards:
    """The guards of one replay in this process."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._patches = Patches()
        self._active: list[str] = []
        self._lock = threading.Lock()
        self._loaded = -1  # number of modules at the last look

    def extend(self) -> None:
        """Guard what is loaded and not guarded yet."""
        if len(sys.modules) == self._loaded:
            return
        with self._lock:
            self._loaded = len(sys.modules)
            new = [] if self._active else ["decorators", "sockets"]
            if new:
                from tracefoundry_sdk.replay.guards import sockets_guard

                sockets_guard.guard(self._session)
            for name, module_name in _LIBRARIES.items():
                module = sys.modules.get(module_name)
                if name not in self._active and _is_loaded(module):
                    guard = import_module(f"{__name__}.{name}_guard")
                    guard.guard(self._session, self._patches, module)
                    new.append(name)
            self._active += new
        if new:
            self._session.client.guards(new)

    def remove(self) -> None:
        """Take all away."""
        from tracefoundry_sdk.replay.guards import sockets_guard

        sockets_guard.remove()
        self._patches.undo()
        self._active.clear()


def is_telemetry() -> bool:
    """A request of an OpenTelemetry exporter: no call of the agent, so no miss, but it stays here.

    Exporters mark themselves in the context, so that instrumentations leave them alone.
    """
    return bool(context.get_value(_SUPPRESS_INSTRUMENTATION_KEY))


def _is_loaded(module: ModuleType | None) -> bool:
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)
