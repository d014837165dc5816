"""``POST /api/bundles/import``: a bundle, or a file of another platform, put into the store.

The body is the file itself. It is streamed into an unlinked temporary file, so that it can be
proven whole before anything is stored, and is bounded in size and by the free space of the disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO, Literal, cast

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from tracefoundry.auth.caller import Caller
from tracefoundry.auth.projects import Projects
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.import_bundle import import_bundle, import_spans
from tracefoundry.bundle.import_options import (
    ImportNotPossible,
    ImportOptions,
    ImportReport,
    ImportTarget,
    RefusalCode,
)
from tracefoundry.disk_space import is_full
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import read_file
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.query.access import AdminCaller, Audit, readable
from tracefoundry.query.answers import json_response
from tracefoundry.query.errors import ApiError
from tracefoundry.query.openapi import answers
from tracefoundry.query.settings import QuerySettings
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Mode, Policy, UserPatterns
from tracefoundry.schemas.imports import ImportAnswer, ImportNotes
from tracefoundry.schemas.spans import RedactionCount
from tracefoundry.store.api import (
    AnotherProcess,
    ImportConflict,
    ImportRefused,
    Store,
    StoreUnavailable,
)
from tracefoundry.store.records import ProjectRecord

Format = Literal["bundle", "otlp", "atif", "langfuse", "phoenix"]

PATH = "/api/bundles/import"
ZIP_BEGINNING = b"PK"
CHECK_ROOM_BYTES = 8 * 1024 * 1024
"""How much is received between two looks at the free space of the disk."""

_STATUS: dict[RefusalCode, int] = {
    "unknown_project": 404,
    "ambiguous_trace": 409,
    "weaker_redaction": 422,
    "no_room": 503,
}


def import_router(
    store: Store,
    settings: QuerySettings,
    projects: Projects,
    patterns: UserPatterns,
    objects: ObjectStore | None,
    keys: KeyRing,
) -> APIRouter:
    """The route of imports."""
    router = APIRouter(prefix="/api", tags=["traces"])

    @router.post(
        "/bundles/import",
        summary="Import a bundle, or a trace file of another platform; the body is the file",
        responses=answers(ImportAnswer, errors=(404, 409, 413, 422)),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
    )
    async def import_traces(
        request: Request,
        caller: AdminCaller,
        record: Audit,
        project: Annotated[
            str | None,
            Query(description="Puts all traces into this project.", examples=["default"]),
        ] = None,
        redact: Annotated[
            bool,
            Query(
                description="Applies the project's redaction policy to a bundle.", examples=[True]
            ),
        ] = False,
        format: Annotated[
            Format | None, Query(description="The format; told by the content if left out.")
        ] = None,
    ) -> Response:
        await run_in_threadpool(_check_project, store, project, caller)
        with tempfile.TemporaryFile() as file:
            await _receive(request, file, settings.import_max_bytes)
            work = partial(
                _import,
                store,
                None if objects is None else _payload_writer(objects, keys),
                cast("BinaryIO", file),
                partial(_options, projects, patterns, caller, project=project, redact=redact),
                format,
            )
            await run_in_threadpool(record, "bundle.import", project=project)
            return json_response(_answer(await run_in_threadpool(work)))

    return router


def _check_project(store: Store, project: str | None, caller: Caller) -> None:
    """Refuse a project that the caller may not write to, before the body is received."""
    with store.reader.snapshot() as snapshot:
        readable(snapshot, project, caller)


async def _receive(request: Request, file: IO[bytes], most_bytes: int) -> None:
    """Write the body into a file.

    Raises:
        ApiError: 413 where it is too large, 503 where the disk is full.
    """
    size = checked = 0
    folder = Path(tempfile.gettempdir())
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise ApiError(
                413,
                "too_large",
                f"the file has more than {most_bytes:,} bytes",
                "Export fewer traces into one bundle.",
            )
        if size - checked >= CHECK_ROOM_BYTES:
            checked = size
            if is_full(folder):
                raise _no_room()
        try:
            file.write(piece)
        except OSError as error:
            raise _no_room() from error
    file.seek(0)


def _no_room() -> ApiError:
    return ApiError(
        503,
        "no_room",
        "the disk of temporary files is full",
        "Make room on the server's disk for temporary files, and send the file again.",
    )


def _payload_writer(objects: ObjectStore, keys: KeyRing) -> PayloadWriter:
    return PayloadWriter(objects, BlobCodec(keys), previews=keys.current_id is None)


def _options(
    projects: Projects,
    patterns: UserPatterns,
    caller: Caller,
    *,
    project: str | None,
    redact: bool,
) -> ImportOptions:
    """Where the caller may import into, and how."""
    targets = {
        record.name: _target(projects, patterns, record)
        for record in projects.all()
        if caller.project_id in (None, record.project_id)
    }
    return ImportOptions(projects=targets, project=project, redact=redact)


def _target(projects: Projects, patterns: UserPatterns, record: ProjectRecord) -> ImportTarget:
    mode, *_ = projects.effective(record)

    @cache
    def redactor() -> Redactor:
        try:
            known = Mode(mode)
        except ValueError as error:
            trouble = (
                f"project {record.name!r} asks for a redaction mode that this version does not know"
            )
            raise StoreUnavailable(trouble, public=trouble) from error
        on = projects.personal_data(record) != "off"
        return Redactor(Policy.of(known, patterns, personal_data=on))

    return ImportTarget(record.project_id, record.name, mode, redactor)


def _import(
    store: Store,
    payloads: PayloadWriter | None,
    file: BinaryIO,
    options: Callable[[], ImportOptions],
    format: Format | None,
) -> ImportReport:
    """The import; refusals as answers of the API."""
    is_bundle = format == "bundle" or (format is None and file.read(2) == ZIP_BEGINNING)
    file.seek(0)
    now_ns = time.time_ns()
    try:
        if is_bundle:
            return import_bundle(store, payloads, file, options(), now_ns=now_ns)
        opened = read_file(file, cast("Any", format))
        report = import_spans(store, payloads, opened.chunks(), options(), now_ns=now_ns)
        report.notes += opened.report.lines()
    except NotABundle as error:
        raise ApiError(
            400,
            "invalid_bundle",
            f"the file is no valid bundle: {error}",
            "Get the file again; `tracefoundry bundle verify FILE` says what is wrong with it.",
        ) from error
    except UnreadableFile as error:
        raise ApiError(
            400, "unreadable_file", str(error), "Correct the file; nothing was stored."
        ) from error
    except ImportNotPossible as error:
        raise ApiError(_STATUS[error.code], error.code, str(error), error.remedy) from error
    except ImportRefused as error:
        raise ApiError(422, "import_refused", str(error), "Nothing was stored.") from error
    except ImportConflict as error:
        raise _conflict(error) from error
    except AnotherProcess as error:
        raise ApiError(
            409, "import_running", str(error), "Try again when the other import has ended."
        ) from error
    return report


def _conflict(error: ImportConflict) -> ApiError:
    kind = "came over OTLP" if error.live else "was imported with other content"
    return ApiError(
        409,
        "trace_exists",
        f"{error}: it {kind}; nothing was imported",
        "Name another project with project=, or delete that trace first.",
    )


def _answer(report: ImportReport) -> ImportAnswer:
    redactions = [RedactionCount(rule, count) for rule, count in report.redactions.items()]
    return ImportAnswer(
        traces=report.traces,
        spans=report.spans,
        logs=report.logs,
        payloads=report.payloads,
        already_present=report.already_present,
        report=ImportNotes(redactions, report.notes),
    )
