"""Routes of administration: the session, projects, tokens and the audit log.

Bodies are read by the routes themselves, after the caller's role has been checked and up to a
bound, where FastAPI would read them first and whole.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from tracefoundry import __version__
from tracefoundry.auth.access import Access
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.projects import ProjectChange, Projects
from tracefoundry.auth.shapes import entry_json, project_json, token_json
from tracefoundry.model.times import DAY_NS
from tracefoundry.query.access import AdminCaller, ViewerCaller
from tracefoundry.query.cursors import digest_of, read_audit_cursor, write_audit_cursor
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.parameters import MAX_NS, TIME_FORMS, time_ns
from tracefoundry.query.shapes import encode
from tracefoundry.store.records import ProjectRecord

MAX_BODY_BYTES = 64 * 1024
"""Limit of a body here; they are a few names."""

_STATUS = {
    "invalid": 400,
    "forbidden_project": 403,
    "unknown_project": 404,
    "unknown_token": 404,
    "name_taken": 409,
}

Moment = Annotated[str | None, Query(max_length=64, description=TIME_FORMS)]
Name = Annotated[str, Path(max_length=200)]
Body = TypeVar("Body", bound=msgspec.Struct)


class ProjectSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What may be set for a project: a mode or a duration, ``default`` or null for the platform's.

    A field that is left out stays as it is.
    """

    redaction: str | msgspec.UnsetType | None = msgspec.UNSET
    retention_spans: str | msgspec.UnsetType | None = msgspec.UNSET
    retention_payloads: str | msgspec.UnsetType | None = msgspec.UNSET

    def change(self) -> ProjectChange:
        """As a change."""
        return ProjectChange(
            redaction=_written(self.redaction),
            retention_spans=_written(self.retention_spans),
            retention_payloads=_written(self.retention_payloads),
        )


class NewProject(ProjectSettings, kw_only=True, forbid_unknown_fields=True):
    """A project to make, with or without settings of its own."""

    name: str


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token to make. ``expires`` is a duration such as 90d; null never."""

    name: str
    role: Role
    project: str | None = None
    expires: str | None = None


def administration_router(access: Access) -> APIRouter:
    """``/api/session``, ``/api/projects``, ``/api/tokens`` and ``/api/audit``."""
    router = APIRouter(prefix="/api", tags=["administration"])
    projects, tokens = access.projects, access.tokens

    @router.get("/session", summary="Who is asking, and what they may see")
    def session(caller: ViewerCaller) -> Response:
        return _json(
            {
                "role": caller.role,
                "name": caller.name,
                "project": caller.project,
                "projects": [project.name for project in _visible(projects, caller)],
                "login_required": access.gate.asks,
                "version": __version__,
            }
        )

    @router.get("/projects", summary="The projects that may be read, with their settings")
    def list_projects(caller: ViewerCaller) -> Response:
        shown = [project_json(projects, project) for project in _visible(projects, caller)]
        return _json({"projects": shown})

    @router.post(
        "/projects", summary="Make a project", status_code=201, openapi_extra=_body(NewProject)
    )
    async def create_project(request: Request, caller: AdminCaller) -> Response:
        if caller.project_id is not None:
            raise _other_project(caller)
        wanted = await _read(request, NewProject)
        made = await _run(projects.create, wanted.name, caller, wanted.change())
        return _json(project_json(projects, made), 201)

    @router.patch(
        "/projects/{name}",
        summary="Change what a project sets for itself",
        openapi_extra=_body(ProjectSettings),
    )
    async def set_project(name: Name, request: Request, caller: AdminCaller) -> Response:
        if caller.project_id is not None and caller.project != name:
            raise _other_project(caller)
        wanted = await _read(request, ProjectSettings)
        changed = await _run(projects.change, name, caller, wanted.change())
        return _json(project_json(projects, changed))

    @router.get("/tokens", summary="The tokens, without their texts")
    def list_tokens(caller: AdminCaller) -> Response:
        now = time.time_ns()
        mine = [record for record in tokens.all() if caller.project_id in (None, record.project_id)]
        return _json({"tokens": [token_json(record, now) for record in mine]})

    @router.post(
        "/tokens",
        summary="Make a token; the answer is the only place where it stands",
        status_code=201,
        openapi_extra=_body(NewToken),
    )
    async def create_token(request: Request, caller: AdminCaller) -> Response:
        wanted = await _read(request, NewToken)
        project = wanted.project
        if caller.project_id is not None:
            if project not in (None, caller.project):
                raise _other_project(caller)
            project = caller.project
        text, record = await _run(
            tokens.create, wanted.name, wanted.role, caller, project=project, expires=wanted.expires
        )
        return _json({"token": text, **token_json(record, time.time_ns())}, 201)

    @router.delete("/tokens/{name}", summary="Revoke a token by its name or id")
    def revoke_token(name: Name, caller: AdminCaller) -> Response:
        """It is refused everywhere within 5 seconds."""
        return _json(token_json(_translated(tokens.revoke, name, caller), time.time_ns()))

    @router.get("/audit", summary="Who read, changed and deleted what, and who was refused")
    def audit(
        caller: AdminCaller,
        start: Annotated[
            str | None,
            Query(max_length=64, description=f"{TIME_FORMS}; default 24 h ago, 0 for all."),
        ] = None,
        end: Moment = None,
        action: Annotated[str | None, Query(max_length=100)] = None,
        outcome: Literal["allowed", "denied"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        """Newest first. A row with a ``count`` above 1 stands for as many refusals within a
        minute. Who holds for one project sees the entries that name it."""
        question = digest_of(
            {"start": start, "end": end, "action": action, "outcome": outcome, "of": caller.project}
        )
        if cursor is None:
            after, window = None, _window(start, end)
        else:
            after, window = read_audit_cursor(cursor, question)
        entries, following = access.audit.page(
            start_ns=window[0],
            end_ns=window[1],
            action=action,
            outcome=outcome,
            project=caller.project,
            after=after,
            limit=limit,
        )
        return _json(
            {
                "entries": [entry_json(entry) for entry in entries],
                "start_ns": str(window[0]),
                "end_ns": str(window[1]),
                "next_cursor": (
                    None if following is None else write_audit_cursor(following, window, question)
                ),
            }
        )

    return router


def _written(value: str | msgspec.UnsetType | None) -> str | None:
    """A setting of a body as it is written elsewhere: null takes the project's own away."""
    if value is msgspec.UNSET:
        return None
    return value or "default"


