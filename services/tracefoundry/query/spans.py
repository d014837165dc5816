"""Routes over the spans of a trace: pages, the tree, single spans."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response

from tracefoundry.auth.caller import Caller
from tracefoundry.model.usage import fields_of
from tracefoundry.query.access import ViewerCaller, readable, the_trace
from tracefoundry.query.cursors import digest_of, read_span_cursor, write_span_cursor
from tracefoundry.query.errors import ApiError
from tracefoundry.query.parameters import Project, span_id_of, trace_id_of
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.shapes import encode, full_json, skeleton_json
from tracefoundry.query.tree import Node, build_tree
from tracefoundry.store.api import Reader, Snapshot
from tracefoundry.store.records import SpanLinks, SpanPage, SpanSkeleton, StoredTrace

TREE_SPANS = 200_000
"""Most spans that a tree is built from, the earliest ones; bounds the memory of one request."""
TREE_LINKS = 10_000
"""Most links that a tree lists."""


def span_router(reader: Reader) -> APIRouter:
    """``/api/traces/{trace_id}/spans``, ``/api/traces/{trace_id}/tree``, ``/api/spans/{id}``."""
    router = APIRouter(prefix="/api", tags=["spans"])

    @router.get("/traces/{trace_id}/spans", summary="Spans of a trace by start, in pages")
    def spans(
        trace_id: str,
        caller: ViewerCaller,
        project: Project = None,
        view: Literal["full", "skeleton"] = "full",
        parent_id: Annotated[
            str | None, Query(description="Only the direct children of this span.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        """A page of full spans ends early where the answer would pass 32 MiB: follow
        ``next_cursor``. ``logs_truncated`` is true where one span alone has more logs than that,
        or more than 100,000, and its latest ones are left out."""
        wanted = trace_id_of(trace_id)
        parent = None if parent_id is None else span_id_of("parent_id", parent_id)
        question = digest_of({"trace": wanted.hex(), "parent": parent and parent.hex()})
        after = None if cursor is None else read_span_cursor(cursor, question)
        answer: dict[str, Any] = {}
        with reader.snapshot() as snapshot:
            trace = the_trace(snapshot, readable(snapshot, project, caller), wanted)
            if view == "skeleton":
                skeletons = snapshot.skeletons(trace, after=after, parent_id=parent, limit=limit)
                answer["spans"] = skeleton_json(skeletons.spans)
                following = skeletons.following
            else:
                page = snapshot.spans(trace, after=after, parent_id=parent, limit=limit)
                answer.update(_full(snapshot, trace, page, caller))
                following = page.following
        answer["next_cursor"] = (
            None if following is None else write_span_cursor(following, question)
        )
        return _json(answer)

    @router.get("/traces/{trace_id}/tree", summary="The spans of a trace as a DAG")
    def tree(trace_id: str, caller: ViewerCaller, project: Project = None) -> Response:
        """Nodes to depth 100 and 10,000 in all; a cut node has ``more_children``, and
        ``more_roots`` counts roots left out. Roots marked ``below_cycle`` are children of a
        cycle's member. ``links`` point from ``from_span_id`` to a span of this or another trace.
        Of a trace above 200,000 spans the earliest ones are used and ``truncated`` is true."""
        wanted = trace_id_of(trace_id)
        with reader.snapshot() as snapshot:
            trace = the_trace(snapshot, readable(snapshot, project, caller), wanted)
            page = snapshot.skeletons(trace, limit=TREE_SPANS)
            linking = snapshot.links(trace, TREE_LINKS + 1)
        return _json(_tree_json(page.spans, linking, page.following is not None, wanted))

    @router.get("/spans/{span_id}", summary="The spans with an id in a trace; usually one")
    def span(
        span_id: str,
        caller: ViewerCaller,
        trace_id: Annotated[str, Query(description="The trace; span ids are not unique.")],
        project: Project = None,
    ) -> Response:
        """At most 100 spans and 32 MiB; ``truncated`` is true where more have this id."""
        wanted = span_id_of("span_id", span_id)
        in_trace = trace_id_of(trace_id)
        with reader.snapshot() as snapshot:
            trace = the_trace(snapshot, readable(snapshot, project, caller), in_trace)
            page = snapshot.span(trace, wanted)
            if not page.spans:
                raise ApiError(
                    404,
                    "span_not_found",
                    f"trace {in_trace.hex()} has no span {wanted.hex()}",
                    "It may not have arrived, or it has expired.",
                )
            answer = _full(snapshot, trace, page, caller)
        if page.following is not None:
            answer["truncated"] = True
        return _json(answer)

    return router


def _full(snapshot: Snapshot, trace: StoredTrace, page: SpanPage, caller: Caller) -> dict[str, Any]:
    """Full spans with what they refer to, as far as the caller may see it."""
    with_usage = page.logs or any(map(fields_of, page.spans))
    counting = snapshot.counting_spans(trace) if with_usage else None
    content = caller.may_read_content
    entries = PayloadEntries(snapshot, trace.project_id, page, content=content)
    answer: dict[str, Any] = {
        "spans": full_json(page, trace.trace_id, counting, entries, content=content)
    }
    if page.logs_truncated:
        answer["logs_truncated"] = True
    return answer


def _tree_json(
    spans: list[SpanSkeleton], linking: list[SpanLinks], truncated: bool, trace_id: bytes
) -> dict[str, Any]:
    tree = build_tree(spans)
    shown: dict[int, dict[str, Any]] = {}
    pending: list[Node] = list(tree.roots)
    while pending:
        node = pending.pop()
        (fields,) = skeleton_json((spans[node.index],))
        shown[node.index] = fields
        if node.below_cycle:
            fields["below_cycle"] = True
        pending += node.children
    pending = list(tree.roots)
    while pending:
        node = pending.pop()
        shown[node.index]["children"] = [shown[child.index] for child in node.children]
        if node.more_children:
            shown[node.index]["more_children"] = node.more_children
        pending += node.children
    links, more_links = _links_json(spans, linking, trace_id)
    return {
        "roots": [shown[node.index] for node in tree.roots],
        "orphans": [spans[index].span_id.hex() for index in tree.orphans],
        "cycles": [[spans[index].span_id.hex() for index in cycle] for cycle in tree.cycles],
        "links": links,
        "more_roots": tree.more_roots,
        "more_links": more_links,
        "truncated": truncated,
    }


def _links_json(
    spans: list[SpanSkeleton], linking: list[SpanLinks], trace_id: bytes
) -> tuple[list[dict[str, Any]], bool]:
    """The links of a trace, each with the span that has it and whether it stays in the trace."""
    here = trace_id.hex()
    ids = {span.span_id.hex() for span in spans} if linking else set()
    links: list[dict[str, Any]] = []
    for span_id, members in linking:
        source = span_id.hex()
        for link in orjson.loads(members):
            if len(links) == TREE_LINKS:
                return links, True
            inside = link["trace_id"] == here and link["span_id"] in ids
            links.append({"from_span_id": source, **link, "in_trace": inside})
    return links, False


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")
