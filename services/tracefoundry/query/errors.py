"""Errors of the API: one shape, whichever layer found them.

``{"error": {"code", "message", "remedy"}}``. Wrong parameters are 400 ``invalid_parameter``, also
where FastAPI finds them (it would say 422); trouble that may pass is 503 with ``Retry-After``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tracefoundry.auth.errors import AccessError, Kind
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.rare_log import RareLog
from tracefoundry.schemas.errors import Error, ErrorAnswer
from tracefoundry.store.api import StoreUnavailable

log = logging.getLogger(__name__)

_ACCESS_STATUS: dict[Kind, int] = {
    "invalid": 400,
    "out_of_bounds": 422,
    "forbidden_project": 403,
    "unknown_project": 404,
    "unknown_token": 404,
    "ambiguous_token": 409,
    "name_taken": 409,
}
"""The status of each refusal of a change of projects and tokens."""


class ApiError(Exception):
    """An answer that is an error. ``remedy`` says what the caller can do."""

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy


def invalid_parameter(name: str, problem: str, remedy: str = "") -> ApiError:
    """400 for the parameter ``name``."""
    return ApiError(
        400,
        "invalid_parameter",
        f"{name}: {problem}",
        remedy or f"Correct {name}; /docs lists the parameters and their forms.",
    )


def error_body(code: str, message: str, remedy: str) -> bytes:
    """The JSON of an error."""
    return msgspec.json.encode(ErrorAnswer(Error(code, message, remedy)))


def error_response(
    status: int, code: str, message: str, remedy: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The response of an error."""
    return Response(
        error_body(code, message, remedy),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def install(app: FastAPI, retry_after_seconds: int) -> None:
    """Answer every error of this app in our shape."""

    @app.exception_handler(ApiError)
    async def on_api_error(_request: Request, error: ApiError) -> Response:
        headers = {"Retry-After": str(retry_after_seconds)} if error.status == 503 else None
        return error_response(
            error.status, error.code, error.message, error.remedy, headers=headers
        )

    @app.exception_handler(RequestValidationError)
    async def on_validation(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = [str(part) for part in first.get("loc", ())[1:]]
        if first.get("type") == "json_invalid" or not place:
            place = ["body"]
        problem = invalid_parameter(".".join(place), _problem(first))
        return error_response(problem.status, problem.code, problem.message, problem.remedy)

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).name.lower()
        remedy = "See /docs for the paths and methods of this API."
        return error_response(
            error.status_code, code, str(error.detail), remedy, headers=error.headers
        )

    @app.exception_handler(AccessError)
    async def on_access_error(_request: Request, error: AccessError) -> Response:
        code = "invalid_parameter" if error.kind == "invalid" else error.kind
        return error_response(_ACCESS_STATUS[error.kind], code, error.message, error.remedy)

    rare_log = RareLog()

    # The messages may name a host, a user or a folder: they are for the log.
    @app.exception_handler(StoreUnavailable)
    async def on_unavailable(_request: Request, error: StoreUnavailable) -> Response:
        rare_log.warn(str(error), f"requests are answered as unavailable: {error}")
        return error_response(
            503,
            "store_unavailable",
            error.public,
            "Try again; if it goes on, look at the database and at /readyz.",
            headers={"Retry-After": str(retry_after_seconds)},
        )

    @app.exception_handler(ObjectStoreUnavailable)
    async def on_objects_unavailable(_request: Request, error: ObjectStoreUnavailable) -> Response:
        rare_log.warn(str(error), f"requests are answered as unavailable: {error}")
        return error_response(
            503,
            "payload_store_unavailable",
            error.public,
            "Try again; if it goes on, look at the object store and at /readyz.",
            headers={"Retry-After": str(retry_after_seconds)},
        )

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> Response:
        log.error("defect while answering %s %s", request.method, request.url.path, exc_info=error)
        return error_response(
            500,
            "internal_error",
            "the server made a mistake while answering",
            "Report it with the server's log; the request itself may be right.",
        )


def _problem(detail: Mapping[str, Any]) -> str:
    """What FastAPI found, in one line, with the value cut where it is long."""
    message = str(detail.get("msg", "is not valid"))
    if detail.get("type") == "value_error":  # from a validator of ours, which shows the value
        return message.removeprefix("Value error, ")
    value = detail.get("input")
    if value is None or detail.get("type") == "missing":
        return message
    shown = str(value)
    return f"{message} (got {shown[:80]!r})"
