"""Ids of spans and traces, from a source that can be changed.

Tracers keep the id generator that their provider had when they were made. Temporal needs ids of its
own, in tracers too that were made before its plugin.
"""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator


class ReplaceableIds(RandomIdGenerator):
    """An id generator that asks another one."""

    def __init__(self, source: IdGenerator | None = None) -> None:
        self.source = source or RandomIdGenerator()

    def generate_span_id(self) -> int:
        """An id of 64 bits."""
        return self.source.generate_span_id()

    def generate_trace_id(self) -> int:
        """An id of 128 bits."""
        return self.source.generate_trace_id()
