"""One commit, step by step: the rules of the store that do not depend on the database.

The order inside the transaction (READ COMMITTED) is fixed. Each step is a statement of its own and
its rows are sorted by key, so that two writers can neither deadlock in a cycle nor read each
other's totals from an old snapshot:

1. resources and scopes that this writer has not written today;
2. payload blobs, whose bytes are in the object store already, and locks on those that are reused;
3. spans, then logs, inserted once by their keys;
4. ``traces``: the upsert takes the row locks and adds the counts of rows really inserted;
5. tombstones, read after the locks: spans of deleted traces are removed again;
6. which traces refer to which payloads;
7. the recompute of what is not additive, for traces that had a row before;
8. what projects with a quota for a day have stored today.

A trace that is new with this commit needs no recompute, as its summary was computed from the spans
at hand, unless log events that complete its spans came before it. A row that the database refuses
for its content is found by halving the batch and reported; the rest is stored. Steps 2 to 8 are in
``store.insertion``.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from random import randrange
from typing import TypeVar

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import TraceKey
from tracefoundry.model.times import day_of
from tracefoundry.store.api import CommitResult, PreparedLog, PreparedSpan, Refusal
from tracefoundry.store.insertion import Batch, Insertion, record_blobs
from tracefoundry.store.transaction import (
    Backend,
    DictionaryKey,
    RowRefused,
    Transaction,
    log_key,
    span_key,
)

KNOWN_ENVELOPES = 50_000
"""Most resources or scopes that a writer remembers as written today."""

MOST_EXPECTED = 10_000
"""Most traces that a writer remembers to look at again, see :meth:`Committer.expected`."""
LOOK_AGAIN_NS = 10_000_000_000
"""How long after a commit: longer than another commit takes from reading to its end."""

USAGE_SLOTS = 16
"""Rows among which writers spread the usage of one project and day."""

_Envelope = TypeVar("_Envelope", Resource, Scope)


class Committer:
    """Runs commits on one backend and remembers which envelopes it has written today."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known_day = -1
        self._known_resources: set[DictionaryKey] = set()
        self._known_scopes: set[DictionaryKey] = set()
        self._expected: dict[TraceKey, int] = {}
        self._slot = randrange(USAGE_SLOTS)  # noqa: S311 - spreads rows, keeps no secret

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        """Store spans and logs; see :meth:`tracefoundry.store.api.Writer.commit`."""
        span_keys = [span_key(prepared) for prepared in spans]
        log_keys = [log_key(prepared) for prepared in logs]
        order = sorted(range(len(spans)), key=span_keys.__getitem__)
        log_order = sorted(range(len(logs)), key=log_keys.__getitem__)
        result = CommitResult()
        self._commit(Batch(spans, logs, payloads, order, log_order, metered), result)
        return result

    def _commit(self, batch: Batch, result: CommitResult) -> None:
        """Commit a batch, or its halves when a row of it is refused."""
        if not len(batch):
            return
        try:
            self._run(batch, result)
        except RowRefused as error:
            if len(batch) > 1:
                for half in batch.halves():
                    self._commit(half, result)
                return
            refusals = [
                Refusal(index, "data_error", str(error)) for index in batch.order + batch.log_order
            ]
            (result.refused_spans if batch.order else result.refused_logs).extend(refusals)

    def _run(self, batch: Batch, result: CommitResult) -> None:
        """Commit a batch in one transaction and add its outcome to the result."""
        now_ns = time.time_ns()
        today = day_of(now_ns)
        self._forget_old_envelopes(today)
        resources, scopes = self._new_envelopes(batch)

        insertion: Insertion

        def work(tx: Transaction) -> CommitResult:
            nonlocal insertion
            if resources:
                tx.put_resources(_by_key(resources), today)
            if scopes:
                tx.put_scopes(_by_key(scopes), today)
            inserted = set() if batch.payloads is None else record_blobs(tx, batch.payloads)
            insertion = Insertion(tx, batch, now_ns)
            outcome = insertion.run()
            if batch.metered:
                usage = insertion.usage(inserted)
                if usage:
                    tx.add_usage(
                        [(project, today, self._slot, *used) for project, used in usage.items()]
                    )
            return outcome

        outcome = self._backend.run(work, batch.days)
        self._expect(insertion.without_trace, now_ns)
        self._known_resources.update(resources)
        self._known_scopes.update(scopes)
        result.duplicates += outcome.duplicates
        result.conflicts += outcome.conflicts
        result.duplicate_logs += outcome.duplicate_logs
        result.refused_spans += outcome.refused_spans
        result.refused_logs += outcome.refused_logs

    def _expect(self, keys: Iterable[TraceKey], now_ns: int) -> None:
        """Remember traces that another writer may be about to store for the first time."""
        for key in keys:
            self._expected[key] = now_ns
        while len(self._expected) > MOST_EXPECTED:
            self._expected.pop(next(iter(self._expected)))

    def expected(self, now_ns: int) -> list[TraceKey]:
        """Traces that may lack what their events say, and that are due to be looked at again.

        An event and the first spans of its trace, committed by two writers at the same moment, do
        not see each other. So the writer of the event looks again a little later.
        """
        return sorted(k for k, at_ns in self._expected.items() if now_ns - at_ns >= LOOK_AGAIN_NS)

    def looked_at(self, keys: Iterable[TraceKey]) -> None:
        """These traces are complete now, or their spans will see the events."""
        for key in keys:
            self._expected.pop(key, None)

    def _forget_old_envelopes(self, today: int) -> None:
        if (
            today != self._known_day
            or len(self._known_resources) > KNOWN_ENVELOPES
            or len(self._known_scopes) > KNOWN_ENVELOPES
        ):
            self._known_day = today
            self._known_resources.clear()
            self._known_scopes.clear()

    def _new_envelopes(
        self, batch: Batch
    ) -> tuple[dict[DictionaryKey, Resource], dict[DictionaryKey, Scope]]:
        """Resources and scopes that this writer has not written today."""
        resources: dict[DictionaryKey, Resource] = {}
        scopes: dict[DictionaryKey, Scope] = {}
        seen = None
        for index in batch.order:
            prepared = batch.spans[index]
            # Spans of one envelope follow each other.
            envelope = (prepared.project_id, prepared.resource_id, prepared.scope_id)
            if envelope != seen:
                seen = envelope
                resources[envelope[0], envelope[1]] = prepared.span.resource
                scopes[envelope[0], envelope[2]] = prepared.span.scope
        for index in batch.log_order:
            entry = batch.logs[index]
            resources[entry.project_id, entry.resource_id] = entry.log.resource
            scopes[entry.project_id, entry.scope_id] = entry.log.scope
        return _without(self._known_resources, resources), _without(self._known_scopes, scopes)


def _without(
    known: set[DictionaryKey], envelopes: dict[DictionaryKey, _Envelope]
) -> dict[DictionaryKey, _Envelope]:
    return {key: envelope for key, envelope in envelopes.items() if key not in known}


def _by_key(envelopes: dict[DictionaryKey, _Envelope]) -> list[tuple[DictionaryKey, _Envelope]]:
    return sorted(envelopes.items(), key=lambda item: item[0])
