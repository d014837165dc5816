"""Routes over traces: list and search, one trace, deleting, statistics."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from tracefoundry.deletion.receipt import DeletionReceipt
from tracefoundry.deletion.requests import TraceDeletion
from tracefoundry.model.span import StatusCode
from tracefoundry.model.times import DAY_NS
from tracefoundry.query.access import (
    AdminCaller,
    Audit,
    Readable,
    ViewerCaller,
    readable,
    the_owner,
    the_trace,
)
from tracefoundry.query.cursors import digest_of, read_trace_cursor, write_trace_cursor
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.parameters import MAX_NS, TIME_FORMS, Project, time_ns, trace_id_of
from tracefoundry.query.settings import QuerySettings
from tracefoundry.query.shapes import encode, group_json, trace_json
from tracefoundry.store.api import Reader, Snapshot
from tracefoundry.store.records import GroupBy, Sort, TraceSelection

Text = Annotated[str | None, Query(max_length=1000)]
Amount = Annotated[int | None, Query(ge=0, le=MAX_NS)]
Milliseconds = Annotated[float | None, Query(ge=0, le=MAX_NS / 1e6 / 2, allow_inf_nan=False)]
Dollars = Annotated[float | None, Query(ge=0, le=1e15, allow_inf_nan=False)]
Time = Annotated[str | None, Query(max_length=64, description=TIME_FORMS)]

_STATUS = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}


def filters(
    service: Annotated[
        str | None, Query(max_length=1000, description="Any service of the trace, exactly.")
    ] = None,
    environment: Text = None,
    status: Literal["ok", "error", "unset"] | None = None,
    model: Annotated[
        str | None, Query(max_length=1000, description="Request or response model, exactly.")
    ] = None,
    tool: Annotated[
        str | None, Query(max_length=1000, description="Part of a tool's name.")
    ] = None,
    min_duration_ms: Milliseconds = None,
    max_duration_ms: Milliseconds = None,
    min_tokens: Annotated[
        int | None, Query(ge=0, le=MAX_NS, description="Input plus output tokens.")
    ] = None,
    max_tokens: Amount = None,
    min_cost_usd: Dollars = None,
    max_cost_usd: Dollars = None,
) -> dict[str, Any]:
    """The filters of a trace list, as fields of a selection."""
    return {
        "service": service,
        "environment": environment,
        "status": None if status is None else int(_STATUS[status]),
        "model": model,
        "tool": tool,
        "min_duration_ns": _ns(min_duration_ms),
        "max_duration_ns": _ns(max_duration_ms),
        "min_tokens": min_tokens,
        "max_tokens": max_tokens,
        "min_cost_usd": min_cost_usd,
        "max_cost_usd": max_cost_usd,
    }


def trace_router(reader: Reader, settings: QuerySettings, deletion: TraceDeletion) -> APIRouter:
    """``/api/traces``, ``/api/traces/{trace_id}`` and ``/api/stats``."""
    router = APIRouter(prefix="/api", tags=["traces"])

    @router.get("/traces", summary="List or search traces")
    def list_traces(
        caller: ViewerCaller,
        chosen: Annotated[dict[str, Any], Depends(filters)],
        project: Project = None,
        start: Annotated[
            str | None,
            Query(max_length=64, description=f"{TIME_FORMS}; default 24 h ago, 0 for all."),
        ] = None,
        end: Annotated[
            str | None, Query(max_length=64, description=f"{TIME_FORMS}; exclusive.")
        ] = None,
        q: Annotated[
            str | None,
            Query(
                max_length=500,
                description="Text in span names and string attributes, whatever the case; for"
                " engineers and admins also in the first 256 characters of payloads.",
            ),
        ] = None,
        sort: Sort = "newest",
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        question = digest_of(
            {**chosen, "project": project, "start": start, "end": end, "q": q, "sort": sort}
        )
        if cursor is None:
            after, window = None, _window(start, end)
        else:
            after, window = read_trace_cursor(cursor, question, sort)
        selection = TraceSelection(start_ns=window[0], end_ns=window[1], **chosen)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, project, caller)
            if q is None:
                page = snapshot.traces(projects.ids, selection, sort=sort, after=after, limit=limit)
            else:
                page = snapshot.search(
                    projects.ids,
                    selection,
                    sort=sort,
                    after=after,
                    limit=limit,
                    text=q,
                    content=caller.may_read_content,
                    budget_seconds=settings.search_seconds,
                )
        following = page.following
        return _json(
            {
                "traces": [
                    trace_json(trace, projects.names[trace.project_id]) for trace in page.traces
                ],
                "start_ns": str(window[0]),
                "end_ns": str(window[1]),
                "next_cursor": (
                    None if following is None else write_trace_cursor(following, window, question)
                ),
                "search_complete": page.complete,
            }
        )

    @router.get("/traces/{trace_id}", summary="One trace")
    def get_trace(trace_id: str, caller: ViewerCaller, project: Project = None) -> Response:
        wanted = trace_id_of(trace_id)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, project, caller)
            trace = the_trace(snapshot, projects, wanted)
        return _json(trace_json(trace, projects.names[trace.project_id]))

    @router.delete("/traces/{trace_id}", summary="Delete a trace; its spans stay refused")
    def delete_trace(
        trace_id: str, caller: AdminCaller, record: Audit, project: Project = None
    ) -> Response:
        """Takes its logs too, the logs of a trace whose spans never came, and the payloads that no
        other trace needs. Where the object store cannot answer nothing is deleted; where it fails
        on the way, calling again goes on."""
        wanted = trace_id_of(trace_id)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, project, caller)
            owner = _owner_or_deleted(snapshot, projects, wanted)
            has_payloads = snapshot.has_payload_references(projects.ids, wanted)
        if isinstance(owner, ApiError):
            # A deletion that was interrupted at its very end left only objects.
            receipt = deletion.finish_interrupted(projects.names)
            if not receipt.objects_total:
                raise owner
            return _receipt(receipt)
        name = projects.names[owner]
        if has_payloads:
            deletion.check_payload_store()
        record("trace.delete", target=wanted.hex(), project=name)
        return _receipt(deletion.delete_trace(owner, name, wanted))

    @router.delete("/traces", summary="Delete the traces that ended before a time")
    def delete_before(
        caller: AdminCaller,
        record: Audit,
        before: Annotated[
            str, Query(max_length=64, description=f"{TIME_FORMS}; of the trace's end, exclusive.")
        ],
        project: Project = None,
    ) -> Response:
        """Takes their logs too, the logs of traces whose spans never came, if the latest of them is
        older, and the payloads that no other trace needs."""
        before_ns = time_ns("before", before)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, project, caller)
        if deletion.has_payload_store:
            deletion.check_payload_store()
        record("trace.delete", target=f"before {before_ns} ns", project=project or caller.project)
        return _receipt(deletion.delete_before(projects.names, before_ns))

    @router.get("/stats", summary="Figures over the spans of a window, by group")
    def stats(
        caller: ViewerCaller,
        by: GroupBy = "service",
        project: Project = None,
        start: Time = None,
        end: Time = None,
    ) -> Response:
        """Durations are nearest-rank percentiles in nanoseconds. Tokens and cost are summed over
        spans that record model calls themselves (not agent, chain or tool spans, which repeat
        them), so they can differ from the sum of the traces' totals."""
        window = _window(start, end)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, project, caller)
            found = snapshot.statistics(projects.ids, *window, by)
        return _json(
            {
                "groups": [group_json(group) for group in found.groups],
                "truncated": found.truncated,
                "start_ns": str(window[0]),
                "end_ns": str(window[1]),
            }
        )

    return router


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")


def _receipt(receipt: DeletionReceipt) -> Response:
    return Response(msgspec.json.encode(receipt), media_type="application/json")


def _ns(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1_000_000)


def _window(start: str | None, end: str | None) -> tuple[int, int]:
    """[start, end) in ns. The default end is the newest start that ingest accepts; where only an
    old end is given, the default start is 24 h before it."""
    now = time.time_ns()
    end_ns = now + DAY_NS if end is None else time_ns("end", end)
    start_ns = max(0, min(now, end_ns) - DAY_NS) if start is None else time_ns("start", start)
    if start_ns > end_ns:
        raise invalid_parameter("end", "it is before start")
    return start_ns, end_ns


def _owner_or_deleted(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> int | ApiError:
    """The project that has something of a trace, or the 410 of one that is deleted."""
    try:
        return the_owner(snapshot, projects, trace_id)
    except ApiError as error:
        if error.status != 410:
            raise
        return error