def _visible(projects: Projects, caller: Caller) -> list[ProjectRecord]:
    return [
        project for project in projects.all() if caller.project_id in (None, project.project_id)
    ]


def _other_project(caller: Caller) -> ApiError:
    return ApiError(
        403,
        "forbidden_project",
        f"the token {caller.name!r} holds for the project {caller.project!r} alone",
        "Use a token that holds for all projects.",
    )


async def _read(request: Request, shape: type[Body]) -> Body:
    """The body of a request as its struct.

    Raises:
        ApiError: 400, or 413 when it is far too large.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(
                413, "too_large", "the body is far too large", f"Send up to {MAX_BODY_BYTES} bytes."
            )
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_parameter(
            "body", str(error)[:200], "Send a JSON object; /docs shows its fields."
        ) from None


def _translated(change: Any, *args: Any, **options: Any) -> Any:
    """The result of a change; its refusals as errors of the API."""
    try:
        return change(*args, **options)
    except AccessError as error:
        code = "invalid_parameter" if error.kind == "invalid" else error.kind
        raise ApiError(_STATUS[error.kind], code, error.message, error.remedy) from None


async def _run(change: Any, *args: Any, **options: Any) -> Any:
    return await run_in_threadpool(_translated, change, *args, **options)


def _window(start: str | None, end: str | None) -> tuple[int, int]:
    """[start, end) in ns."""
    now = time.time_ns()
    end_ns = MAX_NS if end is None else time_ns("end", end)
    start_ns = max(0, min(now, end_ns) - DAY_NS) if start is None else time_ns("start", start)
    if start_ns > end_ns:
        raise invalid_parameter("end", "it is before start")
    return start_ns, end_ns


def _body(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """What /openapi.json says of a body that the route reads itself."""
    (schema,), parts = msgspec.json.schema_components([shape], ref_template="#/{name}")
    name = schema["$ref"].removeprefix("#/")
    content = {"application/json": {"schema": _without_refs(parts[name], parts)}}
    return {"requestBody": {"required": True, "content": content}}


def _without_refs(schema: Any, parts: dict[str, Any]) -> Any:
    """A schema with the parts that it refers to put in their places."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _without_refs(parts[schema["$ref"].removeprefix("#/")], parts)
        return {key: _without_refs(value, parts) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_without_refs(value, parts) for value in schema]
    return schema


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status_code=status, media_type="application/json")
