"""What a commit asks of a database: the steps inside a write transaction, and the keys of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.store.api import PreparedLog, PreparedSpan, StoreError

_Result = TypeVar("_Result")

DictionaryKey = tuple[int, bytes]
SpanKey = tuple[int, bytes, bytes, int]
LogKey = tuple[int, bytes, bytes, int, bytes]

ListPart = tuple[int, bytes, bytes, int]
"""Project, part and list (16 bytes of each ref), day."""
RefRow = tuple[int, bytes, bytes, int]
"""Project, trace id, ref, day."""


UsageRow = tuple[int, int, int, int, int]
"""Project, day of arrival, slot; spans and bytes of content to add."""


class RowRefused(StoreError):
    """The database refused the content of some row of the commit; the transaction is undone."""


class ExistingTrace(msgspec.Struct, gc=False):
    """State of a trace that had a row before this commit, read under its row lock."""

    span_count: int
    start_time_ns: int
    recomputed_at_ns: int
    missing_expired: bool
    has_runs: bool
    """Whether it had unfinished runs, or this commit brings the start of one."""
    imported: bool = False
    """Whether it was imported from a file: it takes no spans over OTLP."""


class Transaction(Protocol):
    """What a backend does inside one write transaction. Sequences come sorted by key."""

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None: ...
    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None: ...
    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        """Insert blobs that are not there; returns the keys really inserted."""
        ...

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """Keep deletions from these blobs until the end; returns those that are there."""
        ...

    def put_list_parts(self, rows: Sequence[ListPart]) -> None: ...
    def put_refs(self, rows: Sequence[RefRow]) -> None: ...
    def add_usage(self, rows: Sequence[UsageRow]) -> None:
        """Add to what projects have stored on a day. The last step of a transaction, because it
        locks rows that other writers may wait for."""
        ...

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
        """Insert new traces whole, add counts to the others; returns the others. An imported
        trace is left as it is: of its state only ``imported`` is right."""
        ...

    def lock_traces(self, keys: Sequence[TraceKey]) -> dict[TraceKey, ExistingTrace]:
        """Wait for deletions and commits of these traces to end, and keep others from beginning
        until our transaction ends; returns those that have a row."""
        ...

    def event_views(
        self, keys: Sequence[TraceKey], since_ns: int
    ) -> dict[TraceKey, dict[bytes, list[GenAI]]]:
        """What the logs of traces say about their spans, for traces with such logs. No span of
        them starts before ``since_ns``."""
        ...

    def run_starts(self, keys: Sequence[TraceKey], since_ns: int) -> dict[TraceKey, list[RunStart]]:
        """The starts of runs that logs of traces tell of; at most ``MOST_RUN_STARTS`` of a trace,
        the latest ones. No span of them starts before ``since_ns``."""
        ...

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        """Those that were deleted, read with a new snapshot."""
        ...

    def remove_spans(self, keys: Sequence[SpanKey]) -> None: ...
    def remove_logs(self, keys: Sequence[LogKey]) -> None: ...
    def remove_traces(self, keys: Sequence[TraceKey]) -> None: ...
    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]: ...
    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None: ...
    def defer_recompute(self, keys: Sequence[TraceKey]) -> None:
        """Mark traces as ``totals_pending``."""
        ...

    def pending(self, before_ns: int, largest: int) -> dict[TraceKey, ExistingTrace]:
        """A few traces that are ``totals_pending``, were recomputed last at ``before_ns`` or
        earlier and have at most ``largest`` spans; locked until the end."""
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


def span_key(prepared: PreparedSpan) -> SpanKey:
    """The key of a span in the store."""
    span = prepared.span
    return (prepared.project_id, span.trace_id, span.span_id, span.start_time_ns)


def log_key(prepared: PreparedLog) -> LogKey:
    """The key of a log record in the store."""
    log = prepared.log
    return (prepared.project_id, log.trace_id, log.span_id, log.time_ns, prepared.content_hash)
