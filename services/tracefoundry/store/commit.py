"""One commit, step by step: the rules of the store that do not depend on the database.

The order inside the transaction is fixed (contract, section 6), each step a statement of its own
and sorted by key, so that two writers can neither deadlock in a cycle nor read each other's
totals from an old snapshot:

1. resources and scopes that this writer has not touched today;
2. payload blobs, whose bytes are in the object store already, and locks on those reused;
3. spans, then logs, inserted once by their keys;
4. ``traces``: the upsert takes the row locks and adds the counts of rows really inserted;
5. tombstones, read after the locks: spans of deleted traces are taken out again;
6. which traces refer to which payloads;
7. the recompute of what is not additive, for traces that had a row before.

A trace that is new with this commit needs no recompute: its summary was computed from the spans in
hand. A row that the database refuses for its content is found by halving and reported; the rest
goes in (never a 503 for ever, never a neighbour's failure).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import TraceKey, facts_of, summarise
from tracefoundry.model.times import day_of
from tracefoundry.store.contract import (
    CommitResult,
    PayloadsGone,
    PreparedLog,
    PreparedSpan,
    Refusal,
)
from tracefoundry.store.recompute import recompute
from tracefoundry.store.sql.columns import ID_BYTES
from tracefoundry.store.transaction import (
    Backend,
    DictionaryKey,
    ExistingTrace,
    LogKey,
    RowRefused,
    SpanKey,
    Transaction,
    log_key,
    span_key,
)

KNOWN_ENVELOPES = 50_000
"""Most resources or scopes a writer remembers as touched today."""


class Committer:
    """Runs commits against one backend and remembers which envelopes it has touched today."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known_day = -1
        self._known_resources: set[DictionaryKey] = set()
        self._known_scopes: set[DictionaryKey] = set()

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
    ) -> CommitResult:
        """Store spans and logs; see :meth:`tracefoundry.store.contract.SpanWriter.commit`."""
        result = CommitResult()
        span_keys = [span_key(prepared) for prepared in spans]
        log_keys = [log_key(prepared) for prepared in logs]
        span_order = sorted(range(len(spans)), key=span_keys.__getitem__)
        log_order = sorted(range(len(logs)), key=log_keys.__getitem__)
        self._commit_part(spans, logs, payloads, span_order, log_order, result)
        return result

    def _commit_part(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        payloads: PayloadRows | None,
        span_order: list[int],
        log_order: list[int],
        result: CommitResult,
    ) -> None:
        """Commit the rows at the given indices, halving them when one is refused."""
        if not span_order and not log_order:
            return
        try:
            self._commit_rows(spans, logs, payloads, span_order, log_order, result)
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
                self._commit_part(spans, logs, payloads, part_spans, part_logs, result)

    def _commit_rows(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog],
        payloads: PayloadRows | None,
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
            if payloads is not None:
                _record_blobs(tx, payloads)
            inserted = _insert_spans(tx, spans, unique_spans, outcome)
            inserted_logs = _insert_logs(tx, logs, unique_logs, outcome)
            existing = _summarise(tx, spans, logs, inserted, inserted_logs, outcome, now_ns)
            _record_refs(tx, spans, logs, unique_spans, unique_logs, outcome)
            if existing:
                recompute(tx, existing, now_ns)
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
    last: LogKey | None = None
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
        comparable = policy == spans[index].span.policy_version
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
) -> dict[TraceKey, ExistingTrace]:
    """Trace rows and tombstones; returns the traces that are left to recompute."""
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
    return existing


def _record_blobs(tx: Transaction, payloads: PayloadRows) -> None:
    """Insert the rows of new blobs and make sure of the others.

    A blob that another writer has just recorded too stays that writer's; the description of a list
    may then differ, so only the parts of lists inserted here are recorded.

    Raises:
        PayloadsGone: a blob that was there at the lookup was deleted since.
    """
    blobs = sorted(payloads.blobs, key=lambda blob: blob.key)
    inserted = tx.put_blobs(blobs) if blobs else set()
    theirs = {blob.key for blob in blobs} - inserted
    own = {blob.key for blob in blobs}
    relied = sorted((theirs | set(payloads.reused)) - (own - theirs))
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


def _record_refs(
    tx: Transaction,
    spans: Sequence[PreparedSpan],
    logs: Sequence[PreparedLog],
    unique_spans: list[int],
    unique_logs: list[int],
    outcome: CommitResult,
) -> None:
    """Note which traces need which payloads. A span that was there before counts too: whatever this
    commit has stored for it goes when its trace goes."""
    refused = {refusal.index for refusal in outcome.refused_spans}
    refused_logs = {refusal.index for refusal in outcome.refused_logs}
    rows = {
        (prepared.project_id, prepared.span.trace_id, ref, day_of(prepared.span.start_time_ns))
        for index in unique_spans
        if index not in refused and (prepared := spans[index]).refs
        for ref in prepared.refs
    }
    rows |= {
        (entry.project_id, entry.log.trace_id, ref, day_of(entry.log.time_ns))
        for index in unique_logs
        if index not in refused_logs and (entry := logs[index]).refs
        for ref in entry.refs
    }
    if rows:
        tx.put_refs(sorted(rows))
