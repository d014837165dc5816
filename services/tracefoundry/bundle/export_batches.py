"""The records of a trace on their way into a bundle, a batch at a time.

Each batch is redacted again where today's policy is not the one that stored it, the present state
of each payload is looked up, and its contents are read before its spans are written: content that
cannot be read does not end an export, so the line of its span must be able to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracefoundry.bundle.export_contents import ContentReader
from tracefoundry.bundle.export_redaction import ExportRedaction
from tracefoundry.bundle.export_refs import with_keyed_refs
from tracefoundry.bundle.export_spool import ContentSpool
from tracefoundry.bundle.members import TraceFacts
from tracefoundry.bundle.writing import Standing
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import rfc3339_microseconds
from tracefoundry.store.api import Snapshot
from tracefoundry.store.payload_states import payload_now, states_of, stored_digest
from tracefoundry.store.records import PayloadStates, StoredTrace

BATCH_BYTES = 16 * 1024 * 1024
"""Contents that one batch may refer to, but for a single larger record."""
REMEMBERED_REFS = 100_000
"""Contents that went into the bundle already are not read again: so many of them are remembered."""

_Record = TypeVar("_Record", Span, LogRecord)
_Sizes = dict[int, dict[str, int]]
"""Sizes in bytes of contents to read, by day and ref."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedProject:
    """A project whose traces are exported.

    Attributes:
        name: its name.
        redaction: what is redacted on the way out.
        ref_key: hides its refs in an export without payloads; None in one with payloads.
    """

    name: str
    redaction: ExportRedaction
    ref_key: bytes | None


