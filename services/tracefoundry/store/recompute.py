"""The recompute of what is not additive in a trace's summary, and when it is deferred."""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.model.event_facts import complete_facts
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.summary import TraceKey, TraceSummary, summarise
from tracefoundry.store.transaction import ExistingTrace, Transaction

LARGE_TRACE_SPANS = 100_000
"""Above this many spans a trace is recomputed at most once in ``LARGE_TRACE_PAUSE_NS``."""
LARGE_TRACE_PAUSE_NS = 5_000_000_000
LARGEST_RECOMPUTE_SPANS = 500_000
"""Above this many spans a trace's summary is no longer recomputed, as reading it back would not fit
a worker's memory: it says ``totals_pending`` for good, and only counts and times stay exact."""


def recompute_deferred(tx: Transaction, now_ns: int, also: Sequence[TraceKey] = ()) -> int:
    """Recompute a few of the summaries that were deferred and are due, and those of the traces
    ``also``, if they are there; returns how many."""
    due = tx.lock_traces(also) if also else {}
    due |= tx.pending(now_ns - LARGE_TRACE_PAUSE_NS, LARGEST_RECOMPUTE_SPANS)
    if due:
        recompute(tx, due, now_ns)
    return len(due)


def staged_summaries(
    tx: Transaction, keys: Sequence[TraceKey]
) -> dict[TraceKey, tuple[int, TraceSummary | None]]:
    """How many spans are stored of traces that have no row yet, and their summaries; None of a
    trace with neither spans nor the start of a run."""
    facts, runs = tx.facts(keys), tx.run_starts(keys, 0)
    for key, views in tx.event_views(keys, 0).items():
        complete_facts(facts.get(key, ()), views)
    found: dict[TraceKey, tuple[int, TraceSummary | None]] = {}
    for key in keys:
        spans, starts = facts.get(key, []), runs.get(key, [])
        found[key] = (len(spans), summarise(spans, starts) if spans or starts else None)
    return found


def recompute(tx: Transaction, existing: dict[TraceKey, ExistingTrace], now_ns: int) -> None:
    """Recompute summaries from all stored spans, or defer it for very large traces.

    A trace of which spans have expired keeps its summary: the spans that are left are not all.
    """
    due: list[TraceKey] = []
    later: list[TraceKey] = []
    for key, state in sorted(existing.items()):
        if state.missing_expired:
            continue
        recent = now_ns - state.recomputed_at_ns < LARGE_TRACE_PAUSE_NS
        wait = recent and state.span_count > LARGE_TRACE_SPANS
        (later if wait or state.span_count > LARGEST_RECOMPUTE_SPANS else due).append(key)
    if later:
        tx.defer_recompute(later)
    if due:
        facts = tx.facts(due)
        runs = _run_starts(tx, existing, due)
        starts = [span.start_time_ns for spans in facts.values() for span in spans]
        if starts:
            for key, views in tx.event_views(due, min(starts)).items():
                complete_facts(facts.get(key, ()), views)
        tx.rewrite_summaries(
            [
                (key, summarise(facts.get(key, ()), runs.get(key, ())))
                for key in due
                if facts.get(key) or runs.get(key)
            ],
            now_ns,
        )


def _run_starts(
    tx: Transaction, existing: dict[TraceKey, ExistingTrace], due: Sequence[TraceKey]
) -> dict[TraceKey, list[RunStart]]:
    """The starts of runs of those traces that may have unfinished ones. Of a large trace it is
    not known: the start may have come while its recompute was deferred."""
    asked = [
        key for key in due if existing[key].has_runs or existing[key].span_count > LARGE_TRACE_SPANS
    ]
    if not asked:
        return {}
    return tx.run_starts(asked, min(existing[key].start_time_ns for key in asked))
