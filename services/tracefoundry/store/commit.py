"""One commit, step by step: the rules of the store that do not depend on the database.

The order inside the transaction is fixed (contract, section 6), each step a statement of its own
and sorted by key, so that two writers can neither deadlock in a cycle nor read each other's
totals from an old snapshot:

1. resources and scopes that this writer has not touched today;
2. spans, then logs, inserted once by their keys;
3. ``traces``: the upsert takes the row locks and adds the counts of rows really inserted;
4. tombstones, read after the locks: spans of deleted traces are taken out again;
5. the recompute of what is not additive, for traces that had a row before.

A trace that is new with this commit needs no recompute: its summary was computed from the spans in
hand. A row that the database refuses for its content is found by halving and reported; the rest
goes in (never a 503 for ever, never a neighbour's failure).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary, facts_of, summarise
from tracefoundry.store.columns import day_of
from tracefoundry.store.contract import (
    POLICY_VERSION,
    CommitResult,
    PreparedLog,
    PreparedSpan,
    Refusal,
    StoreError,
)

LARGE_TRACE_SPANS = 100_000
"""Above this many spans a trace's recompute is put off to once in ``LARGE_TRACE_PAUSE_NS``."""
LARGE_TRACE_PAUSE_NS = 5_000_000_000
LARGEST_RECOMPUTE_SPANS = 500_000
"""Above this many spans a trace's summary is no longer recomputed, as reading it back would not fit
a worker's memory: it says ``totals_pending`` for good, and only counts and times stay exact."""
KNOWN_ENVELOPES = 50_000
"""Most resources or scopes a writer remembers as touched today."""

_Result = TypeVar("_Result")

DictionaryKey = tuple[int, bytes]
SpanKey = tuple[int, bytes, bytes, int]


class RowRefused(StoreError):
    """The database refused the content of some row of the commit; the transaction is undone."""


class ExistingTrace(msgspec.Struct, gc=False):
    """State of a trace that had a row before this commit, read under its row lock."""

    span_count: int
    recomputed_at_ns: int
    missing_expired: bool


class Transaction(Protocol):
    """What a backend does inside one write transaction. Sequences come sorted by key."""

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None: ...
    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None: ...
    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        """Insert; returns the positions of those whose key was there already."""
        ...

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        """(digest, policy version) of stored spans."""
        ...

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        """Insert; returns the positions of those whose key was there already."""
        ...

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        """Insert new traces whole, add counts to the others; returns the others."""
        ...

    def lock_traces(self, keys: Sequence[TraceKey]) -> None:
        """Wait for whoever deletes these traces, and keep others from it until the end."""
        ...

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        """Those that were deleted, read with a new snapshot."""
        ...

    def remove_spans(self, keys: Sequence[SpanKey]) -> None: ...
    def remove_logs(self, logs: Sequence[PreparedLog]) -> None: ...
    def remove_traces(self, keys: Sequence[TraceKey]) -> None: ...
    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]: ...
    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None: ...
    def put_off(self, keys: Sequence[TraceKey]) -> None:
        """Mark traces as ``totals_pending``."""
        ...


class Backend(Protocol):
    """A database that can run the steps."""

    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """Run work in one write transaction, durable when this returns.

        ``work`` may be called again, in a new transaction, after a deadlock or once a missing
        partition (for the given days since the epoch) has been made; that is bounded.

        Raises:
            RowRefused: the content of a row was refused; nothing was changed.
            StoreUnavailable: anything that may pass; nothing was changed.
        """
        ...


