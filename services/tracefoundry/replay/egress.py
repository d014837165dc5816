"""Whether a pod that should have no egress has none.

A NetworkPolicy is a wish: a cluster whose network plugin does not know policies ignores it without
a word. So before an agent runs in a pod, a connection is tried to the one server that every pod
knows the address of, the API server of the cluster. Only a connection that is made proves something
about the network; it carries nothing and is closed at once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

POLICY_GUARD: Final = "network policy"
"""What a report calls the guard."""

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Egress:
    """What a trial showed.

    Attributes:
        address: that was tried; None where the environment names none.
        reached: a connection was made.
    """

    address: str | None
    reached: bool

    @property
    def guards(self) -> list[str]:
        """The guards that are active because of it."""
        return [POLICY_GUARD] if self.address is not None and not self.reached else []

    @property
    def notes(self) -> list[str]:
        """What a reader of the report has to know."""
        if self.address is None:
            return ["Whether the pod has egress could not be tried: it has no address to try."]
        if not self.reached:
            return []
        return [
            f"The pod has egress, because this cluster does not enforce its NetworkPolicy:"
            f" {self.address} was reached. Only the guards of the SDK stopped live calls."
        ]


def try_egress(
    environment: Mapping[str, str] = os.environ, *, timeout_s: float = _TIMEOUT_S
) -> Egress:
    """Try to connect to the API server of the cluster, whose address Kubernetes puts into the
    environment of every container."""
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return Egress(None, reached=False)
    try:
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
    except OSError:
        return Egress(f"{host}:{port}", reached=False)
    return Egress(f"{host}:{port}", reached=True)
