"""Dropping whole days, and finishing what an earlier run left between two steps."""

from __future__ import annotations

from collections.abc import Iterable

from tracefoundry.model.times import date_of
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs
from tracefoundry.retention.report import PartitionReport
from tracefoundry.store.sql.expiry import partitions
from tracefoundry.store.sql.expiry.partitions import Partition

SPAN_TABLES = ("spans", "span_logs", "span_payload_refs")
PAYLOAD_TABLES = ("payload_blobs", "payload_list_parts")


def days_of(run: Run, tables: Iterable[str]) -> list[Partition]:
    """All day partitions of tables, oldest first; none on a database without partitions."""
    connection = run.session.connection
    return [] if connection is None else partitions.attached(connection, tuple(tables))


def finish_interrupted(run: Run, cutoffs: Cutoffs) -> None:
    """Finish detaches that were interrupted, and drop what they left.

    This comes first: a table with a pending detach takes no other. The order in which a run works
    makes it safe at any time: summaries were marked before the detach began.
    """
    connection = run.session.connection
    if connection is None or run.dry_run:
        return
    for partition in days_of(run, (*SPAN_TABLES, *PAYLOAD_TABLES)):
        if partition.pending:
            run.check()
            partitions.finish(connection, partition)
            # One that was detached by hand has no mark of ours, but is due all the same.
            first = cutoffs.spans_day if partition.table in SPAN_TABLES else cutoffs.payloads_day
            if partition.day < first:
                partitions.drop(connection, partition.name)
    for name, _ in partitions.left_behind(connection):
        run.check()
        partitions.drop(connection, name)


def drop(run: Run, doomed: Iterable[Partition]) -> tuple[list[PartitionReport], list[Partition]]:
    """Drop partitions; returns what went (or would go), and those that somebody held."""
    connection = run.session.connection
    if connection is None:
        return [], []
    dropped: list[PartitionReport] = []
    held: list[Partition] = []
    for partition in doomed:
        run.check()
        if partition.table in {other.table for other in held}:
            # A table with a detach under way takes no other.
            held.append(partition)
            continue
        report = PartitionReport(
            table=partition.table,
            day=date_of(partition.day).isoformat(),
            bytes=partition.total_bytes,
            rows_estimate=partitions.rows_of(connection, partition),
        )
        if run.dry_run or partitions.drop(connection, partition.name):
            dropped.append(report)
        else:
            held.append(partition)
    return dropped, held