class Committer:
    """Runs commits against one backend and remembers which envelopes it has touched today."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known_day = -1
        self._known_resources: set[DictionaryKey] = set()
        self._known_scopes: set[DictionaryKey] = set()

    def commit(
        self, spans: Sequence[PreparedSpan], logs: Sequence[PreparedLog] = ()
    ) -> CommitResult:
        """Store spans and logs; see :meth:`tracefoundry.store.contract.SpanWriter.commit`."""
        result = CommitResult()
        span_keys = [span_key(prepared) for prepared in spans]
        log_keys = [log_key(prepared) for prepared in logs]
        span_order = sorted(range(len(spans)), key=span_keys.__getitem__)
        log_order = sorted(range(len(logs)), key=log_keys.__getitem__)
        self._commit_part(spans, logs, span_order, log_order, result)
        return result

    def _commit_part(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        span_order: list[int],
        log_order: list[int],
        result: CommitResult,
    ) -> None:
        """Commit the rows at the given indices, halving them when one is refused."""
        if not span_order and not log_order:
            return
        try:
            self._commit_rows(spans, logs, span_order, log_order, result)
        except RowRefused as error:
            if len(span_order) + len(log_order) == 1:
                for index in span_order:
                    result.refused_spans.append(Refusal(index, "data_error", str(error)))
                for index in log_order:
                    result.refused_logs.append(Refusal(index, "data_error", str(error)))
                return
            if span_order and log_order:
                parts = [(span_order, []), ([], log_order)]
            else:
                middle_span, middle_log = len(span_order) // 2, len(log_order) // 2
                parts = [
                    (span_order[:middle_span], log_order[:middle_log]),
                    (span_order[middle_span:], log_order[middle_log:]),
                ]
            for part_spans, part_logs in parts:
                self._commit_part(spans, logs, part_spans, part_logs, result)

    def _commit_rows(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        span_order: list[int],
        log_order: list[int],
        result: CommitResult,
    ) -> None:
        now_ns = time.time_ns()
        today = day_of(now_ns)
        resources, scopes = self._untouched_envelopes(
            [spans[index] for index in span_order], [logs[index] for index in log_order], today
        )

        def work(tx: Transaction) -> CommitResult:
            outcome = CommitResult()
            unique_spans = _first_of_each_span(spans, span_order, outcome)
            unique_logs = _first_of_each_log(logs, log_order, outcome)
            if resources:
                tx.put_resources(sorted(resources.items(), key=lambda item: item[0]), today)
            if scopes:
                tx.put_scopes(sorted(scopes.items(), key=lambda item: item[0]), today)
            inserted = _insert_spans(tx, spans, unique_spans, outcome)
            inserted_logs = _insert_logs(tx, logs, unique_logs, outcome)
            _summarise(tx, spans, logs, inserted, inserted_logs, outcome, now_ns)
            return outcome

        def days() -> set[int]:
            return {day_of(spans[index].span.start_time_ns) for index in span_order} | {
                day_of(logs[index].log.time_ns) for index in log_order
            }

        outcome = self._backend.run(work, days)
        self._known_resources.update(resources)
        self._known_scopes.update(scopes)
        result.duplicates += outcome.duplicates
        result.conflicts += outcome.conflicts
        result.duplicate_logs += outcome.duplicate_logs
        result.refused_spans += outcome.refused_spans
        result.refused_logs += outcome.refused_logs

    def _untouched_envelopes(
        self, spans: Sequence[PreparedSpan], logs: Sequence[PreparedLog], today: int
    ) -> tuple[dict[DictionaryKey, Resource], dict[DictionaryKey, Scope]]:
        if (
            today != self._known_day
            or len(self._known_resources) > KNOWN_ENVELOPES
            or len(self._known_scopes) > KNOWN_ENVELOPES
        ):
            self._known_day = today
            self._known_resources.clear()
            self._known_scopes.clear()
        resources: dict[DictionaryKey, Resource] = {}
        scopes: dict[DictionaryKey, Scope] = {}
        seen = None
        for prepared in spans:
            envelope = (prepared.project_id, prepared.resource_id, prepared.scope_id)
            if envelope == seen:
                continue
            seen = envelope
            key = (prepared.project_id, prepared.resource_id)
            if key not in self._known_resources:
                resources[key] = prepared.span.resource
            key = (prepared.project_id, prepared.scope_id)
            if key not in self._known_scopes:
                scopes[key] = prepared.span.scope
        for entry in logs:
            key = (entry.project_id, entry.resource_id)
            if key not in self._known_resources:
                resources[key] = entry.log.resource
            key = (entry.project_id, entry.scope_id)
            if key not in self._known_scopes:
                scopes[key] = entry.log.scope
        return resources, scopes


def span_key(prepared: PreparedSpan) -> SpanKey:
    """The key of a span in the store."""
    span = prepared.span
    return (prepared.project_id, span.trace_id, span.span_id, span.start_time_ns)


def log_key(prepared: PreparedLog) -> tuple[int, bytes, bytes, int, bytes]:
    """The key of a log record in the store."""
    log = prepared.log
    return (prepared.project_id, log.trace_id, log.span_id, log.time_ns, prepared.content_hash)


def settle(tx: Transaction, pending: dict[TraceKey, ExistingTrace], now_ns: int) -> int:
    """Recompute summaries that were put off and are due; returns how many."""
    due = {
        key: state
        for key, state in pending.items()
        if now_ns - state.recomputed_at_ns >= LARGE_TRACE_PAUSE_NS
    }
    if due:
        recompute(tx, due, now_ns)
    return len(due)


def recompute(tx: Transaction, existing: dict[TraceKey, ExistingTrace], now_ns: int) -> None:
    """Recompute summaries from all stored spans, or put a very large trace's off.

    A trace of which spans have expired keeps its summary: what is left does not tell the whole.
    """
    due: list[TraceKey] = []
    later: list[TraceKey] = []
    for key, state in sorted(existing.items()):
        if state.missing_expired:
            continue
        young = now_ns - state.recomputed_at_ns < LARGE_TRACE_PAUSE_NS
        wait = state.span_count > LARGE_TRACE_SPANS and young
        (later if wait or state.span_count > LARGEST_RECOMPUTE_SPANS else due).append(key)
    if later:
        tx.put_off(later)
    if due:
        facts = tx.facts(due)
        tx.rewrite_summaries(
            [(key, summarise(facts[key])) for key in due if facts.get(key)], now_ns
        )


def _first_of_each_span(
    spans: Sequence[PreparedSpan], order: list[int], outcome: CommitResult
) -> list[int]:
    """Indices without keys repeated inside the commit; the first to arrive stays."""
    unique: list[int] = []
    last: SpanKey | None = None
    for index in order:
        key = span_key(spans[index])
        if key == last:
            same = spans[index].digest == spans[unique[-1]].digest
            (outcome.duplicates if same else outcome.conflicts).append(index)
        else:
            unique.append(index)
            last = key
    return unique


def _first_of_each_log(
    logs: Sequence[PreparedLog], order: list[int], outcome: CommitResult
) -> list[int]:
    unique: list[int] = []
    last: tuple[int, bytes, bytes, int, bytes] | None = None
    for index in order:
        key = log_key(logs[index])
        if key == last:
            outcome.duplicate_logs.append(index)
        else:
            unique.append(index)
            last = key
    return unique


def _insert_spans(
    tx: Transaction, spans: Sequence[PreparedSpan], unique: list[int], outcome: CommitResult
) -> list[int]:
    """Insert, tell resends from conflicts; returns the indices really inserted."""
    if not unique:
        return []
    present = tx.insert_spans([spans[index] for index in unique])
    if not present:
        return unique
    indices = [unique[position] for position in present]
    stored = tx.stored_digests([span_key(spans[index]) for index in indices])
    for index in indices:
        digest, policy = stored.get(span_key(spans[index]), (b"", -1))
        comparable = policy == POLICY_VERSION
        conflict = comparable and digest != spans[index].digest
        (outcome.conflicts if conflict else outcome.duplicates).append(index)
    there = set(present)
    return [index for position, index in enumerate(unique) if position not in there]


def _insert_logs(
    tx: Transaction, logs: Sequence[PreparedLog], unique: list[int], outcome: CommitResult
) -> list[int]:
    if not unique:
        return []
    present = set(tx.insert_logs([logs[index] for index in unique]))
    outcome.duplicate_logs += [unique[position] for position in sorted(present)]
    return [index for position, index in enumerate(unique) if position not in present]


def _drop_dead(
    tx: Transaction,
    spans: Sequence[PreparedSpan],
    logs: Sequence[PreparedLog],
    by_trace: dict[TraceKey, list[int]],
    inserted_logs: list[int],
    dead: set[TraceKey],
    outcome: CommitResult,
) -> None:
    """Take the rows of deleted traces out of the transaction again and refuse them."""
    detail = "trace deleted"
    dead_spans = [index for key in sorted(dead) for index in by_trace.get(key, [])]
    if dead_spans:
        tx.remove_spans([span_key(spans[index]) for index in dead_spans])
        tx.remove_traces(sorted(dead & by_trace.keys()))
        outcome.refused_spans += [Refusal(index, "trace_deleted", detail) for index in dead_spans]
    dead_logs = [
        index
        for index in inserted_logs
        if (logs[index].project_id, logs[index].log.trace_id) in dead
    ]
    if dead_logs:
        tx.remove_logs([logs[index] for index in dead_logs])
        outcome.refused_logs += [Refusal(index, "trace_deleted", detail) for index in dead_logs]


def _summarise(
    tx: Transaction,
    spans: Sequence[PreparedSpan],
    logs: Sequence[PreparedLog],
    inserted: list[int],
    inserted_logs: list[int],
    outcome: CommitResult,
    now_ns: int,
) -> None:
    """Steps 3 to 5: trace rows, tombstones, recompute."""
    by_trace: dict[TraceKey, list[int]] = {}
    for index in inserted:
        prepared = spans[index]
        by_trace.setdefault((prepared.project_id, prepared.span.trace_id), []).append(index)
    existing: dict[TraceKey, ExistingTrace] = {}
    if by_trace:
        existing = tx.upsert_traces(
            [
                (key, summarise([facts_of(spans[index].span) for index in indices]))
                for key, indices in by_trace.items()
            ],
            now_ns,
        )
    log_keys = {(logs[index].project_id, logs[index].log.trace_id) for index in inserted_logs}
    only_logs = sorted(log_keys - by_trace.keys())
    if only_logs:
        tx.lock_traces(only_logs)
    if by_trace or log_keys:
        dead = tx.tombstoned(sorted(by_trace.keys() | log_keys), now_ns)
        if dead:
            _drop_dead(tx, spans, logs, by_trace, inserted_logs, dead, outcome)
            existing = {key: state for key, state in existing.items() if key not in dead}
    if existing:
        recompute(tx, existing, now_ns)
