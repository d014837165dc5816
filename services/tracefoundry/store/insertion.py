"""What one transaction of a commit does with its rows; ``store.commit`` says in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tracefoundry.model.event_facts import concerns_trace
from tracefoundry.model.payload import BlobKey, PayloadRows
from tracefoundry.model.run_starts import RunStart, start_of
from tracefoundry.model.summary import TraceKey, TraceSummary, facts_of, summarise
from tracefoundry.model.times import day_of
from tracefoundry.store.api import (
    CommitResult,
    PayloadsGone,
    PreparedLog,
    PreparedSpan,
    Refusal,
    RefusalReason,
)
from tracefoundry.store.recompute import recompute
from tracefoundry.store.records import ProjectUsage
from tracefoundry.store.transaction import ExistingTrace, Transaction, log_key, span_key
from tracefoundry.store.values import ID_BYTES

TRACE_IMPORTED = "a trace of this id was imported into the project: delete it, then send again"


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one transaction: parts of what a commit was given, by index, sorted by key."""

    spans: Sequence[PreparedSpan]
    logs: Sequence[PreparedLog]
    payloads: PayloadRows | None
    order: list[int]
    log_order: list[int]
    metered: Collection[int] = ()

    def __len__(self) -> int:
        return len(self.order) + len(self.log_order)

    def halves(self) -> list[Batch]:
        """The same rows in two batches: spans and logs, or the two halves of one of these."""
        if self.order and self.log_order:
            return [replace(self, log_order=[]), replace(self, order=[])]
        middle, log_middle = len(self.order) // 2, len(self.log_order) // 2
        return [
            replace(self, order=self.order[:middle], log_order=self.log_order[:log_middle]),
            replace(self, order=self.order[middle:], log_order=self.log_order[log_middle:]),
        ]

    def days(self) -> set[int]:
        """The days of all its rows."""
        days = {day_of(self.spans[index].span.start_time_ns) for index in self.order}
        return days | {day_of(self.logs[index].log.time_ns) for index in self.log_order}


