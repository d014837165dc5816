"""Bundles read: a strict check of the file on opening, then its parts as streams."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeVar

import msgspec

from tracefoundry.bundle.errors import UNREADABLE, NotABundle
from tracefoundry.bundle.manifest import read_manifest
from tracefoundry.bundle.members import (
    MAX_CHUNK_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE,
    Manifest,
    Member,
    MemberKind,
    SpanFacts,
    TraceFacts,
    kind_of,
    numbered,
)
from tracefoundry.bundle.payload_reader import PayloadReader
from tracefoundry.bundle.payload_refs import RefReader
from tracefoundry.bundle.zip_reader import ZipReader
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.otlp import protobuf
from tracefoundry.otlp.decoded import BodyLimits, Decoded, TooLarge, Undecodable

_LIMITS: Final = BodyLimits(records=400_000, parts=5_000_000, values=2_000_000)
"""A chunk may hold more small parts than one body that was sent; 8 MiB bound them."""

_LINES_BYTES: Final = 256 * 1024
"""Lines are decoded so many bytes at a time."""

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")

Line = TypeVar("Line", TraceFacts, SpanFacts)
Record = TypeVar("Record", Span, LogRecord)


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
        self._opened: BinaryIO | None = file.open("rb") if isinstance(file, Path) else None
        try:
            self.zip = ZipReader(self._opened or file)  # type: ignore[arg-type]  # one is a file
            self.manifest, self.manifest_bytes = read_manifest(self.zip)
        except BaseException:
            self.close()
            raise
        self._members = {member.path: member for member in self.manifest.members}
        self._log_lines: int | None = None
        """How many lines of facts are about log records, once all were read."""
        self._payloads = PayloadReader(self._members, self.content)

    def traces(self) -> Iterator[TraceFacts]:
        """The traces, by (trace id, project)."""
        before = ("", "")
        for trace, member in self._lines("traces", TraceFacts):
            key = (trace.trace_id, trace.project)
            if key <= before:
                raise NotABundle("its traces are not sorted, or one stands twice", member=member)
            if _TRACE_ID.fullmatch(trace.trace_id) is None or min(trace.spans, trace.logs) < 0:
                raise NotABundle("has a trace with a false id or number", member=member)
            before = key
            yield trace

    def spans(self) -> Iterator[list[Span]]:
        """All spans, a chunk at a time, trace by trace in the order of :meth:`traces`. Refs are
        entries of ``Span.payloads`` again; ``genai`` is not derived."""
        for chunk in self.spans_with_facts():
            yield [span for span, _ in chunk]

    def logs(self) -> Iterator[list[LogRecord]]:
        """All log records, as :meth:`spans`."""
        for chunk in self.logs_with_facts():
            yield [log for log, _ in chunk]

    def spans_with_facts(self) -> Iterator[list[tuple[Span, SpanFacts | None]]]:
        """:meth:`spans`, each with its line of facts, which has the states at the export."""
        facts = _FactsInOrder(self.traces(), self._lines("facts", SpanFacts), of_spans=True)
        for member, content in self._chunks("spans"):
            decoded = _decoded(protobuf.decode_traces, content, member)
            refs, chunk = RefReader(), []
            for span in decoded.spans:
                line = facts.of(span, span.start_time_ns, member)
                chunk.append((refs.span(span, line, member), line))
            yield chunk
        facts.check_end()
        self._log_lines = facts.of_others

    def logs_with_facts(self) -> Iterator[list[tuple[LogRecord, SpanFacts | None]]]:
        """:meth:`logs`, each with its line of facts."""
        # The facts of spans need not be read again only to pass over them.
        lines = iter(()) if self._log_lines == 0 else self._lines("facts", SpanFacts)
        facts = _FactsInOrder(self.traces(), lines, of_spans=False)
        for member, content in self._chunks("logs"):
            decoded = _decoded(protobuf.decode_logs, content, member)
            refs, chunk = RefReader(), []
            for log in decoded.logs:
                line = facts.of(log, log.time_ns, member)
                chunk.append((refs.log(log, line, member), line))
            yield chunk
        facts.check_end()

    def payload(self, sha256: str) -> bytes | None:
        """One payload, verified; None if the bundle does not hold it."""
        return self._payloads.one(sha256)

    def payloads(self) -> Iterator[tuple[str, bytes]]:
        """All payloads as (sha256, content), verified, by sha256."""
        return self._payloads.all()

    def has_payloads(self) -> bool:
        """Whether the bundle was exported with payloads (and there were any)."""
        return self.manifest.counts.payloads > 0

    def signature(self) -> bytes | None:
        """The content of the signature; None if the bundle is not signed."""
        if SIGNATURE not in self.zip.entries:
            return None
        return self.zip.content(SIGNATURE, MAX_SIGNATURE_BYTES)

    def content(self, member: Member, most_bytes: int = MAX_CHUNK_BYTES) -> bytes:
        """A whole member, checked against the manifest."""
        content = self.zip.content(member.path, most_bytes)
        if hashlib.sha256(content).hexdigest() != member.sha256:
            raise NotABundle("its SHA-256 is not that of the manifest", member=member.path)
        return content

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _chunks(self, kind: MemberKind) -> Iterator[tuple[str, bytes]]:
        """The numbered members of a kind, which must have no gaps."""
        count = sum(1 for path in self._members if kind_of(path) == kind)
        for number in range(count):
            member = self._members.get(numbered(kind, number))
            if member is None:
                raise NotABundle(
                    "is missing among its numbered members", member=numbered(kind, number)
                )
            yield member.path, self.content(member)

    def _lines(self, kind: MemberKind, line_type: type[Line]) -> Iterator[tuple[Line, str]]:
        decoder = msgspec.json.Decoder(line_type)
        for member, content in self._chunks(kind):
            if not content.endswith(b"\n"):
                raise NotABundle("its last line has no end", member=member)
            start = 0
            while start < len(content):
                end = content.index(b"\n", min(start + _LINES_BYTES, len(content)) - 1) + 1
                try:
                    lines = decoder.decode_lines(memoryview(content)[start:end])
                except UNREADABLE as error:
                    raise NotABundle(
                        f"has a line that cannot be read: {error}", member=member
                    ) from None
                if len(lines) != content.count(b"\n", start, end):
                    raise NotABundle("has an empty line", member=member)
                for line in lines:
                    yield line, member
                start = end


class _FactsInOrder:
    """Joins spans, or log records, with their traces and their lines of facts, in one pass."""

    def __init__(
        self,
        traces: Iterator[TraceFacts],
        facts: Iterator[tuple[SpanFacts, str]],
        *,
        of_spans: bool,
    ) -> None:
        self._traces = traces
        self._of_spans = of_spans
        self._facts = self._of_kind(facts)
        self.of_others = 0
        """Lines about log records passed over on behalf of spans, or the other way round."""
        self._next = next(self._facts, None)
        self._trace_id, self._trace_bytes = "", b""
        self._index = -1
        self._left = 0

    def of(self, record: Span | LogRecord, time_ns: int, member: str) -> SpanFacts | None:
        """The facts of the next record.

        Raises:
            NotABundle: it is not of the trace whose turn it is.
        """
        while not self._left:
            trace = next(self._traces, None)
            if trace is None:
                raise NotABundle("has more records than the traces tell", member=member)
            self._trace_id, self._index = trace.trace_id, -1
            self._trace_bytes = bytes.fromhex(trace.trace_id)
            self._left = trace.spans if self._of_spans else trace.logs
        self._left -= 1
        self._index += 1
        if record.trace_id != self._trace_bytes:
            raise NotABundle("has records of another trace than it should", member=member)
        if self._next is None:
            return None
        line, of_facts = self._next
        if line.index != self._index or line.trace_id != self._trace_id:
            return None
        told = line.start_time_ns if self._of_spans else line.time_ns
        if (line.span_id, told) != (record.span_id.hex(), str(time_ns)):
            raise NotABundle("has a line that is not about the record it names", member=of_facts)
        self._next = next(self._facts, None)
        return line

    def _of_kind(self, facts: Iterator[tuple[SpanFacts, str]]) -> Iterator[tuple[SpanFacts, str]]:
        for both in facts:
            if (both[0].time_ns is None) == self._of_spans:
                yield both
            else:
                self.of_others += 1

    def check_end(self) -> None:
        """Raise if a trace or a line of facts has no record."""
        if self._next is not None:
            raise NotABundle("has a line about no record", member=self._next[1])
        for trace in self._traces:
            self._left += trace.spans if self._of_spans else trace.logs
        if self._left:
            raise NotABundle(f"{self._left:,} records that the traces tell are not in the bundle")


def _decoded(
    decode: Callable[[bytes, BodyLimits], Decoded], content: bytes, member: str
) -> Decoded:
    try:
        decoded = decode(content, _LIMITS)
    except (Undecodable, TooLarge) as error:
        raise NotABundle(f"is no OTLP: {error}", member=member) from None
    if decoded.rejected_total or decoded.other_logs:
        what: Any = (
            decoded.rejected[0].detail if decoded.rejected else "a log that is no GenAI event"
        )
        raise NotABundle(f"has a record that is refused: {what}", member=member)
    return decoded
