"""Routes over traces: list and search, one trace, deleting, statistics."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tracefoundry.deletion.requests import TraceDeletion
from tracefoundry.model.run_starts import RUNNING_FOR_NS
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
from tracefoundry.query.answers import group_answer, json_response, trace_answer
from tracefoundry.query.content_audit import record_search
from tracefoundry.query.cursors import digest_of, read_trace_cursor, write_trace_cursor
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import (
    DeleteBefore,
    ListTraces,
    Parameters,
    Summarise,
    TraceFilters,
    TraceIdPath,
    Window,
)
from tracefoundry.query.settings import QuerySettings
from tracefoundry.schemas.traces import DeletionReceipt, Statistics, Trace, TraceList
from tracefoundry.store.api import Reader, Snapshot
from tracefoundry.store.records import TracePage, TracePosition, TraceSelection

_STATUS = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}


def trace_router(reader: Reader, settings: QuerySettings, deletion: TraceDeletion) -> APIRouter:
    """``/api/traces``, ``/api/traces/{trace_id}`` and ``/api/stats``."""
    router = APIRouter(prefix="/api", tags=["traces"])
    _add_reading(router, reader, settings)
    _add_deleting(router, reader, deletion)
    _add_statistics(router, reader)
    return router


def _add_reading(router: APIRouter, reader: Reader, settings: QuerySettings) -> None:
    @router.get(
        "/traces", summary="List or search traces", responses=answers(TraceList, errors=(404,))
    )
    def list_traces(
        caller: ViewerCaller, record: Audit, asked: Annotated[ListTraces, Query()]
    ) -> Response:
        """By start, newest first, unless `sort` says otherwise. A cursor keeps the window of time
        of the first page."""
        question = digest_of(asked.model_dump(exclude={"cursor", "limit"}))
        after: TracePosition | None = None
        if asked.cursor is None:
            window = window_of(asked)
        else:
            after, window = read_trace_cursor(asked.cursor, question, asked.sort)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            page = _page(
                snapshot, projects, asked, window, after,
                content=caller.may_read_content, search_seconds=settings.search_seconds,
            )  # fmt: skip
        if asked.q is not None and caller.may_read_content:
            record_search(record, project=asked.project, found=len(page.traces))
        following = page.following
        return json_response(
            TraceList(
                traces=[trace_answer(one, projects.names[one.project_id]) for one in page.traces],
                start_ns=str(window[0]),
                end_ns=str(window[1]),
                next_cursor=(
                    None if following is None else write_trace_cursor(following, window, question)
                ),
                search_complete=page.complete,
            )
        )

    @router.get(
        "/traces/{trace_id}",
        summary="One trace",
        responses=answers(Trace, errors=(404, 409, 410)),
    )
    def get_trace(
        trace_id: TraceIdPath, caller: ViewerCaller, asked: Annotated[Parameters, Query()]
    ) -> Response:
        """Its summary; the spans are at `/api/traces/{trace_id}/spans`."""
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            trace = the_trace(snapshot, projects, trace_id)
        return json_response(trace_answer(trace, projects.names[trace.project_id]))


def _add_deleting(router: APIRouter, reader: Reader, deletion: TraceDeletion) -> None:
    @router.delete(
        "/traces/{trace_id}",
        summary="Delete a trace; its spans stay refused",
        responses=answers(DeletionReceipt, errors=(404, 409, 410)),
    )
    def delete_trace(
        trace_id: TraceIdPath,
        caller: AdminCaller,
        record: Audit,
        asked: Annotated[Parameters, Query()],
    ) -> Response:
        """Takes its logs too, the logs of a trace whose spans never came, and the payloads that no
        other trace needs. Where the object store cannot answer nothing is deleted; where it fails
        on the way, calling again goes on."""
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            owner = _owner_or_deleted(snapshot, projects, trace_id)
            has_payloads = snapshot.has_payload_references(projects.ids, trace_id)
        if isinstance(owner, ApiError):
            # A deletion that was interrupted at its very end left only objects.
            receipt = deletion.finish_interrupted(projects.names)
            if not receipt.objects_total:
                raise owner
            return json_response(receipt)
        name = projects.names[owner]
        if has_payloads:
            deletion.check_payload_store()
        record("trace.delete", target=trace_id.hex(), project=name)
        return json_response(deletion.delete_trace(owner, name, trace_id))

    @router.delete(
        "/traces",
        summary="Delete the traces that ended before a time",
        responses=answers(DeletionReceipt, errors=(404,)),
    )
    def delete_traces_before(
        caller: AdminCaller, record: Audit, asked: Annotated[DeleteBefore, Query()]
    ) -> Response:
        """Takes their logs too, the logs of traces whose spans never came, if the latest of them is
        older, and the payloads that no other trace needs."""
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
        if deletion.has_payload_store:
            deletion.check_payload_store()
        record(
            "trace.delete",
            target=f"before {asked.before} ns",
            project=asked.project or caller.project,
        )
        return json_response(deletion.delete_before(projects.names, asked.before))


def _add_statistics(router: APIRouter, reader: Reader) -> None:
    @router.get(
        "/stats",
        summary="Figures over the spans of a window, by group",
        responses=answers(Statistics, errors=(404,)),
    )
    def statistics(caller: ViewerCaller, asked: Annotated[Summarise, Query()]) -> Response:
        """Durations are nearest-rank percentiles in nanoseconds. Tokens and cost are summed over
        spans that record model calls themselves (not agent, chain or tool spans, which repeat
        them), so they can differ from the sum of the traces' totals."""
        window = window_of(asked)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            found = snapshot.statistics(projects.ids, *window, asked.by)
        return json_response(
            Statistics(
                groups=[group_answer(group) for group in found.groups],
                truncated=found.truncated,
                start_ns=str(window[0]),
                end_ns=str(window[1]),
            )
        )


