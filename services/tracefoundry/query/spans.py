"""Routes over the spans of a trace: pages, the tree, single spans."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from tracefoundry.auth.caller import Caller
from tracefoundry.model.run_starts import unfinished
from tracefoundry.model.tree import build_tree
from tracefoundry.model.usage import fields_of
from tracefoundry.query.access import Audit, ViewerCaller, readable, the_trace
from tracefoundry.query.answers import (
    json_response,
    running_answers,
    skeleton_answers,
    span_answers,
)
from tracefoundry.query.content_audit import record_spans
from tracefoundry.query.cursors import digest_of, read_span_cursor, write_span_cursor
from tracefoundry.query.errors import ApiError
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import FindSpan, ListSpans, Parameters, SpanIdPath, TraceIdPath
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.span_parts import missing_pointers
from tracefoundry.schemas import spans as schemas
from tracefoundry.store.api import Reader, Snapshot
from tracefoundry.store.records import LinkPage, SpanPage, SpanSkeleton, StoredTrace

TREE_SPANS = 200_000
"""Most spans that a tree is built from, the earliest ones; bounds the memory of one request."""
TREE_LINKS = 10_000
"""Most links that a tree lists."""


def span_router(reader: Reader) -> APIRouter:
    """``/api/traces/{trace_id}/spans``, ``/api/traces/{trace_id}/tree``, ``/api/spans/{id}``."""
    router = APIRouter(prefix="/api", tags=["spans"])
    _add_pages(router, reader)
    _add_tree(router, reader)
    _add_single_spans(router, reader)
    return router


def _add_pages(router: APIRouter, reader: Reader) -> None:
    @router.get(
        "/traces/{trace_id}/spans",
        summary="Spans of a trace by start, in pages",
        responses=answers(schemas.SpanPage, schemas.SkeletonPage, errors=(404, 409, 410)),
    )
    def list_spans(
        trace_id: TraceIdPath,
        caller: ViewerCaller,
        record: Audit,
        asked: Annotated[ListSpans, Query()],
    ) -> Response:
        """A page of full spans ends early where the answer would pass 32 MiB: follow
        `next_cursor`. `logs_truncated` is true where one span alone has more logs than that,
        or more than 100,000, and its latest ones are left out."""
        parent = asked.parent_id
        question = digest_of({"trace": trace_id.hex(), "parent": parent and parent.hex()})
        where: dict[str, Any] = {
            "after": None if asked.cursor is None else read_span_cursor(asked.cursor, question),
            "parent_id": parent,
            "limit": asked.limit,
        }
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            trace = the_trace(snapshot, projects, trace_id)
            if asked.view == "skeleton":
                skeletons = snapshot.skeletons(trace, **where)
                return json_response(
                    schemas.SkeletonPage(
                        skeleton_answers(skeletons.spans),
                        write_span_cursor(skeletons.following, question),
                    )
                )
            page = snapshot.spans(trace, **where)
            shown = _shown(snapshot, trace, page, caller)
        record_spans(record, shown, project=projects.names[trace.project_id], trace_id=trace_id)
        answer = schemas.SpanPage(shown, write_span_cursor(page.following, question))
        if page.logs_truncated:
            answer.logs_truncated = True
        return json_response(answer)


def _add_tree(router: APIRouter, reader: Reader) -> None:
    @router.get(
        "/traces/{trace_id}/tree",
        summary="The spans of a trace as a DAG",
        responses=answers(schemas.Tree, errors=(404, 409, 410)),
    )
    def get_tree(
        trace_id: TraceIdPath, caller: ViewerCaller, asked: Annotated[Parameters, Query()]
    ) -> Response:
        """Nodes to depth 100 and 10,000 in all; a cut node has `more_children`, and
        `more_roots` counts roots left out. Roots marked `below_cycle` are children of a
        cycle's member. `links` point from `from_span_id` to a span of this or another trace.
        Of a trace above 200,000 spans the earliest ones are used and `truncated` is true."""
        with reader.snapshot() as snapshot:
            trace = the_trace(snapshot, readable(snapshot, asked.project, caller), trace_id)
            page = snapshot.skeletons(trace, limit=TREE_SPANS)
            linking = snapshot.links(trace, TREE_LINKS + 1)
            has_runs = trace.summary.last_started_ns is not None
            starts = snapshot.run_starts(trace) if has_runs else []
        tree = _tree(page.spans, linking, trace_id, page.following is not None)
        tree.running = running_answers(unfinished(starts, {span.span_id for span in page.spans}))
        return json_response(tree)


def _add_single_spans(router: APIRouter, reader: Reader) -> None:
    @router.get(
        "/spans/{span_id}",
        summary="The spans with an id in a trace; usually one",
        responses=answers(schemas.SpansOfId, errors=(404, 409, 410)),
    )
    def get_span(
        span_id: SpanIdPath,
        caller: ViewerCaller,
        record: Audit,
        asked: Annotated[FindSpan, Query()],
    ) -> Response:
        """At most 100 spans and 32 MiB; `truncated` is true where more have this id."""
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            trace = the_trace(snapshot, projects, asked.trace_id)
            page = snapshot.span(trace, span_id)
            if not page.spans:
                raise ApiError(
                    404,
                    "span_not_found",
                    f"trace {asked.trace_id.hex()} has no span {span_id.hex()}",
                    "It may not have arrived, or it has expired.",
                )
            answer = schemas.SpansOfId(_shown(snapshot, trace, page, caller))
        project = projects.names[trace.project_id]
        record_spans(record, answer.spans, project=project, trace_id=trace.trace_id)
        if page.logs_truncated:
            answer.logs_truncated = True
        if page.following is not None:
            answer.truncated = True
        return json_response(answer)


def _shown(
    snapshot: Snapshot, trace: StoredTrace, page: SpanPage, caller: Caller
) -> list[schemas.Span]:
    """Whole spans with what they refer to, as far as the caller may see it."""
    content = caller.may_read_content
    with_usage = page.logs or any(map(fields_of, page.spans))
    counting = snapshot.counting_spans(trace) if with_usage else None
    entries = PayloadEntries(snapshot, trace, page, content=content)
    pointers = {} if content else missing_pointers(snapshot, trace, page)
    return span_answers(page, trace.trace_id, counting, entries, content=content, pointers=pointers)


def _tree(
    spans: list[SpanSkeleton], linking: LinkPage, trace_id: bytes, truncated: bool
) -> schemas.Tree:
    tree = build_tree(spans)
    shown: dict[int, schemas.Node] = {}
    pending = list(tree.roots)
    order = []
    while pending:
        node = pending.pop()
        order.append(node)
        (shown[node.index],) = skeleton_answers((spans[node.index],), schemas.Node)
        if node.below_cycle:
            shown[node.index].below_cycle = True
        pending += node.children
    for node in order:
        shown[node.index].children = [shown[child.index] for child in node.children]
        if node.more_children:
            shown[node.index].more_children = node.more_children
    links, more_links = _links(spans, linking, trace_id)
    return schemas.Tree(
        roots=[shown[node.index] for node in tree.roots],
        orphans=[spans[index].span_id.hex() for index in tree.orphans],
        cycles=[[spans[index].span_id.hex() for index in cycle] for cycle in tree.cycles],
        links=links,
        more_roots=tree.more_roots,
        more_links=more_links,
        truncated=truncated,
    )


def _links(
    spans: list[SpanSkeleton], linking: LinkPage, trace_id: bytes
) -> tuple[list[schemas.TreeLink], bool]:
    """The links of a trace, each with the span that has it and whether it stays in the trace."""
    here = trace_id.hex()
    ids = {span.span_id.hex() for span in spans} if linking.spans else set()
    links: list[schemas.TreeLink] = []
    for one in linking.spans:
        source = one.span_id.hex()
        for link in _LINKS.decode(one.links):
            if len(links) == TREE_LINKS:
                return links, True
            inside = link.trace_id == here and link.span_id in ids
            fields = {name: getattr(link, name) for name in link.__struct_fields__}
            links.append(schemas.TreeLink(from_span_id=source, in_trace=inside, **fields))
    return links, linking.more


class _StoredLink(schemas.Link):
    attributes: msgspec.Raw  # type: ignore[assignment]  # passed through as it is stored


_LINKS = msgspec.json.Decoder(list[_StoredLink])
