"""The Kubernetes operator: pure functions at the core, kopf and the Kubernetes client at the edges.

It imports nothing from the services or the SDK: its image stays small, and it has its own version.
"""

from __future__ import annotations

__version__ = "0.1.0"
