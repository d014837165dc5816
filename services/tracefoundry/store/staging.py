"""An import, step by step: the rules that do not depend on the database.

Rows are staged in transactions of their own, each of which names its traces in ``staged_imports``.
Publishing works out the summaries of all traces from what is stored, and then, in one transaction,
inserts their rows in ``traces``, lifts tombstones and removes the names from ``staged_imports``. So
a name that is left there, while no import is at work, is of an import that was interrupted.

A trace that was imported before is not staged again: only its digest is taken. The digest of a
trace is the SHA-256 over the digests of its spans and logs in the order in which they came.

Beside writers of spans this is safe: an import writes to tables of its own, takes the rows of
``traces`` only in the last transaction, and a writer refuses spans of a trace that it finds to be
imported. On SQLite each transaction is as short as a commit of ingest, so that both get their turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Protocol, TypeVar

import msgspec

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Resource, Scope, Span, StatusCode
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary, summarise
from tracefoundry.model.times import day_of
from tracefoundry.store.api import (
    ImportConflict,
    ImportRefused,
    PreparedLog,
    PreparedSpan,
    StoreUnavailable,
)
from tracefoundry.store.import_api import MOST_TRACES, OFFLINE, ImportSource, Published
from tracefoundry.store.insertion import record_blobs
from tracefoundry.store.recompute import LARGEST_RECOMPUTE_SPANS, staged_summaries
from tracefoundry.store.transaction import (
    DictionaryKey,
    RefRow,
    RowRefused,
    Transaction,
    log_key,
    span_key,
)

_Result = TypeVar("_Result")

GROUP_SPANS = 20_000
"""Spans of which summaries are worked out at once."""
FIRST_SPANS = 20_000
"""Of a trace that is too large for a summary: spans that its root, names and totals are taken
from."""
REMOVED_ROWS = 5_000
"""Rows that are removed in one transaction."""
REMOVED_TRACES = 200
"""Traces whose rows are removed in one transaction, if they are small."""
KNOWN_ENVELOPES = 20_000
"""Most resources and scopes that an import remembers as written."""

TAKEN_OVER = "the import lost its lock and its rows were removed; import the file again"


class StagedTrace(msgspec.Struct, frozen=True):
    """A row of ``staged_imports``."""

    project_id: int
    trace_id: bytes
    import_day: int
    started_at_ns: int

    @property
    def key(self) -> TraceKey:
        """The key of the trace."""
        return (self.project_id, self.trace_id)


class TraceToPublish(msgspec.Struct, frozen=True):
    """What a row of ``traces`` is made of."""

    key: TraceKey
    summary: TraceSummary
    source: ImportSource
    import_day: int
    original_environment: str | None
    import_digest: bytes
    totals_pending: bool


class ImportTransaction(Transaction, Protocol):
    """What a backend does inside one transaction of an import: the steps of a commit, whose spans
    and logs are the imported ones, and these."""

    def find_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, bytes | None]:
        """Traces that are there, with their import digest; None for those that came over OTLP."""
        ...

    def put_staged(self, rows: Sequence[StagedTrace]) -> None: ...
    def clear_staged(self, rows: Sequence[StagedTrace]) -> int:
        """Remove these rows, where they are still the same; returns how many."""
        ...

    def staged(self) -> list[StagedTrace]: ...
    def remove_rows(self, row: StagedTrace, limit: int) -> int:
        """Remove at most so many spans, logs and references to payloads each; returns how many
        rows went."""
        ...

    def first_facts(self, key: TraceKey, limit: int) -> list[SpanFacts]:
        """Facts about the first spans of a trace."""
        ...

    def publish(self, traces: Sequence[TraceToPublish], now_ns: int) -> int:
        """Insert rows of traces that have none, and lift tombstones; returns how many."""
        ...


class ImportBackend(Protocol):
    """A database that can run the steps. ``prepare_*`` and ``stored_payloads`` are those of
    :class:`tracefoundry.store.import_api.ImportRun`."""

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan: ...
    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog: ...
    def stored_payloads(
        self, project_id: int, day: int, refs: Sequence[bytes]
    ) -> dict[bytes, int]: ...
    def run_import(self, work: Callable[[ImportTransaction], _Result]) -> _Result:
        """Run work in one durable transaction, which may be tried again."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Trace:
    """What an import knows of one of its traces."""

    row: StagedTrace
    spans_digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    logs_digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    spans: int = 0
    errors: int = 0
    logs: int = 0
    first_start_ns: int = 2**63 - 1
    last_start_ns: int = 0
    end_ns: int = 0
    stored: bool = False
    """Whether its row of ``staged_imports`` is there."""

    def digest(self) -> bytes:
        """The digest of its content."""
        both = self.spans_digest.digest() + self.logs_digest.digest()
        return hashlib.sha256(both).digest()

    def count(self, span: Span) -> None:
        """Count a span that was stored."""
        self.spans += 1
        self.errors += span.status_code == StatusCode.ERROR
        self.first_start_ns = min(self.first_start_ns, span.start_time_ns)
        self.last_start_ns = max(self.last_start_ns, span.start_time_ns)
        self.end_ns = max(self.end_ns, span.end_time_ns)


