"""Importing traces from files: what a store promises about it.

An import is staged and then published. Staged rows are durable and invisible: nothing reads the
spans of a trace that has no row in ``traces``. :meth:`ImportRun.publish` adds those rows for all
traces of the import in one transaction. A process that is killed before leaves rows that nothing
shows; the next import removes them, and so does retention.

Imported spans and logs are kept apart from those that came over OTLP. They and their payloads
belong to the day of the import, from which retention counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.summary import TraceKey

if TYPE_CHECKING:
    from tracefoundry.store.api import PreparedLog, PreparedSpan

ImportSource = Literal["bundle_import", "file_import"]

OFFLINE: str = "offline"
"""The environment of imported traces."""

MOST_TRACES = 100_000
"""Most traces of one import."""


@dataclass(slots=True)
class Published:
    """What became of an import.

    Attributes:
        traces: the traces that are new.
        present: traces that were imported before with the same content; nothing changed.
        without_spans: traces of which the file had logs only. They are not stored.
        spans: spans stored.
        logs: log records stored.
    """

    traces: list[TraceKey] = field(default_factory=list)
    present: list[TraceKey] = field(default_factory=list)
    without_spans: list[TraceKey] = field(default_factory=list)
    spans: int = 0
    logs: int = 0


class ImportRun(Protocol):
    """One import. One thread uses it at a time.

    Attributes:
        day: the day of the import, since the epoch in UTC: under it payloads are to be stored.
    """

    day: int

    def admit(self, keys: Collection[TraceKey]) -> frozenset[TraceKey]:
        """Say which traces come; returns those of all admitted ones that were imported before.

        Of these nothing is stored: what is staged of them is compared with what is there.

        Raises:
            ImportConflict: a trace of this id is there that came over OTLP.
            ImportRefused: there are too many traces.
            StoreUnavailable: the store cannot answer.
        """
        ...

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        """Encode a span for staging."""
        ...

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        """Encode a log record for staging."""
        ...

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        """As :meth:`tracefoundry.store.api.Writer.stored_payloads`."""
        ...

    def stage(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        payloads: PayloadRows | None = None,
    ) -> None:
        """Store rows of admitted traces, durable and invisible, in one transaction. Of spans with
        one key the first stays. ``payloads`` records what is in the object store already.

        Raises:
            ImportRefused: the database can never take one of the rows.
            PayloadsGone: nothing was stored; payloads must be looked up and stored again.
            StoreUnavailable: nothing was stored; the same call may succeed later.
        """
        ...

    def publish(self, source: ImportSource) -> Published:
        """Make all that was staged visible, in one transaction. Tombstones of these traces go.

        Raises:
            ImportConflict: another trace of one of these ids is there; nothing became visible.
            StoreUnavailable: nothing became visible.
        """
        ...


class Imports(Protocol):
    """Opens imports, one at a time."""

    def open(self, now_ns: int) -> AbstractContextManager[ImportRun]:
        """Begin an import; what earlier ones left behind is removed first. What is staged and not
        published when the block ends is removed.

        Raises:
            AnotherProcess: another import is at work.
            StoreUnavailable: the store cannot answer.
        """
        ...

    def remove_leftovers(self) -> int:
        """Remove what interrupted imports have left behind; returns of how many traces. 0 while an
        import is at work."""
        ...
