"""TraceFoundry: durable tracing for AI agents on the Postgres and S3 a team already runs."""

from __future__ import annotations

__version__ = "0.1.0"
