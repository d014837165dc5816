"""What the steps of a run share, and how a run is ended between two of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from tracefoundry.payloads.errors import ObjectStoreError
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.retention.report import RetentionReport, StepReport
from tracefoundry.store.contract import StoreError
from tracefoundry.store.sql.expiry import rows
from tracefoundry.store.sql.expiry.session import Session

_log = logging.getLogger("tracefoundry.retention")


class Stopped(Exception):
    """The run was asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        session: the database.
        objects: the payload store; None where payloads are to be left alone.
        now_ns: the moment that everything is compared with.
        dry_run: look and count, change nothing.
        stop: asked between steps and batches; True ends the run there.
        report: filled as the run goes.
    """

    session: Session
    objects: ObjectStore | None
    now_ns: int
    dry_run: bool
    stop: Callable[[], bool]
    report: RetentionReport

    def check(self) -> None:
        """End the run here if somebody wants it ended.

        Raises:
            Stopped: somebody does.
        """
        if self.stop():
            raise Stopped

    def delete(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        """Delete rows in batches, or in a dry run count them; returns how many.

        Raises:
            Stopped: asked to end; batches before are deleted.
            StoreUnavailable: the same.
        """
        self.check()
        if self.dry_run:
            return rows.count(self.session.engine, table, *where)
        return rows.delete(self.session.engine, table, self.check, *where)

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
