"""What a span store promises, in words. PostgreSQL and SQLite keep it; one test suite proves it.

Writing
    ``commit`` takes prepared spans and logs of any projects and traces and returns only after
    they are durable (fsynced). It is all or nothing except for single rows that the database can
    never take, which are reported one by one and fail none of their neighbours. It is idempotent:
    the key of a span is (project, trace id, span id, start time), the first one in wins, and
    sending it again changes nothing, counters of the trace included. Several writers may commit
    spans of one trace at once; the summary is right after the last of them.

Errors
    :class:`StoreUnavailable` is for everything that may pass (the database is down, a lock timed
    out, the schema is not there yet): nothing was stored, try again. There is no error for a bad
    row: rows are refused in the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Span

BEFORE_REDACTION = 0
"""``policy_version`` of rows stored before redaction existed, with their content in them."""

RefusalReason = Literal["trace_deleted", "data_error"]


class StoreError(Exception):
    """Base of the store's errors; the message says what to do."""


class StoreUnavailable(StoreError):
    """The store cannot answer now; nothing was changed and trying again may help."""


class StoreMisconfigured(StoreError):
    """The settings can never work: a malformed URL, an unknown driver, a missing folder."""


class PayloadsGone(StoreError):
    """Payloads that a commit relied on were deleted meanwhile; nothing was changed. Looking them up
    and storing what is missing makes the commit possible again."""


class ProjectRecord(msgspec.Struct, frozen=True):
    """A project and what it sets for itself; None follows the platform's settings."""

    project_id: int
    name: str
    created_at_ns: int
    redaction: str | None = None
    """``strict``, ``standard`` or ``off``."""
    retention_spans_ns: int | None = None
    retention_payloads_ns: int | None = None


class PreparedSpan(msgspec.Struct, gc=False):
    """A span ready to insert: its model, its project and the row in the backend's own encoding."""

    project_id: int
    span: Span
    resource_id: bytes
    scope_id: bytes
    digest: bytes
    row: Any
    refs: tuple[bytes, ...] = ()
    """The payloads it refers to, as 32-byte SHA-256."""


class PreparedLog(msgspec.Struct, gc=False):
    """A log record ready to insert."""

    project_id: int
    log: LogRecord
    resource_id: bytes
    scope_id: bytes
    content_hash: bytes
    row: Any
    refs: tuple[bytes, ...] = ()


class Refusal(msgspec.Struct, gc=False):
    """One span or log that this store will never take, by its index in the commit."""

    index: int
    reason: RefusalReason
    detail: str


class CommitResult(msgspec.Struct, gc=False):
    """What became of a commit: indices into the sequences that were passed.

    Spans in none of the lists were inserted. ``duplicates`` were there before with the same
    content (or stand twice in the commit), ``conflicts`` with other content: the first one stays.
    """

    duplicates: list[int] = []
    conflicts: list[int] = []
    refused_spans: list[Refusal] = []
    duplicate_logs: list[int] = []
    refused_logs: list[Refusal] = []


class SpanWriter(Protocol):
    """The writing side of a store. One instance serves one thread at a time."""

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        """Encode a span for insertion. Pure; may run in another thread than ``commit``."""
        ...

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        """Encode a log record for insertion. Pure; may run in another thread than ``commit``."""
        ...

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
    ) -> CommitResult:
        """Store spans and logs durably; see the module docstring.

        ``payloads`` records what their contents became in the object store, where they are already.

        Raises:
            StoreUnavailable: nothing was stored; the same commit may succeed later.
            PayloadsGone: nothing was stored; payloads must be looked up and stored again.
        """
        ...

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        """Depths of those of these refs that have a blob of this project and day.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        ...

    def projects(self) -> dict[str, ProjectRecord]:
        """Projects by name.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        ...

    def maintain(self, now_ns: int) -> None:
        """Make what future commits need (partitions for every day of the window), and forget
        tombstones that are over.

        Called at start and about once an hour; bounded work, safe beside other writers.

        Raises:
            StoreUnavailable: could not finish; calling again later goes on.
        """
        ...

    def settle(self, now_ns: int) -> int:
        """Recompute summaries that were put off (``totals_pending``); returns how many.

        Raises:
            StoreUnavailable: could not finish; calling again later goes on.
        """
        ...

    def close(self) -> None:
        """Give up the connection. The writer may be used again; it then reconnects."""
        ...
