"""The recompute of what is not additive in a trace's summary, and when it is put off."""

from __future__ import annotations

from tracefoundry.model.summary import TraceKey, summarise
from tracefoundry.store.transaction import ExistingTrace, Transaction

LARGE_TRACE_SPANS = 100_000
"""Above this many spans a trace's recompute is put off to once in ``LARGE_TRACE_PAUSE_NS``."""
LARGE_TRACE_PAUSE_NS = 5_000_000_000
LARGEST_RECOMPUTE_SPANS = 500_000
"""Above this many spans a trace's summary is no longer recomputed, as reading it back would not fit
a worker's memory: it says ``totals_pending`` for good, and only counts and times stay exact."""


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
