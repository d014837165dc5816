"""Attributes as real libraries wrote them, recorded against a model server on the own machine.

Each file under ``recorded/`` names the library and its version. Stack traces are shortened and the
server's address is replaced; nothing else is changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.view import GenAI

FOLDER = Path(__file__).parent / "recorded"


class RecordedEvent(msgspec.Struct):
    """A span event of a recording."""

    name: str
    attributes: dict[str, Any]


class RecordedSpan(msgspec.Struct):
    """A span of a recording."""

    name: str
    span_id: str
    parent_span_id: str
    start_time_ns: int
    scope: str
    status: str
    attributes: dict[str, Any]
    events: list[RecordedEvent]

    def view(self, *, start_time_ns: int | None = None) -> GenAI:
        """The derived view, which must exist."""
        found = registry.derive(
            self.attributes,
            self.events,
            self.scope,
            span_name=self.name,
            start_time_ns=start_time_ns,
        )
        assert found is not None
        return found


class RecordedLog(msgspec.Struct):
    """A log record of a recording."""

    event_name: str
    span_id: str
    attributes: dict[str, Any]
    body: Any


class Recording(msgspec.Struct):
    """What one run of a library sent."""

    library: str
    version: str
    spans: list[RecordedSpan]
    logs: list[RecordedLog]


def recording(name: str) -> Recording:
    """The recording of that file name."""
    raw = json.loads((FOLDER / f"{name}.json").read_text())
    return msgspec.convert(raw, Recording)
