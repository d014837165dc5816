"""The API of spans that are too large for one answer."""

from __future__ import annotations

from typing import Any

import pytest

from query.conftest import Api
from query.payload_store import PayloadShelf, entry
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


def test_what_is_not_shown_is_in_the_warnings(api: Api) -> None:
    """Of the whole span, of skeletons and of nodes of the tree."""
    span = make_span(1, 1, name="n" * 70_000)
    span.trace_state = "x" * 5_000_000
    insert(api.engine, [span, make_span(1, 2, 1, start=1, name="n" * 2_048)])
    (whole,) = api.get(f"/api/spans/{SPAN}", trace_id=TRACE)["spans"]
    assert (whole["warnings"], len(whole["name"])) == (["fields_left_out", "text_cut"], 65_536)
    assert "trace_state" not in whole
    cut, uncut = api.get(f"/api/traces/{TRACE}/spans", view="skeleton")["spans"]
    (root,) = api.get(f"/api/traces/{TRACE}/tree")["roots"]
    for shown in (cut, root):
        assert (shown["warnings"], len(shown["name"])) == (["text_cut"], 2_048)
    for shown in (uncut, root["children"][0]):
        assert ("warnings" in shown, len(shown["name"])) == (False, 2_048)


def test_a_viewer_sees_no_pointer_on_any_page_of_a_part(shelf: PayloadShelf) -> None:
    """Whether the entry that names it is on the first page of the payloads or behind it."""
    (ref,) = shelf.put([b"elsewhere"])
    keys = [f"gen_ai.input.messages_ref.{n:05}" for n in range(20_000)]
    entries = tuple(
        entry(b"", key=key, ref=ref, bytes=None, media_type=None, state="reference") for key in keys
    )
    attributes = dict.fromkeys(keys[::2], ref)
    attributes |= {f"kept{n:05}": "x" * 500 for n in range(10_000)}
    insert(shelf.engine, [make_span(1, 1, attributes=attributes, payloads=entries)])
    seen: dict[str, Any] = {}
    pages = 0
    client = shelf.client("viewer")
    (span,) = client.get(f"/api/spans/{SPAN}", params={"trace_id": TRACE}).json()["spans"]
    seen |= span["attributes"]
    for part in ("attributes", "payloads"):
        cursor = span["more"][part]
        while cursor is not None:
            asked = {"trace_id": TRACE, "part": part, "cursor": cursor}
            answer = client.get(f"/api/spans/{SPAN}/parts", params=asked)
            assert (answer.status_code, ref in answer.text) == (200, False)
            seen |= answer.json().get("attributes") or {}
            cursor = answer.json()["next_cursor"]
            pages += 1
    assert pages >= 2
    assert seen == {key: value for key, value in attributes.items() if key.startswith("kept")}