class StagedImport:
    """See :class:`tracefoundry.store.import_api.ImportRun`."""

    def __init__(self, backend: ImportBackend, *, now_ns: int, day: int) -> None:
        self.day = day
        self._backend = backend
        self._now_ns = now_ns
        self._traces: dict[TraceKey, _Trace] = {}
        self._present: dict[TraceKey, bytes] = {}
        self._resources: set[DictionaryKey] = set()
        self._scopes: set[DictionaryKey] = set()
        self.prepare_span = backend.prepare_span
        self.prepare_log = backend.prepare_log
        self.stored_payloads = backend.stored_payloads

    def admit(self, keys: Collection[TraceKey]) -> frozenset[TraceKey]:
        """Say which traces come; returns those that were imported before."""
        new = sorted(set(keys) - self._traces.keys())
        if new:
            if len(self._traces) + len(new) > MOST_TRACES:
                raise ImportRefused(
                    f"the file has more than {MOST_TRACES:,} traces: import it in parts"
                )
            found = self._backend.run_import(lambda tx: tx.find_traces(new))
            for (project_id, trace_id), digest in found.items():
                if digest is None:
                    raise ImportConflict(project_id, trace_id, live=True)
                self._present[project_id, trace_id] = digest
            for project_id, trace_id in new:
                row = StagedTrace(project_id, trace_id, self.day, self._now_ns)
                self._traces[project_id, trace_id] = _Trace(row)
        return frozenset(self._present)

    def stage(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        payloads: PayloadRows | None = None,
    ) -> None:
        """Store rows of admitted traces in one transaction."""
        new_spans = self._digested_spans(spans)
        new_logs = self._digested_logs(logs)
        by_span = {span_key(span): span for span in reversed(new_spans)}
        by_log = {log_key(log): log for log in reversed(new_logs)}
        span_rows = [by_span[key] for key in sorted(by_span)]
        log_rows = [by_log[key] for key in sorted(by_log)]
        keys: set[TraceKey] = set()
        resources: dict[DictionaryKey, Resource] = {}
        scopes: dict[DictionaryKey, Scope] = {}
        of_traces: set[RefRow] = set()
        rows: Iterator[tuple[PreparedSpan | PreparedLog, Span | LogRecord]] = chain(
            ((span, span.span) for span in span_rows), ((log, log.log) for log in log_rows)
        )
        for row, model in rows:
            project_id, trace_id = row.project_id, model.trace_id
            keys.add((project_id, trace_id))
            resources[project_id, row.resource_id] = model.resource
            scopes[project_id, row.scope_id] = model.scope
            for ref in row.refs:
                of_traces.add((project_id, trace_id, ref, self.day))
        names = [self._traces[key] for key in sorted(keys) if not self._traces[key].stored]
        refs = sorted(of_traces)

        def work(tx: ImportTransaction) -> tuple[set[int], set[int]]:
            if names:
                tx.put_staged([trace.row for trace in names])
            _put_new(tx.put_resources, resources, self._resources, self.day)
            _put_new(tx.put_scopes, scopes, self._scopes, self.day)
            if payloads is not None:
                record_blobs(tx, payloads)
            present = set(tx.insert_spans(span_rows)) if span_rows else set()
            present_logs = set(tx.insert_logs(log_rows)) if log_rows else set()
            if refs:
                tx.put_refs(refs)
            return present, present_logs

        try:
            present, present_logs = self._backend.run_import(work)
        except RowRefused as error:
            raise ImportRefused(
                f"the database cannot store one of the spans or logs of the file: {error}"
            ) from error
        for trace in names:
            trace.stored = True
        _remember(self._resources, resources)
        _remember(self._scopes, scopes)
        for position, span in enumerate(span_rows):
            if position not in present:
                self._traces[_trace_of(span)].count(span.span)
        for position, log in enumerate(log_rows):
            if position not in present_logs:
                self._traces[_trace_of(log)].logs += 1

    def _digested_spans(self, spans: Sequence[PreparedSpan]) -> list[PreparedSpan]:
        """Add spans to the digests of their traces; returns those of traces that are new."""
        new: list[PreparedSpan] = []
        for key, group in groupby(spans, key=_trace_of):
            rows = list(group)
            self._traces[key].spans_digest.update(b"".join(row.digest for row in rows))
            if key not in self._present:
                new += rows
        return new

    def _digested_logs(self, logs: Sequence[PreparedLog]) -> list[PreparedLog]:
        new: list[PreparedLog] = []
        for key, group in groupby(logs, key=_trace_of):
            rows = list(group)
            self._traces[key].logs_digest.update(b"".join(row.content_hash for row in rows))
            if key not in self._present:
                new += rows
        return new

    def publish(self, source: ImportSource) -> Published:
        """Make all that was staged visible."""
        result = Published(present=sorted(self._present))
        for key, digest in self._present.items():
            if self._traces[key].digest() != digest:
                raise ImportConflict(*key, live=False)
        new = {key: trace for key, trace in self._traces.items() if key not in self._present}
        to_publish: list[TraceToPublish] = []
        for key, summary in self._summaries(new):
            trace = new[key]
            to_publish.append(
                TraceToPublish(
                    key,
                    msgspec.structs.replace(summary, environment=OFFLINE),
                    source,
                    self.day,
                    summary.environment,
                    trace.digest(),
                    trace.spans > LARGEST_RECOMPUTE_SPANS,
                )
            )
            result.spans += trace.spans
            result.logs += trace.logs
        to_publish.sort(key=lambda trace: trace.key)
        result.traces = [trace.key for trace in to_publish]
        result.without_spans = sorted(new.keys() - set(result.traces))
        rows = [new[key].row for key in result.traces]

        def work(tx: ImportTransaction) -> None:
            still = tx.find_traces(sorted(self._present)) if self._present else {}
            if still != self._present:
                raise StoreUnavailable("traces were deleted during the import; import again")
            if tx.clear_staged(rows) < len(rows):
                raise StoreUnavailable(TAKEN_OVER)
            if tx.publish(to_publish, self._now_ns) < len(to_publish):
                keys = [trace.key for trace in to_publish]
                found = tx.find_traces(keys)
                # Those that were inserted just now have our digest.
                for trace in to_publish:
                    digest = found.get(trace.key)
                    if digest != trace.import_digest:
                        raise ImportConflict(*trace.key, live=digest is None)
                raise StoreUnavailable("another import stored the same traces; import again")

        if to_publish or self._present:
            self._backend.run_import(work)
        for key in result.traces:
            del self._traces[key]
        return result

    def _summaries(self, new: Mapping[TraceKey, _Trace]) -> Iterator[tuple[TraceKey, TraceSummary]]:
        """The summaries of all traces that have spans or the start of a run."""
        for group in _groups(new):
            if new[group[0]].spans > LARGEST_RECOMPUTE_SPANS:
                yield group[0], self._large_summary(new[group[0]])
                continue
            found = self._read_summaries(group)
            for key in group:
                count, summary = found.get(key, (0, None))
                if count != new[key].spans:
                    raise StoreUnavailable(TAKEN_OVER)
                if summary is not None:
                    yield key, summary

    def _read_summaries(
        self, keys: Sequence[TraceKey]
    ) -> dict[TraceKey, tuple[int, TraceSummary | None]]:
        return self._backend.run_import(lambda tx: staged_summaries(tx, keys))

    def _large_summary(self, trace: _Trace) -> TraceSummary:
        """The summary of a trace that is too large to be read back: exact counts and times, and
        else what its first spans tell."""
        key = trace.row.key
        facts = self._backend.run_import(lambda tx: tx.first_facts(key, FIRST_SPANS))
        return msgspec.structs.replace(
            summarise(facts, ()),
            span_count=trace.spans,
            error_count=trace.errors,
            start_time_ns=trace.first_start_ns,
            last_start_ns=trace.last_start_ns,
            end_time_ns=trace.end_ns,
        )

    def abandon(self) -> None:
        """Remove what was staged and not published."""
        remove_staged(self._backend, [one.row for one in self._traces.values() if one.stored])


