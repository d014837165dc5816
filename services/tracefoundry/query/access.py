"""Which projects a request reads, and which trace it means.

A trace id is looked up in every project that the caller may read. Nothing is guessed: a project
that does not exist is 404, an id in several projects is 409, a deleted trace is 410.
"""

from __future__ import annotations

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
    shown = trace_id.hex()
    if len(rows) == 1:
        return rows[0]
    if rows:
        names = sorted(projects.names[row._mapping["project_id"]] for row in rows)
        raise ApiError(
            409,
            "ambiguous_project",
            f"trace {shown} is in several projects: {', '.join(names)}",
            "Name one with the parameter project.",
        )
    if snapshot.was_deleted(projects.ids, trace_id):
        raise ApiError(
            410,
            "trace_deleted",
            f"trace {shown} was deleted",
            "Its spans are refused until the retention window has passed them.",
        )
    raise ApiError(
        404,
        "trace_not_found",
        f"there is no trace {shown}",
        "Look at the id; a trace that was just sent needs a moment, an old one may have expired.",
    )
