"""The writer: the steps of a commit over dicts, and :class:`store.commit.Committer` above them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobKey, BlobRow, PayloadRows
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.store.api import CommitResult, PreparedLog, PreparedSpan, Writer
from tracefoundry.store.commit import Committer
from tracefoundry.store.event_views import views_by_span
from tracefoundry.store.memory.rows import log_row, resource_of, scope_of, span_row
from tracefoundry.store.memory.tables import (
    Memory,
    SpanRow,
    Tables,
    TraceRow,
    remove,
    usage_of_day,
)
from tracefoundry.store.preparation import Preparation
from tracefoundry.store.recompute import recompute_deferred
from tracefoundry.store.records import ProjectRecord, ProjectUsage, StoredLog, StoredTrace
from tracefoundry.store.transaction import (
    Backend,
    DictionaryKey,
    ExistingTrace,
    ListPart,
    LogKey,
    RefRow,
    RowRefused,
    SpanKey,
    Transaction,
    UsageRow,
    log_key,
    span_key,
)

_Result = TypeVar("_Result")


class MemoryWriter:
    """See :class:`tracefoundry.store.api.Writer`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._committer = Committer(self)
        self._preparation = Preparation(span_row, log_row)

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        return self._preparation.span(project_id, span)

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        return self._preparation.log(project_id, log)

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        return self._committer.commit(spans, logs, payloads, metered=metered)

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        blobs = self._memory.tables.blobs
        return {ref: blobs[key].depth for ref in refs if (key := (project_id, ref, day)) in blobs}

    def projects(self) -> dict[str, ProjectRecord]:
        return {project.name: project for project in self._memory.tables.projects.values()}

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        return usage_of_day(self._memory.tables, day)

    def maintain(self, now_ns: int) -> None:
        """Remove tombstones that are over; there are no partitions to make."""
        with self._memory.changing() as tables:
            tables.tombstones = {
                key: stone
                for key, stone in tables.tombstones.items()
                if stone.keep_until_ns > now_ns
            }

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        with self._memory.changing() as tables:
            return recompute_deferred(MemoryTransaction(tables), now_ns)

    def close(self) -> None:
        """There is no connection."""

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run the steps of a commit; see :class:`tracefoundry.store.transaction.Backend`."""
        with self._memory.changing() as tables:
            return work(MemoryTransaction(tables))


class MemoryTransaction:
    """The steps of a commit. Nothing needs a lock of its own: the tables are this transaction's."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._spans = tables.spans
        self._logs = tables.logs

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None:
        for key, resource in rows:
            self._tables.resources.setdefault(key, resource_of(key[1], resource))
            self._tables.resource_days[key] = day

    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None:
        for key, scope in rows:
            self._tables.scopes.setdefault(key, scope_of(key[1], scope))
            self._tables.scope_days[key] = day

    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        new = {blob.key: blob for blob in blobs if blob.key not in self._tables.blobs}
        self._tables.blobs.update(new)
        return set(new)

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        return self._tables.blobs.keys() & set(keys)

    def put_list_parts(self, rows: Sequence[ListPart]) -> None:
        self._tables.list_parts.update(rows)

    def put_refs(self, rows: Sequence[RefRow]) -> None:
        self._tables.refs.update(rows)

    def add_usage(self, rows: Sequence[UsageRow]) -> None:
        for project, day, _, spans, content_bytes in rows:
            before = self._tables.usage.get((project, day), ProjectUsage(0, 0))
            self._tables.usage[project, day] = ProjectUsage(
                before.spans + spans, before.content_bytes + content_bytes
            )

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        present = []
        for position, span in enumerate(spans):
            if not isinstance(span.row, SpanRow):
                raise RowRefused("the span was not prepared for this store")
            key = span_key(span)
            if key in self._spans:
                present.append(position)
            else:
                self._spans[key] = span.row
        return present

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        stored = self._tables.spans
        return {
            key: (stored[key].digest, stored[key].shown.policy_version)
            for key in keys
            if key in stored
        }

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        present = []
        for position, log in enumerate(logs):
            if not isinstance(log.row, StoredLog):
                raise RowRefused("the log record was not prepared for this store")
            key = log_key(log)
            if key in self._logs:
                present.append(position)
            else:
                self._logs[key] = log.row
        return present

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        existing = {}
        for key, summary in summaries:
            row = self._tables.traces.get(key)
            if row is None:
                stored = StoredTrace(*key, "otlp", None, summary, False, False)
                self._tables.traces[key] = TraceRow(stored, now_ns)
                continue
            if row.stored.import_day is not None:
                existing[key] = _state(row)
                continue
            before = row.stored.summary
            grown = msgspec.structs.replace(
                before,
                span_count=before.span_count + summary.span_count,
                error_count=before.error_count + summary.error_count,
                start_time_ns=min(before.start_time_ns, summary.start_time_ns),
                last_start_ns=max(before.last_start_ns, summary.last_start_ns),
                end_time_ns=max(before.end_time_ns, summary.end_time_ns),
            )
            stored = msgspec.structs.replace(row.stored, summary=grown)
            self._tables.traces[key] = TraceRow(stored, row.recomputed_at_ns)
            existing[key] = _state(self._tables.traces[key])
        return existing

    def lock_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, ExistingTrace]:
        """No other transaction runs beside this one: finding them is enough."""
        traces = self._tables.traces
        return {key: _state(traces[key]) for key in keys if key in traces}

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        views = {key: views_by_span(self._tables.logs_of(key)) for key in keys}
        return {key: of_trace for key, of_trace in views.items() if of_trace}

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        return {key: self._tables.run_starts_of(key) for key in keys}

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        stones = self._tables.tombstones
        return {key for key in keys if key in stones and stones[key].keep_until_ns > now_ns}

    def remove_spans(self, keys: Sequence[SpanKey]) -> None:
        remove(self._tables.spans, keys)

    def remove_logs(self, keys: Sequence[LogKey]) -> None:
        remove(self._tables.logs, keys)

    def remove_traces(self, keys: Sequence[TraceKey]) -> None:
        remove(self._tables.traces, keys)

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return {key: self._tables.facts_of(key) for key in keys}

    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None:
        for key, summary in summaries:
            before = self._tables.traces[key].stored
            # Counts stay those of the spans that were inserted, as of a summary that is deferred.
            counted = msgspec.structs.replace(
                summary,
                span_count=before.summary.span_count,
                error_count=before.summary.error_count,
            )
            stored = msgspec.structs.replace(before, summary=counted, totals_pending=False)
            self._tables.traces[key] = TraceRow(stored, now_ns)

    def defer_recompute(self, keys: Sequence[TraceKey]) -> None:
        for key in keys:
            row = self._tables.traces[key]
            stored = msgspec.structs.replace(row.stored, totals_pending=True)
            self._tables.traces[key] = TraceRow(stored, row.recomputed_at_ns)

    def pending(self, before_ns: int, largest: int) -> dict[TraceKey, ExistingTrace]:
        return {
            key: _state(row)
            for key, row in self._tables.traces.items()
            if row.stored.totals_pending
            and row.stored.import_day is None
            and row.recomputed_at_ns <= before_ns
            and row.stored.summary.span_count <= largest
        }


def _state(row: TraceRow) -> ExistingTrace:
    stored = row.stored
    summary = stored.summary
    return ExistingTrace(
        summary.span_count,
        summary.start_time_ns,
        row.recomputed_at_ns,
        stored.missing_expired,
        summary.last_started_ns is not None,
        stored.import_day is not None,
    )


if TYPE_CHECKING:
    _writer: type[Writer] = MemoryWriter
    _backend: type[Backend] = MemoryWriter
    _transaction: type[Transaction] = MemoryTransaction
