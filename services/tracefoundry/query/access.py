"""Who is asking, which projects the request reads, and which trace it means.

Authentication (``query.authentication``) has found the caller before a route runs. Each route then
names the role that it wants by one of the dependencies here; a route without one would be open, and
a test walks all routes to prove that there is none.

A trace id is looked up in every project that the caller may read: a project that does not exist is
404, an id in several projects is 409, a deleted trace is 410. A caller whose token is for one
project gets 403 for every other one, whether it exists or not.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from tracefoundry.auth.caller import Caller
from tracefoundry.query.errors import ApiError
from tracefoundry.store.api import Snapshot
from tracefoundry.store.records import StoredTrace


def _known(request: Request) -> Caller:
    """The caller that authentication found.

    Raises:
        ApiError: 401; this application runs without authentication, so nobody is let in.
    """
    caller = getattr(request.state, "caller", None)
    if isinstance(caller, Caller):
        return caller
    raise ApiError(
        401,
        "unauthenticated",
        "nobody said who is asking",
        "Send a token: Authorization: Bearer TOKEN.",
    )


def _forbidden(caller: Caller, wanted: str) -> ApiError:
    return ApiError(
        403,
        "forbidden",
        f"the token {caller.name!r} has the role {caller.role}; this wants {wanted}",
        "Use a token with that role; an admin makes one with tracefoundry token create.",
    )


async def viewer(request: Request) -> Caller:
    """Route dependency: the caller, who may read metadata.

    Raises:
        ApiError: 403.
    """
    caller = _known(request)
    if not caller.may_read:
        raise _forbidden(caller, "viewer, engineer or admin")
    return caller


async def engineer(request: Request) -> Caller:
    """Route dependency: the caller, who may read content.

    Raises:
        ApiError: 403.
    """
    caller = _known(request)
    if not caller.may_read_content:
        raise _forbidden(caller, "engineer or admin")
    return caller


async def admin(request: Request) -> Caller:
    """Route dependency: the caller, who may change and delete.

    Raises:
        ApiError: 403.
    """
    caller = _known(request)
    if not caller.may_administer:
        raise _forbidden(caller, "admin")
    return caller


ViewerCaller = Annotated[Caller, Depends(viewer)]
EngineerCaller = Annotated[Caller, Depends(engineer)]
AdminCaller = Annotated[Caller, Depends(admin)]


class Recorder(Protocol):
    """Writes into the audit log what the caller of this request is about to do."""

    def __call__(
        self,
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record it.

        Raises:
            StoreUnavailable: it could not be recorded, so it must not be done.
        """
        ...


async def recorder(request: Request) -> Recorder:
    """Route dependency: the audit log, for this request's caller."""
    caller = _known(request)
    audit: Any = request.app.state.audit

    def record(
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        audit.record(caller, action, target=target, project=project, detail=detail)

    return record


Audit = Annotated[Recorder, Depends(recorder)]


@dataclass(frozen=True, slots=True)
class Readable:
    """The projects of one request, as names by id."""

    names: dict[int, str]

    @property
    def ids(self) -> list[int]:
        """Their ids, ascending."""
        return sorted(self.names)


def readable(snapshot: Snapshot, project: str | None, caller: Caller) -> Readable:
    """The projects that a request reads: the named one, else all that the caller may read.

    Raises:
        ApiError: 403 ``forbidden_project``, or 404 ``unknown_project`` for those who may read all.
    """
    known = snapshot.projects()
    if caller.project_id is not None:
        if project is not None and known.get(project) != caller.project_id:
            raise ApiError(
                403,
                "forbidden_project",
                f"the token {caller.name!r} may not use the project {project[:63]!r}",
                f"It holds for the project {caller.project!r} alone.",
            )
        return Readable(
            {
                project_id: name
                for name, project_id in known.items()
                if project_id == caller.project_id
            }
        )
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


def the_trace(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> StoredTrace:
    """The trace with an id.

    Raises:
        ApiError: 404, 409 ``ambiguous_project`` or 410 ``trace_deleted``.
    """
    found = snapshot.find_traces(projects.ids, trace_id)
    if not found:
        raise _absent(snapshot, projects, trace_id)
    if len(found) > 1:
        raise _ambiguous(projects, {trace.project_id for trace in found}, trace_id)
    return found[0]


def the_owner(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> int:
    """The id of the project that has anything of a trace: spans, logs that came without spans, or
    payloads that an interrupted deletion left. All of it can be deleted; only a trace with spans
    can be read.

    Raises:
        ApiError: 404, 409 ``ambiguous_project`` or 410 ``trace_deleted``.
    """
    owners = snapshot.owners(projects.ids, trace_id)
    if not owners:
        raise _absent(snapshot, projects, trace_id)
    if len(owners) > 1:
        raise _ambiguous(projects, owners, trace_id)
    return owners.pop()


def _absent(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> ApiError:
    if snapshot.was_deleted(projects.ids, trace_id, time.time_ns()):
        return ApiError(
            410,
            "trace_deleted",
            f"trace {trace_id.hex()} was deleted",
            "Its spans are refused until the retention window has passed them.",
        )
    return ApiError(
        404,
        "trace_not_found",
        f"there is no trace {trace_id.hex()}",
        "Look at the id; a trace that was just sent needs a moment, an old one may have expired.",
    )


def _ambiguous(projects: Readable, owners: Collection[int], trace_id: bytes) -> ApiError:
    names = ", ".join(sorted(projects.names[owner] for owner in owners))
    return ApiError(
        409,
        "ambiguous_project",
        f"trace {trace_id.hex()} is in several projects: {names}",
        "Name one with the parameter project.",
    )
