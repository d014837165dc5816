"""Routes of administration: the session, projects, tokens and the audit log."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Response

from tracefoundry import __version__
from tracefoundry.auth.access import Access
from tracefoundry.auth.answers import (
    audit_entry_answer,
    project_answer,
    project_answers,
    token_answer,
)
from tracefoundry.auth.audit import is_of_another_project
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.projects import ProjectChange, Projects
from tracefoundry.auth.quota_changes import DEFAULT, field_of
from tracefoundry.model.quotas import QUOTA_NAMES
from tracefoundry.model.times import DAY_NS
from tracefoundry.query.access import AdminCaller, ViewerCaller
from tracefoundry.query.answers import json_response
from tracefoundry.query.cursors import digest_of, read_audit_cursor, write_audit_cursor
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import (
    NamePath,
    NewProject,
    NewToken,
    ProjectSettings,
    ReadAudit,
)
from tracefoundry.schemas.administration import AuditEntry as Entry
from tracefoundry.schemas.administration import (
    AuditPage,
    CreatedToken,
    Project,
    ProjectList,
    Session,
    Token,
    TokenList,
)
from tracefoundry.store.records import ANY_TIME_NS, AuditEntry, ProjectRecord

OTHER_PROJECTS_TOKEN = "(token of another project)"  # noqa: S105 - stands in place of a name


def administration_router(access: Access) -> APIRouter:
    """``/api/session``, ``/api/projects``, ``/api/tokens`` and ``/api/audit``."""
    router = APIRouter(prefix="/api", tags=["administration"])
    _add_projects(router, access)
    _add_tokens(router, access)
    _add_audit(router, access)
    return router


def _add_projects(router: APIRouter, access: Access) -> None:
    projects = access.projects

    @router.get(
        "/session", summary="Who is asking, and what they may see", responses=answers(Session)
    )
    def get_session(caller: ViewerCaller) -> Response:
        return json_response(
            Session(
                role=caller.role.value,
                name=caller.name,
                project=caller.project,
                projects=[project.name for project in _visible(projects, caller)],
                login_required=access.gate.asks,
                version=__version__,
            )
        )

    @router.get(
        "/projects",
        summary="The projects that may be read, with their settings",
        responses=answers(ProjectList),
    )
    def list_projects(caller: ViewerCaller) -> Response:
        shown = project_answers(projects, _visible(projects, caller))
        return json_response(ProjectList(shown))

    @router.post(
        "/projects",
        summary="Make a project",
        status_code=201,
        responses=answers(Project, status=201, errors=(409, 413, 422)),
    )
    def create_project(wanted: NewProject, caller: AdminCaller) -> Response:
        if caller.project_id is not None:
            raise _other_project(caller)
        made = projects.create(wanted.name, caller, _change(wanted))
        return json_response(project_answer(projects, made), 201)

    @router.patch(
        "/projects/{name}",
        summary="Change what a project sets for itself",
        responses=answers(Project, errors=(404, 413, 422)),
    )
    def set_project(name: NamePath, wanted: ProjectSettings, caller: AdminCaller) -> Response:
        if caller.project_id is not None and caller.project != name:
            raise _other_project(caller)
        return json_response(
            project_answer(projects, projects.change(name, caller, _change(wanted)))
        )


def _add_tokens(router: APIRouter, access: Access) -> None:
    tokens = access.tokens

    @router.get("/tokens", summary="The tokens, without their texts", responses=answers(TokenList))
    def list_tokens(caller: AdminCaller) -> Response:
        now = time.time_ns()
        mine = [record for record in tokens.all() if caller.project_id in (None, record.project_id)]
        return json_response(TokenList([token_answer(record, now) for record in mine]))

    @router.post(
        "/tokens",
        summary="Make a token; the answer is the only place where its text is",
        status_code=201,
        responses=answers(CreatedToken, status=201, errors=(404, 409, 413)),
    )
    def create_token(wanted: NewToken, caller: AdminCaller) -> Response:
        project = wanted.project
        if caller.project_id is not None:
            if project not in (None, caller.project):
                raise _other_project(caller)
            project = caller.project
        text, record = tokens.create(
            wanted.name, Role(wanted.role), caller, project=project, expires=wanted.expires
        )
        shown = token_answer(record, time.time_ns())
        fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
        return json_response(CreatedToken(token=text, **fields), 201)

    @router.delete(
        "/tokens/{name}",
        summary="Revoke a token by its name or id",
        responses=answers(Token, errors=(404, 409)),
    )
    def revoke_token(name: NamePath, caller: AdminCaller) -> Response:
        """It is refused everywhere within 5 seconds."""
        return json_response(token_answer(tokens.revoke(name, caller), time.time_ns()))


def _add_audit(router: APIRouter, access: Access) -> None:
    @router.get(
        "/audit",
        summary="Who read, changed and deleted what, and who was refused",
        responses=answers(AuditPage),
    )
    def read_audit(caller: AdminCaller, asked: Annotated[ReadAudit, Query()]) -> Response:
        """Newest first. A row with a `count` above 1 stands for as many refusals within a
        minute. Who holds for one project sees the entries that name it."""
        question = digest_of(
            {**asked.model_dump(exclude={"cursor", "limit"}), "of": caller.project}
        )
        if asked.cursor is None:
            after, window = None, _window(asked)
        else:
            after, window = read_audit_cursor(asked.cursor, question)
        entries, following = access.audit.page(
            start_ns=window[0],
            end_ns=window[1],
            action=asked.action,
            outcome=asked.outcome,
            project=caller.project,
            after=after,
            limit=asked.limit,
        )
        return json_response(
            AuditPage(
                entries=_shown_entries(access, caller, entries),
                start_ns=str(window[0]),
                end_ns=str(window[1]),
                next_cursor=(
                    None if following is None else write_audit_cursor(following, window, question)
                ),
            )
        )


def _shown_entries(access: Access, caller: Caller, entries: list[AuditEntry]) -> list[Entry]:
    """Entries as the caller may see them: who tried to reach a project with a token of another one
    is shown to the admin of the first without the token's name."""
    shown = [audit_entry_answer(entry) for entry in entries]
    if caller.project_id is not None:
        known = (None, caller.project_id)
        tokens = access.tokens.all()
        # Entries of older versions have names alone. A name that was used again stands with the id
        # of its earlier token behind it.
        hidden = {
            token.name.partition("#")[0] for token in tokens if token.project_id not in known
        } - {token.name for token in tokens if token.project_id in known}
        for entry in shown:
            others = is_of_another_project(entry.detail)
            if others:
                entry.detail = None
            if others or entry.actor in hidden:
                entry.actor = OTHER_PROJECTS_TOKEN
    return shown


def _change(wanted: ProjectSettings) -> ProjectChange:
    """A body as a change: null takes the project's own setting away, as ``default`` does."""

    def written(name: str) -> str | None:
        given: str | None = getattr(wanted, name)
        return (given or DEFAULT) if name in wanted.model_fields_set else None

    return ProjectChange(
        redaction=written("redaction"),
        retention_spans=written("retention_spans"),
        retention_payloads=written("retention_payloads"),
        quotas={
            name: DEFAULT if given is None else str(given)
            for name in QUOTA_NAMES
            for given in [getattr(wanted, field_of(name))]
            if field_of(name) in wanted.model_fields_set
        },
    )


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


def _window(asked: ReadAudit) -> tuple[int, int]:
    """[start, end) in ns; entries have no end by default."""
    now = time.time_ns()
    end_ns = ANY_TIME_NS if asked.end is None else asked.end
    start_ns = max(0, min(now, end_ns) - DAY_NS) if asked.start is None else asked.start
    if start_ns > end_ns:
        raise invalid_parameter("end", "it is before start")
    return start_ns, end_ns
