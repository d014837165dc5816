"""Bundles written from spans, logs and contents, to a stream that cannot be sought."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from tracefoundry import __version__
from tracefoundry.bundle import signature
from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.chunks import LineChunks
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.identity import root_of
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.members import (
    FORMAT,
    MANIFEST,
    MAX_TRACES,
    README,
    SIGNATURE,
    VERSION,
    VIEWER,
    Counts,
    Manifest,
    Member,
    Producer,
    RedactionNote,
    TraceFacts,
    plain,
)
from tracefoundry.bundle.payload_members import write_payloads
from tracefoundry.bundle.payload_spool import PayloadSpool
from tracefoundry.bundle.readme import readme
from tracefoundry.bundle.record_writer import RecordWriter, Standing, StandingOf
from tracefoundry.bundle.viewer import viewer_html
from tracefoundry.bundle.zip_writer import Packed, SupportsWrite, ZipWriter, pack
from tracefoundry.model.payload import digest_of
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import rfc3339_microseconds

__all__ = ["BundleWriter", "ContentsOfTrace", "Standing", "StandingOf", "SupportsWrite"]

ContentsOfTrace = Callable[[TraceFacts, Collection[str]], Iterable[tuple[str, bytes]]]
"""Reads contents of a trace's payloads: called with at most a few thousand refs at a time, whose
standing is ``present``; gives each ref and its verified bytes, in any order."""

_REFS_AT_ONCE: Final = 4_000
_WAITING_MEMBERS: Final = 3
"""Members that are compressed while the next ones are encoded."""


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
        self._contents = contents
        self._redaction = redaction
        self._signing_key = signing_key
        self._members = _Members(out)
        self._records = RecordWriter(
            self._members.emit, payloads=contents is not None, json_copies=json_copies
        )
        self._traces = LineChunks("traces", self._members.emit)
        self._trace_count = 0
        self._last: tuple[str, str] | None = None
        self._spool = PayloadSpool(spool_folder)

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
        key = (trace.trace_id, trace.project)
        if self._last is not None and key <= self._last:
            raise BundleError("traces must come by (trace id, project), each once")
        self._last = key
        self._trace_count += 1
        if self._trace_count > MAX_TRACES:
            raise BundleError(f"a bundle has at most {MAX_TRACES:,} traces; export fewer at a time")
        records = self._records
        records.begin_trace(trace.trace_id, standing)
        for batch in spans:
            for span in batch:
                records.add_span(span)
            self._fetch(trace, at_least=_REFS_AT_ONCE)
        for some in logs:
            for log in some:
                records.add_log(log)
            self._fetch(trace, at_least=_REFS_AT_ONCE)
        counted = records.end_trace()
        self._fetch(trace, at_least=1)
        line = msgspec.structs.replace(
            trace, spans=counted.spans, logs=counted.logs, payloads=counted.payloads
        )
        self._traces.add(msgspec.json.encode(line))

    def finish(self, *, redaction: RedactionNote | None = None) -> Manifest:
        """Write payloads, manifest and signature, and end the file.

        Args:
            redaction: replaces what the constructor got, where the report is known only now.

        Raises:
            BundleError: the traces do not fit into one bundle.
        """
        note = redaction or self._redaction
        self._records.close()
        self._traces.close()
        payloads = write_payloads(self._spool, self._members.emit)
        self._spool.close()
        counts = Counts(self._trace_count, self._records.spans, self._records.logs, payloads)
        self._members.emit(README, readme(counts, note))
        self._members.emit(VIEWER, viewer_html())
        members = self._members.written()
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            root="",
            producer=Producer("tracefoundry", __version__),
            created=rfc3339_microseconds(self._records.latest_end_ns),
            counts=counts,
            redaction=note,
            source=self._records.source(),
            members=members,
        )
        root = root_of(((member.path, member.sha256) for member in members), plain(manifest))
        manifest = msgspec.structs.replace(manifest, root=root)
        content = canonical_json(plain(manifest))
        last = {MANIFEST: content}
        if self._signing_key is not None:
            last[SIGNATURE] = signature.sign(self._signing_key, root, content)
        self._members.finish(last)
        return manifest

    def close(self) -> None:
        """Give up the spool, also of a bundle that was not finished."""
        self._spool.close()
        self._members.close()

    def _fetch(self, trace: TraceFacts, *, at_least: int) -> None:
        """Spool the contents that the records written so far refer to."""
        if self._contents is None or len(self._records.wanted) < at_least:
            return
        refs = [ref for ref in self._records.wanted if digest_of(ref) not in self._spool]
        self._records.wanted.clear()
        for first in range(0, len(refs), _REFS_AT_ONCE):
            asked = set(refs[first : first + _REFS_AT_ONCE])
            for ref, content in self._contents(trace, sorted(asked)):
                if ref in asked:
                    asked.remove(ref)
                    self._spool.add(digest_of(ref), content)
            if asked:
                raise BundleError(
                    f"trace {trace.trace_id}: the content of {min(asked)} is not there any more;"
                    " export again"
                )


class _Members:
    """Compresses members in a thread beside the encoder, and writes them in order.

    Deflate runs outside the interpreter's lock, so that it takes the second core.
    """

    def __init__(self, out: SupportsWrite) -> None:
        self._zip = ZipWriter(out)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="bundle-deflate")
        self._waiting: deque[tuple[str, Future[Packed]]] = deque()
        self._written: list[Member] = []

    def emit(self, name: str, content: bytes) -> None:
        """Take a finished member."""
        self._waiting.append((name, self._threads.submit(pack, content)))
        while len(self._waiting) > _WAITING_MEMBERS:
            self._write_first()

    def written(self) -> list[Member]:
        """All members so far, by path."""
        while self._waiting:
            self._write_first()
        return sorted(self._written, key=lambda member: member.path)

    def finish(self, last: dict[str, bytes]) -> None:
        """Write the members that stand last, uncompressed, and end the file."""
        for name, content in last.items():
            self._zip.write(name, pack(content, compress=False))
        self._zip.finish()
        self.close()

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(cancel_futures=True)

    def _write_first(self) -> None:
        name, future = self._waiting.popleft()
        packed = future.result()
        self._zip.write(name, packed)
        self._written.append(Member(name, packed.size, packed.sha256, packed.deflated_sha256))
