"""The API of spans that are too large for one answer."""

from __future__ import annotations

from typing import Any

import pytest

from query.conftest import Api
from query.rows import insert
from samples import make_span, span_id, trace_id
from tracefoundry.model.span import Link
from tracefoundry.query.cursors import write_part_cursor
from tracefoundry.store.records import SpanPosition

SPAN = span_id(1).hex()
TRACE = trace_id(1).hex()


def rest_of(api: Api, part: str, cursor: str | None) -> list[dict[str, Any]]:
    """All pages behind a cursor."""
    found = []
    while cursor is not None:
        page = api.get(f"/api/spans/{SPAN}/parts", trace_id=TRACE, part=part, cursor=cursor)
        found.append(page)
        cursor = page["next_cursor"]
    return found


def test_all_links_of_a_large_span_can_be_read(api: Api) -> None:
    """From the span's first ones on, in their order; the tree says that it has not all."""
    links = [Link(trace_id(7), n.to_bytes(8, "big"), {}, "", 0, 0) for n in range(1, 60_000)]
    insert(api.engine, [make_span(1, 1, links=links)])
    (span,) = api.get(f"/api/spans/{SPAN}", trace_id=TRACE)["spans"]
    pages = rest_of(api, "links", span["more"]["links"])
    found = span["links"] + [link for page in pages for link in page["links"]]
    assert [int(link["span_id"], 16) for link in found] == list(range(1, 60_000))
    assert api.get(f"/api/traces/{TRACE}/tree")["more_links"] is True


def test_all_attributes_of_a_large_span_can_be_read(api: Api) -> None:
    """The page of the trace has the same cursor as the single span."""
    attributes = {f"key{n}": "x" * 3_000 for n in range(1_600)}
    insert(api.engine, [make_span(1, 1, attributes=attributes)])
    (span,) = api.get(f"/api/traces/{TRACE}/spans")["spans"]
    assert set(span["more"]) == {"attributes"}
    pages = rest_of(api, "attributes", span["more"]["attributes"])
    assert span["attributes"] | {k: v for page in pages for k, v in page["attributes"].items()} == (
        attributes
    )


def test_small_spans_have_no_more(api: Api) -> None:
    """The field is only there where it says something."""
    insert(api.engine, [make_span(1, 1)])
    (span,) = api.get(f"/api/spans/{SPAN}", trace_id=TRACE)["spans"]
    assert "more" not in span


@pytest.mark.parametrize(
    ("part", "place", "wanted"),
    [("links", 1, 400), ("attributes", 5, 400), ("attributes", 0, 400)],
)
def test_forged_cursors_are_errors_of_the_caller(
    api: Api, part: str, place: int, wanted: int
) -> None:
    """Of another part, inside of a member, or outside of the text."""
    span = make_span(1, 1, attributes={"key": "value", "b": 1})
    insert(api.engine, [span])
    cursor = write_part_cursor(SpanPosition(span.start_time_ns, span_id(1)), "attributes", place, 0)
    status, _ = api.error(f"/api/spans/{SPAN}/parts", trace_id=TRACE, part=part, cursor=cursor)
    assert status == wanted
