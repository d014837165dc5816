"""Makes /openapi.json true and complete.

FastAPI describes the parameters and bodies, which are pydantic models; the answers are msgspec
structs (``tracefoundry.schemas``), which :func:`answers` names at each route and
:func:`document` describes. The document also says what holds for all routes: the bearer token, the
roles, and the errors that any route may answer with. Requests are refused with 400 where FastAPI
would say 422, so its 422 is not in it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from tracefoundry.schemas.errors import ErrorAnswer

_TEMPLATE = "#/components/schemas/{name}"
_STRUCTS: set[type[msgspec.Struct]] = {ErrorAnswer}

ERRORS = {
    400: "A parameter, cursor or body is wrong; the message names it.",
    401: "No token, or none that is valid.",
    403: "The token's role or project does not allow this.",
    404: "There is no such project, trace, span, payload or token.",
    409: "The id is in several projects, or the name is taken.",
    410: "It was there, and was deleted or has expired.",
    413: "The body is too large.",
    422: "It passes a bound of the platform or the project; the message names it.",
    500: "The server made a mistake, or the stored bytes are damaged.",
    503: "The database or the object store cannot answer now; try again after `Retry-After` s.",
}
"""What each status of an error means."""

_ANY_ROUTE = (400, 401, 403, 500, 503)

TAGS = [
    {"name": "traces", "description": "List, search, open, sum up and delete traces."},
    {"name": "spans", "description": "The spans of a trace: in pages, as a tree, by id."},
    {"name": "payloads", "description": "Prompts, replies, tool data and documents."},
    {"name": "bundles", "description": "Traces as files: export."},
    {"name": "administration", "description": "Projects, tokens and the audit log."},
    {"name": "health", "description": "Probes and figures of the process. No token is needed."},
]

_ROLES = {
    "viewer": ["viewer", "engineer", "admin"],
    "engineer": ["engineer", "admin"],
    "admin": ["admin"],
}
"""Which roles a route takes, by the dependency that names the least of them (``query.access``)."""


def json_of(*structs: type[msgspec.Struct]) -> dict[str, Any]:
    """An answer in JSON: one of these structs."""
    _STRUCTS.update(structs)
    refs = [{"$ref": _TEMPLATE.format(name=struct.__name__)} for struct in structs]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}}


def answers(
    *structs: type[msgspec.Struct],
    status: int = 200,
    errors: tuple[int, ...] = (),
    describe: str = "The answer.",
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route: the struct (or one of the structs) that it answers with, and
    the errors of its own."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": describe, "content": json_of(*structs)}
    }
    for code in errors:
        found[code] = {"description": ERRORS[code], "content": json_of(ErrorAnswer)}
    return found


def operation_id(route: APIRoute) -> str:
    """The name of a route's function: generated clients call their methods so."""
    return route.name


def describe(app: FastAPI) -> None:
    """Make :func:`document` the OpenAPI document of an application, made when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
    )
    roles = dict(_roles(app.routes))
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, roles.get((path, method)))
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    ordered = sorted(_STRUCTS, key=lambda struct: struct.__name__)
    _, parts = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    for part in parts.values():
        _require_what_is_always_sent(part)
    schemas.update(parts)
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token (tracefoundry token create). On a loopback address without"
            " --require-token none is needed.",
        }
    }
    return made


def _require_what_is_always_sent(part: dict[str, Any]) -> None:
    """A field with a default is optional for who reads an answer of another version, but this
    server always sends it. Only fields that may be unset are optional in the document; they have
    no default in it."""
    required = set(part.get("required", ()))
    for name, field in part.get("properties", {}).items():
        if "default" in field:
            required.add(name)
            del field["default"]
    if required:
        part["required"] = sorted(required)


def _complete(operation: dict[str, Any], path: str, roles: list[str] | None) -> None:
    """What holds for all routes."""
    responses = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    if not path.startswith("/api/"):
        operation["security"] = []
        return
    operation["security"] = [{"bearer": roles or []}]
    for code in _ANY_ROUTE:
        responses.setdefault(
            str(code), {"description": ERRORS[code], "content": json_of(ErrorAnswer)}
        )
    operation["responses"] = dict(sorted(responses.items()))


def _roles(routes: Any) -> list[tuple[tuple[str, str], list[str]]]:
    """The roles that each (path, method) takes."""
    found = []
    waiting = list(routes)
    while waiting:
        route = waiting.pop()
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
        if not isinstance(route, APIRoute):
            continue
        for part in route.dependant.dependencies:
            roles = _ROLES.get(getattr(part.call, "__name__", ""))
            if roles is not None:
                found += [
                    ((route.path_format, method.lower()), roles) for method in route.methods or ()
                ]
    return found
