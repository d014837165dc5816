"""The Kubernetes operator: pure rendering at the core, kopf and the Kubernetes client at the edges.

Imports nothing from the services or the SDK, so that its image stays small and its version moves
on its own.
"""

from __future__ import annotations

__version__ = "0.1.0"
