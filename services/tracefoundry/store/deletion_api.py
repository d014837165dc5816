"""What a store promises about removing data; a part of :mod:`tracefoundry.store.api`.

Three things remove data, and share their steps below this interface:

* a deletion by request removes traces at once, and leaves tombstones so that they stay away;
* the payloads of deleted traces follow in steps that the caller plans, because only it can read
  what is in the object store (:mod:`tracefoundry.deletion`);
* a run of retention removes what is too old (:mod:`tracefoundry.retention`).

Everything is done in batches, each a transaction. What an interrupted call has removed is removed;
calling again goes on. Everything raises :class:`~tracefoundry.store.api.StoreUnavailable` when the
store cannot answer now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tracefoundry.store.deletion_records import (
    DayPartition,
    DayTable,
    ExpiredTraces,
    PartitionDrops,
    PartitionGroup,
    PayloadNeeds,
    PayloadRemovalPlan,
    PendingPayloads,
    RecordKind,
    UnneededObject,
)
from tracefoundry.store.records import BlobPlace, Deleted

Check = Callable[[], None]
"""Called between batches; raises to end the work there."""


class RetentionRun(Protocol):
    """One run of retention. In a dry run nothing is changed: what would be removed is counted.

    Days count from the epoch; a range of days and ``before_day`` exclude their end. The ``check``
    that the run was opened with is called between batches, and what it raises passes through.
    """

    def finish_interrupted_drops(self, *, spans_day: int, payloads_day: int) -> None:
        """Finish what an earlier run left half dropped. ``spans_day`` and ``payloads_day`` are the
        first days that are kept. Comes first; does nothing where days are not dropped whole."""
        ...

    def partitions(self, group: PartitionGroup) -> list[DayPartition]:
        """The days that can be dropped as a whole, by day; none where the store drops no days."""
        ...

    def drop_partitions(self, partitions: Sequence[DayPartition]) -> PartitionDrops:
        """Drop days as a whole, beside readers and writers."""
        ...

    def mark_expired_traces(self, project_id: int, *, before_day: int) -> int:
        """Mark all traces that have spans from before a day, which freezes their summaries; returns
        how many of those that were marked now have later spans too.

        Marking comes before any of their spans is removed. Imported traces are left alone.
        """
        ...

    def delete_rows(self, table: DayTable, project_id: int, days: range) -> int:
        """Delete a project's rows of some days; returns how many."""
        ...

    def delete_expired_traces(self, project_id: int, *, before_day: int) -> ExpiredTraces:
        """Remove the summaries of traces all of whose spans start before a day, and what is left of
        those spans. A trace that has a later span by now stays."""
        ...

    def delete_expired_imports(
        self, project_id: int, *, before_day: int, rows_from: int
    ) -> ExpiredTraces:
        """Remove imported traces whose day of import is before a day. Of those imported before
        ``rows_from`` the spans and logs are left: their days are dropped whole."""
        ...

    def oldest_span_day(self, *, after: int) -> int | None:
        """The oldest day after one on which there are spans. Where days are dropped whole, a day
        whose spans were deleted row by row still counts."""
        ...

    def payload_days(self, project_id: int, *, before_day: int) -> list[int]:
        """Days before one on which a project has payloads stored, in order."""
        ...

    def expired_payload_days(self) -> dict[tuple[int, int], str]:
        """(project id, day) whose payloads were marked as expired, with the reason."""
        ...

    def mark_payloads_expired(self, project_id: int, day: int, *, now_ns: int, reason: str) -> None:
        """Mark the payloads of a project's day as expired; a mark that is there stays as it is.
        Marking comes before their objects are removed. Does nothing in a dry run."""
        ...

    def delete_payload_marks(self, project_id: int, *, before_day: int) -> int:
        """Remove marks that no span can need any more and whose payloads are all removed."""
        ...

    def delete_records(self, kind: RecordKind, *, before: int) -> int:
        """Delete small records; returns how many.

        ``before`` is exclusive: resources and scopes go by the day on which they were used last,
        tombstones by the time (ns) until which they are kept, audit entries by their time (ns),
        the usage of projects by its day.
        """
        ...

    def database_bytes(self) -> int | None:
        """The size of everything that is stored; None where it cannot be told."""
        ...

    def reclaim_space(self) -> None:
        """Let the file system have the space of what was removed, as far as nobody uses it."""
        ...


