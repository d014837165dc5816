"""Bundles read: a strict check of the file on opening, then its parts as streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from tracefoundry.bundle.members import Manifest, SpanFacts, TraceFacts
from tracefoundry.model.span import LogRecord, Span


class Bundle:
    """A bundle, opened from a path or a file that can be sought (closed only if opened here).

    Every byte is checked against the manifest when it is read. Whoever stores what he reads calls
    :func:`tracefoundry.bundle.verification.verify` first, which proves the whole.

    Raises:
        NotABundle: on opening, and by every method, for a file that breaks the rules.
        OSError: the file cannot be read.
    """

    manifest: Manifest

    def __init__(self, file: Path | BinaryIO) -> None:
        raise NotImplementedError

    def traces(self) -> Iterator[TraceFacts]:
        """The traces, by (trace id, project)."""
        raise NotImplementedError

    def spans(self) -> Iterator[list[Span]]:
        """All spans, a chunk at a time, trace by trace in the order of :meth:`traces`. Refs are
        entries of ``Span.payloads`` again; ``genai`` is not derived."""
        raise NotImplementedError

    def logs(self) -> Iterator[list[LogRecord]]:
        """All log records, as :meth:`spans`."""
        raise NotImplementedError

    def spans_with_facts(self) -> Iterator[list[tuple[Span, SpanFacts | None]]]:
        """:meth:`spans`, each with its line of facts, which has the states at the export."""
        raise NotImplementedError

    def logs_with_facts(self) -> Iterator[list[tuple[LogRecord, SpanFacts | None]]]:
        """:meth:`logs`, each with its line of facts."""
        raise NotImplementedError

    def payload(self, sha256: str) -> bytes | None:
        """One payload, verified; None if the bundle does not hold it."""
        raise NotImplementedError

    def payloads(self) -> Iterator[tuple[str, bytes]]:
        """All payloads as (sha256, content), verified, by sha256."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file, if it was opened here."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
