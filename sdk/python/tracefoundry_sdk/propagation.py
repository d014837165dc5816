"""The trace context in carriers: headers of requests and messages, as W3C Trace Context has it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from opentelemetry import propagate
from opentelemetry.context import Context


def inject(carrier: MutableMapping[str, str]) -> None:
    """Write the current trace context into the carrier."""
    propagate.inject(carrier)


def extract(carrier: Mapping[str, str]) -> Context:
    """The context that a carrier brings; for ``opentelemetry.context.attach``."""
    return propagate.extract(carrier)
