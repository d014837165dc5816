"""Objects that no row names: what a writer stored and then could not commit.

A writer puts its objects before its commit, so a young object without a row is the normal case;
after 24 hours it is a leftover. An object can become wanted again while we look at it: a sender
that could not be served for a day sends the same spans again, which make the same object. So
before a deletion the store and the database are asked once more.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping

from tracefoundry.model.times import DAY_NS, day_of_date
from tracefoundry.payloads.objects import ObjectStore, StoredObject, check_name, day_prefix
from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs

ORPHAN_AGE_NS = DAY_NS
"""Older objects without a row are leftovers."""
BATCH_OBJECTS = 1_000
"""Objects that the database is asked about at once."""


def delete_orphans(run: Run, cutoffs: Cutoffs) -> None:
    """Delete objects that are older than a day and that no row names.

    Objects of projects that this database does not know stay: another database's platform may
    share the place.

    Raises:
        ObjectStoreUnavailable: batches before are deleted; running again goes on.
        Stopped: the same.
        StoreUnavailable: the same.
    """
    objects = run.objects
    if objects is None:
        return
    known = {project.name: project.project_id for project in cutoffs.projects}
    old = (one for one in objects.list() if _is_old(run, one))
    for (project, date), group in itertools.groupby(old, key=_place):
        project_id = known.get(project)
        while batch := list(itertools.islice(group, BATCH_OBJECTS)):
            run.check()
            if project_id is None:
                run.report.objects.unknown_projects += len(batch)
            else:
                _delete_batch(run, objects, project, project_id, date, batch)


def _delete_batch(
    run: Run,
    objects: ObjectStore,
    project: str,
    project_id: int,
    date: datetime.date,
    batch: Iterable[StoredObject],
) -> None:
    orphans = _without_rows(run, project_id, date, {one.name: one for one in batch})
    if orphans and not run.dry_run:
        listed = objects.list(day_prefix(project, date))
        still = {one.name: one for one in listed if one.name in orphans and _is_old(run, one)}
        orphans = _without_rows(run, project_id, date, still)
        objects.delete(orphans)
    run.report.objects.orphans += len(orphans)
    run.report.objects.bytes += sum(one.size_bytes for one in orphans.values())


def _without_rows(
    run: Run, project_id: int, date: datetime.date, found: Mapping[str, StoredObject]
) -> dict[str, StoredObject]:
    if not found:
        return {}
    digests = {name: bytes.fromhex(check_name(name)[2]) for name in found}
    named = run.deletion.objects_in_use(project_id, day_of_date(date), set(digests.values()))
    return {name: one for name, one in found.items() if digests[name] not in named}


def _is_old(run: Run, stored: StoredObject) -> bool:
    return stored.modified_at_ns < run.now_ns - ORPHAN_AGE_NS


def _place(stored: StoredObject) -> tuple[str, datetime.date]:
    project, date, _ = check_name(stored.name)
    return project, datetime.date.fromisoformat(date)