class Deletion(Protocol):
    """Removes data, by request and by retention. Safe between threads and beside writers.

    Removing the payloads of deleted traces, for each day of :meth:`pending_payloads`:

    1. find out what nothing else needs (:meth:`payload_needs`, :meth:`list_parts`);
    2. store what stays of the objects (:meth:`blobs_of`) in new ones;
    3. :meth:`remove_payloads`, which looks again under locks and changes all rows, or nothing;
    4. remove the objects of :meth:`unneeded_objects` that are not :meth:`objects_in_use`;
    5. :meth:`confirm_removal`.

    An interruption anywhere is found by the next call of the methods under 1 and 4.
    """

    def delete_trace(
        self, project_id: int, trace_id: bytes, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        """Delete one trace with its logs, or logs that came without spans, and leave a tombstone;
        all counts are 0 when there is nothing. References to payloads stay, as what is pending.

        ``retention_ns`` is the span retention: the tombstone outlives the window of start times
        that ingest accepts, so that spans sent again stay refused.
        """
        ...

    def delete_before(
        self, project_ids: Sequence[int], before_ns: int, *, now_ns: int, retention_ns: int
    ) -> Deleted:
        """Delete the traces that end before a time, and logs of traces without spans that are all
        older, in batches."""
        ...

    def pending_payloads(
        self, project_id: int, *, now_ns: int, limit: int
    ) -> PendingPayloads | None:
        """The next payloads of deleted traces, at most ``limit`` of one day; None when there are no
        more."""
        ...

    def payload_needs(
        self,
        project_id: int,
        day: int,
        refs: Collection[bytes],
        *,
        now_ns: int,
        removed_lists: int,
    ) -> PayloadNeeds:
        """Who needs these payloads. Of a payload that is part of more than ``removed_lists`` lists
        not all are named: it is needed in any case."""
        ...

    def list_parts(
        self, project_id: int, day: int, lists: Collection[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """(part, list), as full refs, for lists whose node cannot be read.
        Slow: it looks through the whole day."""
        ...

    def blobs_of(
        self, project_id: int, day: int, objects: Collection[bytes]
    ) -> dict[bytes, dict[bytes, BlobPlace]]:
        """Everything that is in some objects, by object and ref."""
        ...

    def remove_payloads(self, plan: PayloadRemovalPlan, *, now_ns: int) -> int | None:
        """Remove payloads and the references of deleted traces to them; returns how many references
        went. None: somebody needs or has moved one of them by now, and nothing was changed."""
        ...

    def unneeded_objects(
        self, project_id: int, refs: Collection[bytes] | None = None
    ) -> list[UnneededObject]:
        """Objects that were emptied by removing these payloads, or any (a bounded number of them),
        and whose removal was not confirmed."""
        ...

    def objects_in_use(self, project_id: int, day: int, objects: Collection[bytes]) -> set[bytes]:
        """Those of these objects in which a payload is stored."""
        ...

    def confirm_removal(self, project_id: int, refs: Collection[bytes]) -> None:
        """Note that the objects emptied by removing these payloads are removed."""
        ...

    def reclaim_space(self) -> int:
        """Let no file of the store hold deleted text, and free the space of deleted rows, in short
        steps beside writers; returns pages. 0 where the database does so by itself."""
        ...

    def retention_run(self, *, dry_run: bool, check: Check) -> AbstractContextManager[RetentionRun]:
        """Open a run of retention. A dry run may go on beside another run.

        Raises:
            AnotherProcess: another run is at work.
        """
        ...
