"""Spans, log records and their facts, on their way into the chunks of a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from tracefoundry.bundle.chunks import Emit, LineChunks, OtlpChunks
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.json_chunks import JsonSpanChunks
from tracefoundry.bundle.members import (
    BundledState,
    MendedStrings,
    PayloadFacts,
    RedactionCount,
    Source,
    SpanFacts,
)
from tracefoundry.bundle.payload_refs import RefWriter, payload_facts
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Span

KEYED: Final = "hmac-sha256:"
_COMMIT_KEYS: Final = ("vcs.ref.head.revision", "vcs.repository.ref.revision", "git.commit.sha")
"""OpenTelemetry's attribute of a commit, its older name, and what is common beside them."""


class Standing(msgspec.Struct, frozen=True):
    """The state of a payload now, and when it expired (RFC 3339)."""

    state: BundledState
    expired_at: str | None = None


StandingOf = Callable[[Span | LogRecord, PayloadEntry], Standing]
"""Tells the present state of an entry of a record that is being written."""


class Counted(msgspec.Struct):
    """Numbers of one trace; ``payloads`` by state."""

    spans: int = 0
    logs: int = 0
    payloads: dict[BundledState, int] = {}


class RecordWriter:
    """Writes the records of one trace after another.

    Attributes:
        wanted: refs of contents that records need, in the order of their first use; the owner
            empties it.
        latest_end_ns: the latest end of a span.
    """

    def __init__(self, emit: Emit, *, payloads: bool, json_copies: bool) -> None:
        self._payloads = payloads
        self._spans = OtlpChunks("spans", emit)
        self._logs = OtlpChunks("logs", emit)
        self._facts = LineChunks("facts", emit)
        self._json = JsonSpanChunks(emit) if json_copies else None
        self._refs = RefWriter()
        self._standing: StandingOf = _stored_standing
        self._trace_id = ""
        self._counted = Counted()
        self._states: Counter[BundledState] = Counter()
        self._last_span = (-1, b"")
        self._equal_logs: list[tuple[bytes, LogRecord, LogRecord]] = []
        self._resource: Resource | None = None
        self._commits: set[str] = set()
        self._environments: set[str] = set()
        self.spans = 0
        self.logs = 0
        self.wanted: dict[str, None] = {}
        self.latest_end_ns = 0

    def begin_trace(self, trace_id: str, standing: StandingOf | None) -> None:
        """Start a trace."""
        self._trace_id = trace_id
        self._standing = standing or _stored_standing
        self._counted = Counted()
        self._states = Counter()
        self._last_span = (-1, b"")

    def add_span(self, span: Span) -> None:
        """Write a span.

        Raises:
            BundleError: it does not come by start and span id.
        """
        key = (span.start_time_ns, span.span_id)
        if key < self._last_span or span.trace_id.hex() != self._trace_id:
            raise BundleError(f"trace {self._trace_id}: spans must come by start and span id")
        self._last_span = key
        self._look_at(span.resource)
        written = self._refs.span(span)
        self._spans.add(written)
        if self._json is not None:
            self._json.add(written)
        self._add_facts(span, self._counted.spans)
        self._counted.spans += 1
        self.latest_end_ns = max(self.latest_end_ns, span.end_time_ns)

    def add_log(self, log: LogRecord) -> None:
        """Write a log record.

        Raises:
            BundleError: it does not come by time and span id.
        """
        if log.trace_id.hex() != self._trace_id:
            raise BundleError(f"trace {self._trace_id}: a log record of another trace")
        if self._equal_logs:
            last, key = self._equal_logs[-1][1], (log.time_ns, log.span_id)
            if key < (last.time_ns, last.span_id):
                raise BundleError(f"trace {self._trace_id}: logs must come by time and span id")
            if key > (last.time_ns, last.span_id):
                self._write_equal_logs()
        self._look_at(log.resource)
        written = self._refs.log(log)
        self._equal_logs.append((self._logs.encode(written), log, written))

    def end_trace(self) -> Counted:
        """Finish the trace; its numbers."""
        self._write_equal_logs()
        self._counted.payloads = {state: self._states[state] for state in sorted(self._states)}
        self.spans += self._counted.spans
        self.logs += self._counted.logs
        return self._counted

    def close(self) -> None:
        """Emit what has gathered."""
        self._spans.close()
        self._logs.close()
        self._facts.close()
        if self._json is not None:
            self._json.close()

    def source(self) -> Source:
        """Commit and environment, where all resources that tell one agree."""
        return Source(_only(self._commits), _only(self._environments))

    def _write_equal_logs(self) -> None:
        """Write log records of one time and span: databases have no order for them, so their
        bytes decide."""
        if len(self._equal_logs) > 1:
            self._equal_logs.sort(key=_content_order)
        for encoded, log, written in self._equal_logs:
            self._logs.add_encoded(written.resource, written.scope, encoded)
            self._add_facts(log, self._counted.logs)
            self._counted.logs += 1
        self._equal_logs = []

    def _add_facts(self, record: Span | LogRecord, index: int) -> None:
        mended = record.mended_strings or record.resource.mended_strings
        if not (record.payloads or record.redactions or mended or record.scope.mended_strings):
            return
        is_span = type(record) is Span
        time_ns = str(record.start_time_ns if isinstance(record, Span) else record.time_ns)
        facts = SpanFacts(
            trace_id=self._trace_id,
            span_id=record.span_id.hex(),
            start_time_ns=time_ns if is_span else None,
            time_ns=None if is_span else time_ns,
            index=index,
            payloads=tuple([self._facts_of(record, entry) for entry in record.payloads]),
            redactions=tuple([RedactionCount(rule, count) for rule, count in record.redactions]),
            mended_strings=MendedStrings(
                record.mended_strings, record.resource.mended_strings, record.scope.mended_strings
            ),
        )
        self._facts.add(msgspec.json.encode(facts))

    def _facts_of(self, record: Span | LogRecord, entry: PayloadEntry) -> PayloadFacts:
        standing = self._standing(record, entry)
        state, pointer = standing.state, entry.state == "reference"
        ref = entry.ref
        if not self._payloads:
            if state == "present":
                state = "dangling" if pointer else "excluded"
            if ref is not None and not pointer and not ref.startswith(KEYED):
                raise ValueError("a bundle without payloads needs keyed refs")
        elif state == "present" and ref is not None:
            self.wanted[ref] = None
        self._states[state] += 1
        return payload_facts(entry, state, standing.expired_at, pointer=pointer)

    def _look_at(self, resource: Resource) -> None:
        """Note commit and environment; two of either are enough to know that they differ."""
        if resource is self._resource:
            return
        self._resource = resource
        commit = next(
            (v for key in _COMMIT_KEYS if isinstance(v := resource.attributes.get(key), str)), None
        )
        if commit is not None and len(self._commits) < 2:
            self._commits.add(commit)
        if resource.environment is not None and len(self._environments) < 2:
            self._environments.add(resource.environment)


def _stored_standing(_record: Span | LogRecord, entry: PayloadEntry) -> Standing:
    """The state at storing, for callers that have no store to ask."""
    return Standing("dangling" if entry.state == "reference" else entry.state)


def _content_order(item: tuple[bytes, LogRecord, LogRecord]) -> tuple[bytes, bytes]:
    encoded, _, written = item
    return encoded, msgspec.json.encode([written.resource, written.scope])


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
