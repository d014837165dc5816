"""What an import is asked for, what it answers, and why it may refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tracefoundry.redaction.engine import Redactor

RefusalCode = Literal["unknown_project", "ambiguous_trace", "weaker_redaction", "no_room"]

STRICTNESS = ("off", "standard", "strict")
"""Redaction modes, the weakest first."""


class ImportNotPossible(Exception):
    """The file is good and cannot be imported as asked; nothing was stored.

    Attributes:
        code: what is in the way.
        remedy: what the caller can do.
    """

    def __init__(self, code: RefusalCode, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """A project that traces may be imported into.

    Attributes:
        mode: the redaction mode that the project has.
        redactor: makes what applies its policy.
    """

    project_id: int
    name: str
    mode: str
    redactor: Callable[[], Redactor]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How to import.

    Attributes:
        projects: by name, those that the caller may import into.
        project: puts all traces into this one; else they go where the file says.
        redact: apply the redaction policy of the project to a bundle; a file of another platform
            is always redacted.
    """

    projects: Mapping[str, ImportTarget]
    project: str | None = None
    redact: bool = False

    def target(self, name: str) -> ImportTarget:
        """Where traces of a project of this name go.

        Raises:
            ImportNotPossible: there is no such project here.
        """
        wanted = self.project or name
        found = self.projects.get(wanted)
        if found is None:
            remedy = (
                "Name a project that exists with project=, or create it."
                if self.project
                else "Name a project for all traces with project=, or create this one first."
            )
            shown = wanted[:63]
            raise ImportNotPossible("unknown_project", f"there is no project {shown!r}", remedy)
        return found


@dataclass(slots=True)
class ImportReport:
    """What an import stored.

    Attributes:
        traces, spans, logs: new ones.
        payloads: distinct contents that the file brought along for them.
        already_present: traces that had been imported before, with the same content.
        redactions: what the import took out, by rule.
        notes: what was left out or changed, in sentences.
    """

    traces: int = 0
    spans: int = 0
    logs: int = 0
    payloads: int = 0
    already_present: int = 0
    redactions: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
