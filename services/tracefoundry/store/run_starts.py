"""Starts of agent runs as they are read back from stored log records.

Every store reads the same of a record: its span id, time, attributes and what it says about its
span, and the service and environment of its resource.
"""

from __future__ import annotations

import orjson

from tracefoundry.model.run_starts import RunStart, run_start
from tracefoundry.store.records import EVENT_VIEW

MOST_RUN_STARTS = 10_000
"""Most starts of runs that are read of one trace; the latest ones."""


def read_run_start(
    span_id: bytes,
    time_ns: int,
    attributes: str,
    genai: str | None,
    service: str | None,
    environment: str | None,
) -> RunStart:
    """The start of a run from the row of its event."""
    view = None if genai is None else EVENT_VIEW.decode(genai)
    return run_start(span_id, time_ns, orjson.loads(attributes), view, service, environment)
