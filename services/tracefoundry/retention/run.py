"""One run of retention, step by step.

Every step can be repeated and none needs the one before to have finished, except where its module
says how it keeps that true. So a run may end anywhere: the next one goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from tracefoundry.model.times import SECOND_NS
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.retention.context import Run, Stopped
from tracefoundry.retention.cutoffs import cutoffs
from tracefoundry.retention.disk import Measure, enforce_limit, measure_disks
from tracefoundry.retention.exports import delete_bundles
from tracefoundry.retention.orphans import delete_orphans
from tracefoundry.retention.payloads import expire_payloads
from tracefoundry.retention.records import delete_records
from tracefoundry.retention.report import RetentionReport
from tracefoundry.retention.spans import expire_spans
from tracefoundry.settings import Settings
from tracefoundry.store.api import AnotherProcess, Store

_log = logging.getLogger("tracefoundry.retention")


def run_once(
    store: Store,
    objects: ObjectStore | None,
    settings: Settings,
    now_ns: int,
    dry_run: bool = False,
    *,
    stop: Callable[[], bool] = lambda: False,
    measure: Measure | None = None,
) -> RetentionReport:
    """Drop everything that is past its retention, then what the disk rule asks for.

    Blocks; call it in a thread of its own. Safe beside writers, readers and other runs: a second
    one does nothing and says ``busy``. Trouble with one step is in the report (state ``failed``)
    and does not keep the others from their work.

    Args:
        store: the database, migrated; the caller closes it.
        objects: the payload store; None leaves payloads, their rows and objects, as they are.
        settings: retentions and the disk rule; projects may have retentions of their own.
        now_ns: the moment that everything is compared with.
        dry_run: change nothing and report what would go.
        stop: asked between steps and batches; True ends the run there (state ``stopped``).
        measure: how full everything is; by default what can be seen from here.

    Raises:
        StoreUnavailable: the database cannot be reached, or its schema is not there yet.
    """
    started = datetime.fromtimestamp(now_ns // SECOND_NS, UTC)
    report = RetentionReport(dry_run=dry_run, started_at=f"{started:%Y-%m-%dT%H:%M:%SZ}")

    def check() -> None:
        if stop():
            raise Stopped

    try:
        with store.deletion.retention_run(dry_run=dry_run, check=check) as data:
            run = Run(
                deletion=store.deletion,
                data=data,
                objects=objects,
                now_ns=now_ns,
                dry_run=dry_run,
                check=check,
                report=report,
            )
            if measure is None:
                measure = measure_disks(data, objects, settings, store.file)
            _run_steps(run, settings, store, measure)
    except AnotherProcess:
        report.state = "busy"
    except Stopped:
        report.state = "stopped"
        _log.info("retention was asked to end; the next run goes on")
    return report


def _run_steps(run: Run, settings: Settings, store: Store, measure: Measure) -> None:
    projects = sorted(store.administration.projects(), key=lambda project: project.project_id)
    keep = cutoffs(settings, projects, run.now_ns)
    with run.step("interrupted"):
        run.data.finish_interrupted_drops(spans_day=keep.spans_day, payloads_day=keep.payloads_day)
    with run.step("payloads"):
        expire_payloads(run, keep)
    with run.step("spans"):
        expire_spans(run, keep)
    with run.step("records"):
        delete_records(run, keep)
    if not run.dry_run:
        with run.step("interrupted imports"):
            store.imports.remove_leftovers()
    with run.step("objects"):
        delete_orphans(run, keep)
    with run.step("exports"):
        delete_bundles(run, store.exports)
    if settings.retention_disk_percent is not None:
        with run.step("disk"):
            enforce_limit(run, keep, settings.retention_disk_percent, measure)
    if store.file is not None and not run.dry_run:
        with run.step("free pages"):
            run.data.reclaim_space()