class Insertion:
    """Steps 3 to 7 of one transaction, and what step 8 counts."""

    def __init__(self, tx: Transaction, batch: Batch, now_ns: int) -> None:
        self._tx = tx
        self._spans = batch.spans
        self._logs = batch.logs
        self._batch = batch
        self._now_ns = now_ns
        self._outcome = CommitResult()
        self.without_trace: set[TraceKey] = set()
        """Traces of which an event was stored that completes spans that are not there yet."""
        self._inserted: list[PreparedSpan | PreparedLog] = []

    def run(self) -> CommitResult:
        """Insert, and tell what became of every row."""
        spans, logs = self._unique_spans(), self._unique_logs()
        inserted, inserted_logs = self._insert_spans(spans), self._insert_logs(logs)
        existing = self._summarise(inserted, inserted_logs)
        self._record_refs(spans, logs)
        if self._batch.metered:
            self._keep_inserted(inserted, inserted_logs)
        if existing:
            recompute(self._tx, existing, self._now_ns)
        return self._outcome

    def usage(self, inserted_blobs: Collection[BlobKey]) -> dict[int, ProjectUsage]:
        """What was inserted for the metered projects that got anything, in the order of ids."""
        rows = Counter(prepared.project_id for prepared in self._inserted)
        content: Counter[int] = Counter()
        if self._batch.payloads is not None:
            for blob in self._batch.payloads.blobs:
                if blob.key in inserted_blobs:
                    content[blob.project_id] += blob.plain_bytes
        return {
            project: ProjectUsage(rows[project], content[project])
            for project in sorted(self._batch.metered)
            if rows[project] or content[project]
        }

    def _keep_inserted(self, spans: list[int], logs: list[int]) -> None:
        refused = {refusal.index for refusal in self._outcome.refused_spans}
        refused_logs = {refusal.index for refusal in self._outcome.refused_logs}
        self._inserted += [self._spans[index] for index in spans if index not in refused]
        self._inserted += [self._logs[index] for index in logs if index not in refused_logs]

    def _unique_spans(self) -> list[int]:
        """Indices without keys repeated inside the batch; the first to arrive stays."""
        unique: list[int] = []
        last = None
        for index in self._batch.order:
            key = span_key(self._spans[index])
            if key == last:
                same = self._spans[index].digest == self._spans[unique[-1]].digest
                (self._outcome.duplicates if same else self._outcome.conflicts).append(index)
            else:
                unique.append(index)
                last = key
        return unique

    def _unique_logs(self) -> list[int]:
        unique: list[int] = []
        last = None
        for index in self._batch.log_order:
            key = log_key(self._logs[index])
            if key == last:
                self._outcome.duplicate_logs.append(index)
            else:
                unique.append(index)
                last = key
        return unique

    def _insert_spans(self, unique: list[int]) -> list[int]:
        """Insert, and tell resends from conflicts; returns the indices really inserted."""
        if not unique:
            return []
        present = set(self._tx.insert_spans([self._spans[index] for index in unique]))
        if not present:
            return unique
        old = [unique[position] for position in sorted(present)]
        stored = self._tx.stored_digests([span_key(self._spans[index]) for index in old])
        for index in old:
            prepared = self._spans[index]
            digest, policy = stored.get(span_key(prepared), (b"", -1))
            # Another policy took out other things: the digests say nothing about what was sent.
            conflict = policy == prepared.span.policy_version and digest != prepared.digest
            (self._outcome.conflicts if conflict else self._outcome.duplicates).append(index)
        return [index for position, index in enumerate(unique) if position not in present]

    def _insert_logs(self, unique: list[int]) -> list[int]:
        if not unique:
            return []
        present = set(self._tx.insert_logs([self._logs[index] for index in unique]))
        self._outcome.duplicate_logs += [unique[position] for position in sorted(present)]
        return [index for position, index in enumerate(unique) if position not in present]

    def _summarise(self, inserted: list[int], logs: list[int]) -> dict[TraceKey, ExistingTrace]:
        """Write trace rows and ask for tombstones; returns the traces that are to be recomputed."""
        by_trace: dict[TraceKey, list[int]] = {}
        for index in inserted:
            prepared = self._spans[index]
            by_trace.setdefault((prepared.project_id, prepared.span.trace_id), []).append(index)
        runs = self._started_runs(logs)
        existing: dict[TraceKey, ExistingTrace] = {}
        if by_trace or runs:
            existing = self._upsert(by_trace, runs)
        log_traces = {self._trace_of_log(index) for index in logs}
        only_logs = sorted(log_traces - by_trace.keys() - runs.keys())
        there = self._tx.lock_traces(only_logs) if only_logs else {}
        imported = {key for key, state in (existing | there).items() if state.imported}
        if imported:
            self._refuse(by_trace, logs, imported, "trace_imported", TRACE_IMPORTED)
            for traces in (by_trace, runs, existing, there):
                for key in imported & traces.keys():
                    del traces[key]
            logs = [index for index in logs if self._trace_of_log(index) not in imported]
            log_traces -= imported
        existing |= self._completed_by_events(by_trace, runs.keys(), existing.keys(), there, logs)
        if by_trace or log_traces:
            deleted = self._tx.tombstoned(sorted(by_trace.keys() | log_traces), self._now_ns)
            if deleted:
                self._refuse(by_trace, logs, deleted, "trace_deleted", "trace deleted")
                rows = deleted & (by_trace.keys() | runs.keys())
                if rows:
                    self._tx.remove_traces(sorted(rows))
                existing = {key: state for key, state in existing.items() if key not in deleted}
        return existing

    def _started_runs(self, logs: list[int]) -> dict[TraceKey, list[RunStart]]:
        """The starts of runs that these logs tell of, by trace."""
        runs: dict[TraceKey, list[RunStart]] = {}
        for index in logs:
            start = start_of(self._logs[index].log)
            if start is not None:
                runs.setdefault(self._trace_of_log(index), []).append(start)
        return runs

    def _upsert(
        self, by_trace: dict[TraceKey, list[int]], runs: dict[TraceKey, list[RunStart]]
    ) -> dict[TraceKey, ExistingTrace]:
        """Write the rows of traces that got spans or starts of runs; returns those that had one.

        The start of a run makes the row of a trace without spans: so the trace is listed, and a
        writer of its spans finds the row and recomputes it.
        """
        summaries: list[tuple[TraceKey, TraceSummary]] = []
        for key, indices in by_trace.items():
            facts = [facts_of(self._spans[index].span) for index in indices]
            summaries.append((key, summarise(facts, runs.get(key, ()))))
        if runs.keys() - by_trace.keys():
            summaries += [
                (key, summarise((), starts)) for key, starts in runs.items() if key not in by_trace
            ]
            summaries.sort(key=lambda summary: summary[0])
        existing = self._tx.upsert_traces(summaries, self._now_ns)
        for key in runs.keys() & existing.keys():
            existing[key].has_runs = True
        return existing

    def _completed_by_events(
        self,
        by_trace: dict[TraceKey, list[int]],
        with_runs: Collection[TraceKey],
        recomputed: Collection[TraceKey],
        only_logs: dict[TraceKey, ExistingTrace],
        logs: list[int],
    ) -> dict[TraceKey, ExistingTrace]:
        """Traces that must be recomputed because of what events say about their spans: new ones
        whose events came before, and old ones of which only events came."""
        found: dict[TraceKey, ExistingTrace] = {}
        new = sorted(by_trace.keys() - recomputed)
        if new:
            first_ns = min(
                self._spans[index].span.start_time_ns for key in new for index in by_trace[key]
            )
            for key, views in self._tx.event_views(new, first_ns).items():
                if any(concerns_trace(view) for of_span in views.values() for view in of_span):
                    # Started runs of a new trace came with this commit.
                    found[key] = ExistingTrace(len(by_trace[key]), first_ns, 0, False, True)
        for index in logs:
            key, view = self._trace_of_log(index), self._logs[index].log.genai
            if key in by_trace or key in with_runs:
                continue
            if view is not None and concerns_trace(view):
                if key in only_logs:
                    found[key] = only_logs[key]
                else:
                    self.without_trace.add(key)
        return found

    def _trace_of_log(self, index: int) -> TraceKey:
        return (self._logs[index].project_id, self._logs[index].log.trace_id)

    def _refuse(
        self,
        by_trace: dict[TraceKey, list[int]],
        logs: list[int],
        traces: set[TraceKey],
        reason: RefusalReason,
        detail: str,
    ) -> None:
        """Remove the rows of some traces from the transaction again and refuse them."""
        refused = [index for key in sorted(traces) for index in by_trace.get(key, [])]
        if refused:
            self._tx.remove_spans([span_key(self._spans[index]) for index in refused])
            self._outcome.refused_spans += [Refusal(index, reason, detail) for index in refused]
        refused = [index for index in logs if self._trace_of_log(index) in traces]
        if refused:
            self._tx.remove_logs([log_key(self._logs[index]) for index in refused])
            self._outcome.refused_logs += [Refusal(index, reason, detail) for index in refused]

    def _record_refs(self, unique: list[int], unique_logs: list[int]) -> None:
        """Record which traces need which payloads. A span that was there before counts too:
        whatever this commit has stored for it goes when its trace goes."""
        refused = {refusal.index for refusal in self._outcome.refused_spans}
        refused_logs = {refusal.index for refusal in self._outcome.refused_logs}
        rows = {
            (prepared.project_id, prepared.span.trace_id, ref, day_of(prepared.span.start_time_ns))
            for index in unique
            if index not in refused and (prepared := self._spans[index]).refs
            for ref in prepared.refs
        }
        rows |= {
            (entry.project_id, entry.log.trace_id, ref, day_of(entry.log.time_ns))
            for index in unique_logs
            if index not in refused_logs and (entry := self._logs[index]).refs
            for ref in entry.refs
        }
        if rows:
            self._tx.put_refs(sorted(rows))


def record_blobs(tx: Transaction, payloads: PayloadRows) -> set[BlobKey]:
    """Insert the rows of new blobs and make sure of the others; returns the keys really inserted.

    A blob that another writer has just recorded too stays that writer's; the description of a list
    may then differ, so only the parts of lists inserted here are recorded.

    Raises:
        PayloadsGone: a blob that was there at the lookup was deleted since.
    """
    blobs = sorted(payloads.blobs, key=lambda blob: blob.key)
    inserted = tx.put_blobs(blobs) if blobs else set()
    theirs = {blob.key for blob in blobs} - inserted
    relied = sorted((theirs | set(payloads.reused)) - inserted)
    if relied:
        missing = set(relied) - tx.lock_blobs(relied)
        if missing:
            raise PayloadsGone(f"{len(missing)} payloads were deleted while they were used again")
    parts = sorted(
        (blob.project_id, part[:ID_BYTES], blob.ref[:ID_BYTES], blob.day)
        for blob in blobs
        if blob.parts and blob.key in inserted
        for part in blob.parts
    )
    if parts:
        tx.put_list_parts(parts)
    return inserted
