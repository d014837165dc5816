"""Routes that export traces as bundles: one trace, or a selection as in the list of traces.

Content leaves with a bundle, so exports want the role engineer, also those without payloads, and
each has its entry in the audit log before its first byte.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Response

from tracefoundry.auth.caller import Caller
from tracefoundry.bundle.members import MAX_TRACES
from tracefoundry.query.access import (
    Audit,
    EngineerCaller,
    Readable,
    Recorder,
    readable,
    the_trace,
)
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.exporting import Announce, Exporting
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import (
    ExportTrace,
    ExportTraces,
    Parameters,
    SelectTraces,
    TraceIdPath,
)
from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.traces import selection_of, window_of
from tracefoundry.schemas.errors import ErrorAnswer
from tracefoundry.store.api import Snapshot
from tracefoundry.store.records import StoredTrace, TracePosition

PAGE_TRACES: Final = 1_000
NAMED_TRACES: Final = 20
"""Traces that the audit log names of one export."""

_BUNDLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bundle, a zip file. It is whole if it ends with its manifest; a"
        " connection that breaks off leaves a file that is not valid.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_DEFAULT: Final = ExportTrace()
_DEFAULTS: Final = ExportTraces()
_FEWER = "Narrow the filters or the window of time, or give a limit."


def export_router(exporting: Exporting, settings: QuerySettings) -> APIRouter:
    """``/api/traces/{trace_id}/export`` and ``/api/export``."""
    router = APIRouter(prefix="/api", tags=["bundles"])

    @router.post(
        "/traces/{trace_id}/export",
        summary="Export a trace as a bundle",
        responses=_BUNDLE | _errors(404, 409, 410, 413, 422),
        response_class=Response,
    )
    def export_trace(
        trace_id: TraceIdPath,
        caller: EngineerCaller,
        record: Audit,
        asked: Annotated[Parameters, Query()],
        wanted: Annotated[ExportTrace, Body()] = _DEFAULT,
    ) -> Response:
        """A zip file that anyone can verify without this server. Redaction may only get stricter
        than the project's."""

        def select(snapshot: Snapshot) -> tuple[Readable, list[StoredTrace]]:
            projects = readable(snapshot, asked.project, caller)
            return projects, [the_trace(snapshot, projects, trace_id)]

        return exporting.respond(
            select,
            wanted,
            _announce(record, wanted),
            file_name=f"trace-{trace_id.hex()}.zip",
        )

    @router.post(
        "/export",
        summary="Export traces as a bundle",
        responses=_BUNDLE | _errors(404, 409, 410, 413, 422),
        response_class=Response,
    )
    def export_traces(
        caller: EngineerCaller,
        record: Audit,
        asked: Annotated[SelectTraces, Query()],
        wanted: Annotated[ExportTraces, Body()] = _DEFAULTS,
    ) -> Response:
        """The traces that the filters select, or those of `trace_ids`: at most 10,000. A search
        that its time limit cuts short is refused, because the bundle would miss traces."""
        if wanted.trace_ids is not None:
            _refuse_filters(asked)

        def select(snapshot: Snapshot) -> tuple[Readable, list[StoredTrace]]:
            projects = readable(snapshot, asked.project, caller)
            if wanted.trace_ids is not None:
                ids = sorted(set(wanted.trace_ids))
                return projects, [the_trace(snapshot, projects, one) for one in ids]
            return projects, _selected(snapshot, projects, asked, caller, settings)

        return exporting.respond(select, wanted, _announce(record, wanted), file_name="traces.zip")

    return router


def _errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: answers(ErrorAnswer, errors=(code,))[code] for code in codes}


def _refuse_filters(asked: SelectTraces) -> None:
    """400 where trace ids come together with filters: one of the two would be ignored."""
    given = sorted(asked.model_fields_set - {"project"})
    if given:
        raise invalid_parameter(
            "trace_ids",
            f"not together with the filter {given[0]}",
            "Give trace ids or filters; the parameter project goes with both.",
        )


def _selected(
    snapshot: Snapshot,
    projects: Readable,
    asked: SelectTraces,
    caller: Caller,
    settings: QuerySettings,
) -> list[StoredTrace]:
    """All traces that the filters select.

    Raises:
        ApiError: 404 where there are none, 422 where there are too many or not all were found.
    """
    selection = selection_of(asked, window_of(asked))
    most = MAX_TRACES if asked.limit is None else asked.limit
    found: list[StoredTrace] = []
    after: TracePosition | None = None
    while len(found) < most:
        where: dict[str, Any] = {
            "sort": asked.sort, "after": after, "limit": min(PAGE_TRACES, most - len(found)),
        }  # fmt: skip
        if asked.q is None:
            page = snapshot.traces(projects.ids, selection, **where)
        else:
            page = snapshot.search(
                projects.ids, selection, text=asked.q, content=caller.may_read_content,
                budget_seconds=settings.search_seconds, **where,
            )  # fmt: skip
        if not page.complete:
            raise ApiError(
                422,
                "incomplete_search",
                "the search stopped at its time limit, so the bundle would miss traces",
                "Narrow the window of time or add filters, or give trace_ids.",
            )
        found += page.traces
        after = page.following
        if after is None:
            break
    if asked.limit is None and after is not None:
        raise ApiError(
            422, "too_many_traces", f"the filters select more than {MAX_TRACES:,} traces", _FEWER
        )
    if not found:
        raise ApiError(
            404,
            "trace_not_found",
            "the filters select no trace",
            "Widen them; without start only the last 24 hours are looked at.",
        )
    return found


def _announce(record: Recorder, wanted: ExportTrace) -> Announce:
    def announce(projects: Collection[str], traces: Sequence[StoredTrace]) -> None:
        ids = [trace.trace_id.hex() for trace in traces]
        parts = ["with payloads" if wanted.payloads else "without payloads"]
        if wanted.redaction is not None:
            parts.append(f"redaction {wanted.redaction}")
        if len(ids) > 1:
            named = " ".join(ids[:NAMED_TRACES])
            more = len(ids) - NAMED_TRACES
            parts.append(f"{named} and {more} more" if more > 0 else named)
        record(
            "trace.export",
            target=ids[0] if len(ids) == 1 else f"{len(ids)} traces",
            project=next(iter(projects)) if len(projects) == 1 else None,
            detail=", ".join(parts),
        )

    return announce
