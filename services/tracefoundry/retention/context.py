"""What the steps of a run share, and how a run is ended between two of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tracefoundry.model.times import date_of
from tracefoundry.payloads.errors import ObjectStoreError
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.retention.report import (
    PartitionReport,
    PayloadsReport,
    RetentionReport,
    SpansReport,
    StepReport,
)
from tracefoundry.store.api import StoreError
from tracefoundry.store.deletion_api import Check, Deletion, RetentionRun
from tracefoundry.store.deletion_records import DayPartition

_log = logging.getLogger("tracefoundry.retention")


class Stopped(Exception):
    """The run was asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        deletion: the database.
        data: the run of retention on it.
        objects: the payload store; None where payloads are to be left alone.
        now_ns: the moment that everything is compared with.
        dry_run: look and count, change nothing.
        check: called between steps and batches; raises Stopped where the run was asked to end.
        report: filled as the run goes.
    """

    deletion: Deletion
    data: RetentionRun
    objects: ObjectStore | None
    now_ns: int
    dry_run: bool
    check: Check
    report: RetentionReport

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step. Passing trouble ends the step, not the run: a payload store that is down
        must not keep spans from expiring."""
        self.check()
        began = time.monotonic()
        error: str | None = None
        try:
            yield
        except (StoreError, ObjectStoreError) as reason:
            error = str(reason)
            self.report.state = "failed"
            _log.warning("retention could not finish %s: %s", name, error)
        finally:
            seconds = round(time.monotonic() - began, 3)
            self.report.steps.append(StepReport(name=name, seconds=seconds, error=error))

    def drop_partitions(
        self, partitions: Sequence[DayPartition], report: SpansReport | PayloadsReport
    ) -> list[DayPartition]:
        """Drop whole days, and report what went (or would go); returns those that are in use.

        Raises:
            Stopped: asked to end; running again goes on.
            StoreUnavailable: the same.
        """
        drops = self.data.drop_partitions(partitions)
        report.partitions += [
            PartitionReport(
                table=partition.table,
                day=date_of(partition.day).isoformat(),
                bytes=partition.total_bytes,
                rows_estimate=rows,
            )
            for partition, rows in drops.dropped
        ]
        report.in_use += [partition.name for partition in drops.in_use]
        return drops.in_use
