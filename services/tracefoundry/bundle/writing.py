"""Bundles written from spans, logs and contents, to a stream that cannot be sought."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.members import BundledState, Manifest, RedactionNote, TraceFacts
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span


class SupportsWrite(Protocol):
    """Where the bundle goes: a file, or the body of a response."""

    def write(self, data: bytes, /) -> object: ...


class Standing(msgspec.Struct, frozen=True):
    """The state of a payload now, and when it expired (RFC 3339)."""

    state: BundledState
    expired_at: str | None = None


StandingOf = Callable[[Span | LogRecord, PayloadEntry], Standing]
"""Tells the present state of an entry of a record that is being written."""

ContentsOfTrace = Callable[[TraceFacts, Collection[str]], Iterable[tuple[str, bytes]]]
"""Reads contents of a trace's payloads: called with at most a few thousand refs at a time, whose
standing is ``present``; gives each ref and its verified bytes, in any order."""


class BundleWriter:
    """Writes a bundle; memory stays flat, whatever the number of spans and payloads.

    Args:
        contents: reads payloads; None for a bundle without them, in which refs must be keyed
            hashes (``hmac-sha256:``) already and ``present`` becomes ``excluded``.
        json_copies: whether spans are written as OTLP/JSON too.
        spool_folder: where payloads wait until all are known, in an unlinked file; the system's
            folder for temporary files by default.
        signing_key: signs the bundle.
    """

    def __init__(
        self,
        out: SupportsWrite,
        *,
        contents: ContentsOfTrace | None,
        redaction: RedactionNote,
        json_copies: bool = False,
        spool_folder: Path | None = None,
        signing_key: SigningKey | None = None,
    ) -> None:
        raise NotImplementedError

    def add_trace(
        self,
        trace: TraceFacts,
        spans: Iterable[Sequence[Span]],
        logs: Iterable[Sequence[LogRecord]],
        *,
        standing: StandingOf | None = None,
    ) -> None:
        """Write a trace. Traces come by (trace id, project), spans by start and span id, logs by
        time and span id.

        Args:
            trace: its numbers of spans, logs and payloads are counted here.
            standing: present states; by default those at storing (all ``present`` are there).

        Raises:
            BundleError: another order, more than a bundle may hold, or content is not there.
        """
        raise NotImplementedError

    def finish(self, *, redaction: RedactionNote | None = None) -> Manifest:
        """Write payloads, manifest and signature, and end the file.

        Args:
            redaction: replaces what the constructor got, where the report is known only now.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give up the spool, also of a bundle that was not finished."""
        raise NotImplementedError