def selection_of(filters: TraceFilters, window: tuple[int, int]) -> TraceSelection:
    """The filters of a request as the store takes them."""
    running = filters.status == "running"
    return TraceSelection(
        start_ns=window[0],
        end_ns=window[1],
        service=filters.service,
        environment=filters.environment,
        status=None if filters.status in (None, "running") else int(_STATUS[filters.status]),
        running_since_ns=time.time_ns() - RUNNING_FOR_NS if running else None,
        model=filters.model,
        tool=filters.tool,
        min_duration_ns=_ns(filters.min_duration_ms),
        max_duration_ns=_ns(filters.max_duration_ms),
        min_tokens=filters.min_tokens,
        max_tokens=filters.max_tokens,
        min_cost_usd=filters.min_cost_usd,
        max_cost_usd=filters.max_cost_usd,
    )


def window_of(asked: Window) -> tuple[int, int]:
    """[start, end) in ns. The default end is the newest start that ingest accepts; where only an
    old end is given, the default start is 24 h before it.

    Raises:
        ApiError: 400; it ends before it starts.
    """
    now = time.time_ns()
    end_ns = now + DAY_NS if asked.end is None else asked.end
    start_ns = max(0, min(now, end_ns) - DAY_NS) if asked.start is None else asked.start
    if start_ns > end_ns:
        raise invalid_parameter("end", "it is before start")
    return start_ns, end_ns


def _page(
    snapshot: Snapshot,
    projects: Readable,
    asked: ListTraces,
    window: tuple[int, int],
    after: TracePosition | None,
    *,
    content: bool,
    search_seconds: float,
) -> TracePage:
    selection = selection_of(asked, window)
    where: dict[str, Any] = {"sort": asked.sort, "after": after, "limit": asked.limit}
    if asked.q is None:
        return snapshot.traces(projects.ids, selection, **where)
    return snapshot.search(
        projects.ids, selection,
        text=asked.q, content=content, budget_seconds=search_seconds, **where,
    )  # fmt: skip


def _ns(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1_000_000)


def _owner_or_deleted(snapshot: Snapshot, projects: Readable, trace_id: bytes) -> int | ApiError:
    """The project that has something of a trace, or the 410 of one that is deleted."""
    try:
        return the_owner(snapshot, projects, trace_id)
    except ApiError as error:
        if error.status != 410:
            raise
        return error