def import_day(now_ns: int) -> int:
    """The day of an import that begins now."""
    return day_of(now_ns)


def remove_staged(backend: ImportBackend, rows: Sequence[StagedTrace] | None = None) -> int:
    """Remove rows that were staged and never published, in short transactions; returns of how many
    traces. None stands for all that are there."""
    left = list(backend.run_import(lambda tx: tx.staged()) if rows is None else rows)
    count = len(left)

    def work(tx: ImportTransaction) -> int:
        ours = set(tx.staged()) if rows is not None else set(left)
        removed = done = 0
        for row in left[:REMOVED_TRACES]:
            if row in ours:
                removed += tx.remove_rows(row, REMOVED_ROWS - removed)
                if removed >= REMOVED_ROWS:
                    break
                tx.clear_staged([row])
            done += 1
        return done

    while left:
        del left[: backend.run_import(work)]
    return count


def _groups(traces: Mapping[TraceKey, _Trace]) -> Iterator[list[TraceKey]]:
    """Traces in groups of bounded size; a large one is alone."""
    group: list[TraceKey] = []
    size = 0
    for key in sorted(traces):
        count = traces[key].spans
        if group and size + count > GROUP_SPANS:
            yield group
            group, size = [], 0
        group.append(key)
        size += count
    if group:
        yield group


def _trace_of(row: PreparedSpan | PreparedLog) -> TraceKey:
    return (row.project_id, _model(row).trace_id)


def _model(row: PreparedSpan | PreparedLog) -> Span | LogRecord:
    return row.span if isinstance(row, PreparedSpan) else row.log


_Envelope = TypeVar("_Envelope")


def _put_new(
    put: Callable[[Sequence[tuple[DictionaryKey, _Envelope]], int], None],
    rows: Mapping[DictionaryKey, _Envelope],
    known: Collection[DictionaryKey],
    day: int,
) -> None:
    new = [(key, rows[key]) for key in sorted(rows) if key not in known]
    if new:
        put(new, day)


def _remember(known: set[DictionaryKey], keys: Iterable[DictionaryKey]) -> None:
    if len(known) > KNOWN_ENVELOPES:
        known.clear()
    known.update(keys)
