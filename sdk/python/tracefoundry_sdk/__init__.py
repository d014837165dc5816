"""Python SDK of TraceFoundry: what an agent imports. Imports nothing from the services."""

from __future__ import annotations

__version__ = "0.1.0"
