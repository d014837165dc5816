"""The rest of a span that is too large for one answer: its attributes, events, links and payloads.

A span shows the first slice of each part and, under ``more``, the cursors with which this route
goes on. One slice is at most 4,194,304 characters, whatever the span has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from tracefoundry.query.access import ViewerCaller, readable, the_trace
from tracefoundry.query.answers import Pointers, json_response
from tracefoundry.query.cursors import read_part_cursor, write_part_cursor
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import ReadPart, SpanIdPath
from tracefoundry.query.payload_entries import PayloadEntries
from tracefoundry.query.withheld import Withholding
from tracefoundry.schemas import spans as schemas
from tracefoundry.store.api import Reader, Snapshot
from tracefoundry.store.json_slices import MisplacedSlice
from tracefoundry.store.records import (
    SpanKey,
    SpanPage,
    SpanPosition,
    StoredSpan,
    StoredTrace,
)

_MEMBERS = msgspec.json.Decoder(list[msgspec.Raw])


class _Pointer(msgspec.Struct):
    state: str
    place: str
    key: str


_POINTERS = msgspec.json.Decoder(list[_Pointer])


def part_router(reader: Reader) -> APIRouter:
    """``/api/spans/{span_id}/parts``."""
    router = APIRouter(prefix="/api", tags=["spans"])

    @router.get(
        "/spans/{span_id}/parts",
        summary="The rest of a part of a span that is too large for one answer",
        responses=answers(schemas.PartPage, errors=(404, 409, 410)),
    )
    def get_part(
        span_id: SpanIdPath, caller: ViewerCaller, asked: Annotated[ReadPart, Query()]
    ) -> Response:
        """A page is at most 4,194,304 characters of what is stored."""
        position, place, index = read_part_cursor(asked.cursor, asked.part, span_id)
        content = caller.may_read_content
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
            trace = the_trace(snapshot, projects, asked.trace_id)
            pointers: Pointers = set() if content else pointers_of(snapshot, trace, position)
            try:
                found = snapshot.span_part(
                    trace, position, asked.part, place, checked=bool(pointers)
                )
            except MisplacedSlice:
                raise invalid_parameter(
                    "cursor", "it is not one of ours", "Use a cursor as it came."
                ) from None
            if found is None:
                raise ApiError(
                    404,
                    "span_not_found",
                    f"trace {asked.trace_id.hex()} has no such part of span {span_id.hex()}",
                    "It may have expired.",
                )
            try:
                answer = _page(snapshot, trace, position, asked.part, found.text, index, pointers,
                               content=content)  # fmt: skip
                count = 0 if asked.part == "attributes" else len(_MEMBERS.decode(found.text))
            except msgspec.DecodeError:
                # A forged place inside a member.
                raise invalid_parameter(
                    "cursor", "it is not one of ours", "Use a cursor as it came."
                ) from None
        if found.following is not None:
            answer.next_cursor = write_part_cursor(
                position, asked.part, found.following, index + count
            )
        if found.left_out:
            answer.left_out = True
        return json_response(answer)

    return router


def missing_pointers(
    snapshot: Snapshot, trace: StoredTrace, page: SpanPage
) -> dict[SpanKey, Pointers]:
    """What points at content, of the spans of a page whose payloads are not all there."""
    return {
        key: pointers_of(snapshot, trace, SpanPosition(*key))
        for key, rests in page.rests.items()
        if "payloads" in rests
    }


def pointers_of(snapshot: Snapshot, trace: StoredTrace, span: SpanPosition) -> Pointers:
    """(place, key) of all attributes of a span that point at content."""
    return {
        (entry.place, entry.key)
        for text in _all_slices(snapshot, trace, span)
        for entry in _POINTERS.decode(text)
        if entry.state == "reference"
    }


def _all_slices(snapshot: Snapshot, trace: StoredTrace, span: SpanPosition) -> Iterator[str]:
    place: int | None = 1
    while place is not None:
        found = snapshot.span_part(trace, span, "payloads", place, checked=False)
        if found is None:
            return
        yield found.text
        place = found.following


def _page(
    snapshot: Snapshot,
    trace: StoredTrace,
    span: SpanPosition,
    part: str,
    text: str,
    index: int,
    pointers: Pointers,
    *,
    content: bool,
) -> schemas.PartPage:
    withholding = Withholding(pointers)
    page = schemas.PartPage(part=part)  # type: ignore[arg-type]  # the parameter's own words
    if part == "attributes":
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        page.attributes = withholding.attributes(text, "span")
    elif part == "payloads":
        # A span with nothing but these payloads.
        fields: dict[str, Any] = dict.fromkeys(StoredSpan.__struct_fields__)
        fields |= {"span_id": span.span_id, "start_time_ns": span.start_time_ns, "payloads": text}
        holder = StoredSpan(**fields)
        only = SpanPage([holder], None, {}, {}, {}, logs_truncated=False)
        page.payloads = PayloadEntries(snapshot, trace, only, content=content).of(holder)
    else:
        setattr(page, part, withholding.members(text, part, index))
    return page