class TraceBatches:
    """Reads the traces of one export, one after the other. One instance serves one thread."""

    def __init__(self, snapshot: Snapshot, contents: ContentReader, spool: ContentSpool) -> None:
        self._snapshot = snapshot
        self._reader = contents
        self._spool = spool
        self._trace: StoredTrace
        self._project: ExportedProject
        self._given: set[str] = set()
        # By identity of the entry, which is kept alive with its standing. The writer may look at
        # the batch before the newest one.
        self._standings: dict[int, tuple[PayloadEntry, Standing]] = {}
        self._standings_before: dict[int, tuple[PayloadEntry, Standing]] = {}

    def begin_trace(self, trace: StoredTrace, project: ExportedProject) -> None:
        """Go on with another trace. What the writer did not ask for is forgotten."""
        self._trace, self._project = trace, project
        self._spool.clear()
        self._standings, self._standings_before = {}, {}

    def spans(self) -> Iterator[list[Span]]:
        """The spans of the trace as they leave, by start and span id."""
        chunks = self._snapshot.model_spans(self._trace)
        return self._leaving(chunks, self._project.redaction.spans, _start_of)

    def logs(self) -> Iterator[list[LogRecord]]:
        """The log records of the trace as they leave, by time and span id."""
        chunks = self._snapshot.model_logs(self._trace.project_id, self._trace.trace_id)
        return self._leaving(chunks, self._project.redaction.logs, _time_of)

    def standing(self, _record: Span | LogRecord, entry: PayloadEntry) -> Standing:
        """The present state of an entry of the newest batch, or of the one before it."""
        key = id(entry)
        return (self._standings.get(key) or self._standings_before[key])[1]

    def contents(self, _trace: TraceFacts, refs: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of refs of the trace that stand as ``present``."""
        waiting = {ref for ref in refs if ref in self._spool}
        yield from self._spool.take(waiting)
        for ref in sorted(set(refs) - waiting):
            content = self._any_copy(ref)
            if content is not None:
                yield ref, content

    def _leaving(
        self,
        chunks: Iterable[list[_Record]],
        redact: Callable[[Sequence[_Record], Mapping[str, bytes]], list[_Record]],
        time_of: Callable[[_Record], int],
    ) -> Iterator[list[_Record]]:
        trace, project = self._trace, self._project
        last: tuple[int, bytes] | None = None
        for chunk in chunks:
            for batch in _batches(chunk):
                days = [trace.payload_day(time_of(record)) for record in batch]
                states = states_of(self._snapshot, trace.project_id, batch, days)
                stored = self._contents_to_redact(batch, days, states)
                left = redact(batch, stored)
                # The writer holds back records of one time and span until all of them are there.
                if last != (time_of(batch[0]), batch[0].span_id):
                    self._standings_before, self._standings = self._standings, {}
                last = time_of(batch[-1]), batch[-1].span_id
                if project.ref_key is None:
                    absent = self._spool_contents(left, days, states)
                    self._note(left, days, states, absent)
                    yield left
                else:
                    keyed = [with_keyed_refs(record, project.ref_key) for record in left]
                    self._note(left, days, states, frozenset(), shown=keyed)
                    yield keyed

    def _contents_to_redact(
        self,
        batch: Sequence[Span | LogRecord],
        days: Sequence[int],
        states: PayloadStates,
    ) -> dict[str, bytes]:
        """The contents of records that are redacted again, as far as they can be read."""
        sizes: _Sizes = {}
        redaction = self._project.redaction
        if redaction.needs_contents:
            for record, day in zip(batch, days, strict=True):
                if not redaction.is_settled(record):
                    _add_present(sizes, record.payloads, day, states)
        return {ref: content for _, ref, content in self._read(sizes) if content is not None}

    def _spool_contents(
        self,
        left: Sequence[Span | LogRecord],
        days: Sequence[int],
        states: PayloadStates,
    ) -> frozenset[tuple[str, int]]:
        """Put the contents of a batch where the writer finds them. Returns the refs and days of
        those that cannot be read."""
        sizes: _Sizes = {}
        for record, day in zip(left, days, strict=True):
            for new in record.contents:
                self._put(new.ref, new.value)
            _add_present(sizes, record.payloads, day, states)
        for wanted in sizes.values():
            for ref in [ref for ref in wanted if self._is_given(ref)]:
                del wanted[ref]
        absent = set()
        for day, ref, content in self._read(sizes):
            if content is None:
                absent.add((ref, day))
            else:
                self._put(ref, content)
        absent |= self._spool_pointed(left, days, states)
        return frozenset(absent)

    def _spool_pointed(
        self, left: Sequence[Span | LogRecord], days: Sequence[int], states: PayloadStates
    ) -> set[tuple[str, int]]:
        """The same for contents that senders only point at; they may be stored on another day."""
        absent = set()
        for record, day in zip(left, days, strict=True):
            for entry in record.payloads:
                ref = entry.ref
                if entry.state != "reference" or ref is None or self._is_given(ref):
                    continue
                if stored_digest(ref) in states.anywhere:
                    content = self._any_copy(ref)
                    if content is None:
                        absent.add((ref, day))
                    else:
                        self._put(ref, content)
        return absent

    def _read(self, sizes: _Sizes) -> Iterator[tuple[int, str, bytes | None]]:
        for day, wanted in sorted(sizes.items()):
            if wanted:
                found = self._reader.read(self._trace.project_id, self._project.name, day, wanted)
                for ref, content in found:
                    yield day, ref, content

    def _any_copy(self, ref: str) -> bytes | None:
        return self._reader.read_any_copy(self._trace.project_id, self._project.name, ref)

    def _put(self, ref: str, content: bytes) -> None:
        if self._is_given(ref):
            return
        self._spool.put(ref, content)
        if len(self._given) < REMEMBERED_REFS:
            self._given.add(ref)

    def _is_given(self, ref: str) -> bool:
        return ref in self._given

    def _note(
        self,
        left: Sequence[_Record],
        days: Sequence[int],
        states: PayloadStates,
        absent: frozenset[tuple[str, int]],
        *,
        shown: Sequence[_Record] | None = None,
    ) -> None:
        """Remember the standing of each entry of a batch, under the entry that is written."""
        for record, day, written in zip(left, days, left if shown is None else shown, strict=True):
            new = {content.ref for content in record.contents}
            for entry, as_written in zip(record.payloads, written.payloads, strict=True):
                if entry.state == "present" and entry.ref in new:
                    standing = _PRESENT
                elif (entry.ref, day) in absent:
                    standing = Standing("dangling" if entry.state == "reference" else "missing")
                else:
                    standing = _standing(entry, day, states)
                self._standings[id(as_written)] = (as_written, standing)


_PRESENT = Standing("present")


def _standing(entry: PayloadEntry, day: int, states: PayloadStates) -> Standing:
    now = payload_now(entry.state, entry.ref, day, states)
    if now.state == "present":
        return _PRESENT
    expired = now.expired_at_ns
    return Standing(now.state, None if expired is None else rfc3339_microseconds(expired))


def _add_present(
    sizes: _Sizes, entries: Iterable[PayloadEntry], day: int, states: PayloadStates
) -> None:
    """Add the entries of ours that are stored now."""
    for entry in entries:
        if entry.state == "present" and entry.ref is not None:
            digest = stored_digest(entry.ref)
            if digest is not None and (digest, day) in states.previews:
                sizes.setdefault(day, {})[entry.ref] = entry.bytes or 0


def _batches(chunk: Sequence[_Record]) -> Iterator[list[_Record]]:
    batch: list[_Record] = []
    total = 0
    for record in chunk:
        size = sum(entry.bytes or 0 for entry in record.payloads)
        if batch and total + size > BATCH_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(record)
        total += size
    if batch:
        yield batch


def _start_of(span: Span) -> int:
    return span.start_time_ns


def _time_of(log: LogRecord) -> int:
    return log.time_ns
