"""The guard of requests: its adapter sends by urllib3, whose guard answers.

Adapters of other makers that do not send by urllib3 meet the guard of sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracefoundry_sdk.replay.guards import Interceptor, Patches


def guard(interceptor: Interceptor, patches: Patches, module: Any) -> None:
    """Nothing to replace: ``requests.adapters`` has imported urllib3, which is guarded."""
