"""The answer of an import."""

from __future__ import annotations

import msgspec

from tracefoundry.schemas.spans import RedactionCount


class ImportNotes(msgspec.Struct, frozen=True):
    """What the import changed.

    Attributes:
        redactions: what it took out, by rule.
        notes: what it left out, in sentences.
    """

    redactions: list[RedactionCount]
    notes: list[str]


class ImportAnswer(msgspec.Struct, frozen=True):
    """What an import stored.

    Attributes:
        traces, spans, logs: new ones.
        payloads: contents that the file brought along for them.
        already_present: traces that had been imported before, with the same content.
    """

    traces: int
    spans: int
    logs: int
    payloads: int
    already_present: int
    report: ImportNotes
