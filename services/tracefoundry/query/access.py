"""Which projects a request reads, and which trace it means.

A trace id is looked up in every project that the caller may read. Nothing is guessed: a project
that does not exist is 404, an id in several projects is 409, a deleted trace is 410.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from tracefoundry.query.errors import ApiError
from tracefoundry.store.reader import Snapshot
from tracefoundry.store.reader.row import Row


@dataclass(frozen=True, slots=True)
class Readable:
    """The projects of one request, as names by id."""

    names: dict[int, str]

    @property
    def ids(self) -> list[int]:
        """Their ids, ascending."""
        return sorted(self.names)


def readable(snapshot: Snapshot, project: str | None) -> Readable:
    """The projects that a request reads: the named one, else all.

    Raises:
        ApiError: 404 ``unknown_project``.
    """
    known = snapshot.projects()
    if project is None:
        return Readable({project_id: name for name, project_id in known.items()})
    if project not in known:
        raise ApiError(
            404,
            "unknown_project",
            f"there is no project {project[:63]!r}",
            "Known projects: " + (", ".join(list(known)[:20]) or "none") + ".",
        )
    return Readable({known[project]: project})


def the_trace(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> Row:
    """The ``traces`` row of an id.

    Raises:
        ApiError: 404, 409 ``ambiguous_project`` or 410 ``trace_deleted``.
    """
    rows = snapshot.find_traces(projects.ids, trace_id)
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise _ambiguous(projects, {row._mapping["project_id"] for row in rows}, trace_id)
    if snapshot.was_deleted(projects.ids, trace_id, time.time_ns()):
        raise ApiError(
            410,
            "trace_deleted",
            f"trace {trace_id.hex()} was deleted",
            "Its spans are refused until the retention window has passed them.",
        )
    raise ApiError(
        404,
        "trace_not_found",
        f"there is no trace {trace_id.hex()}",
        "Look at the id; a trace that was just sent needs a moment, an old one may have expired.",
    )


def the_owner(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> int:
    """The id of the project that has anything of a trace: spans, or logs that came alone.

    Who deletes a trace means all that is stored of it; only a trace with spans can be read.

    Raises:
        ApiError: 404, 409 ``ambiguous_project`` or 410 ``trace_deleted``.
    """
    owners = set(snapshot.projects_with_logs(projects.ids, trace_id))
    owners |= {row._mapping["project_id"] for row in snapshot.find_traces(projects.ids, trace_id)}
    if len(owners) > 1:
        raise _ambiguous(projects, owners, trace_id)
    if owners:
        return owners.pop()
    project: int = the_trace(snapshot, projects, trace_id)._mapping["project_id"]
    return project


def _ambiguous(projects: Readable, owners: Collection[int], trace_id: bytes) -> ApiError:
    names = ", ".join(sorted(projects.names[owner] for owner in owners))
    return ApiError(
        409,
        "ambiguous_project",
        f"trace {trace_id.hex()} is in several projects: {names}",
        "Name one with the parameter project.",
    )
