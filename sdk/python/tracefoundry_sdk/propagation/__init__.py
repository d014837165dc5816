"""Carrying the trace into other processes: carriers, web servers, Kafka and Temporal.

HTTP clients and servers, and threads, are traced by the official packages of OpenTelemetry, which
are extras of this one. What stands here is what they lack, and works without them.
"""

from __future__ import annotations

from tracefoundry_sdk.propagation import kafka, temporal
from tracefoundry_sdk.propagation.carriers import extract, inject
from tracefoundry_sdk.propagation.web import asgi, wsgi

__all__ = ["asgi", "extract", "inject", "kafka", "temporal", "wsgi"]
