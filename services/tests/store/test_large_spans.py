"""Spans too large for one answer, over every store: their first slices, and all of the rest."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from samples import NOW_NS, make_span, span_id, trace_id
from store.answers import commit, only_trace
from tracefoundry.model.span import Event, Link, Resource
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.json_slices import SLICE_CHARACTERS, MisplacedSlice
from tracefoundry.store.records import SpanPart, SpanPosition

WHERE = SpanPosition(NOW_NS, span_id(1))


def whole(store: Store, part: SpanPart) -> list[Any]:
    """All members of a part of the only span, put together from its slices."""
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        page = snapshot.spans(trace, limit=10)
        texts = [getattr(page.spans[0], part)]
        place = page.rests.get((NOW_NS, span_id(1)), {}).get(part)
        assert place is not None
        while place is not None:
            found = snapshot.span_part(trace, WHERE, part, place, checked=True)
            assert found is not None
            texts.append(found.text)
            place = found.following
    assert all(len(text) <= SLICE_CHARACTERS + 2 for text in texts)
    parsed = [orjson.loads(text) for text in texts]
    return [
        one for value in parsed for one in (value.items() if isinstance(value, dict) else value)
    ]


def test_attributes_come_in_slices(store: Store, writer: Writer) -> None:
    """Characters of several bytes and of escapes included."""
    attributes = {f"key{n}": f'é"\\{n}' + "x" * 3_000 for n in range(1_600)}
    commit(writer, [make_span(1, 1, attributes=attributes)])
    assert dict(whole(store, "attributes")) == attributes


def test_links_and_events_come_in_slices(store: Store, writer: Writer) -> None:
    """In the order in which they were sent."""
    links = [Link(trace_id(7), n.to_bytes(8, "big"), {}, "", 0, 0) for n in range(1, 60_000)]
    events = [Event("e", n, {"text": "x" * 1_000}, 0) for n in range(5_000)]
    span = make_span(1, 1, links=links)
    span.events = events
    commit(writer, [span])
    assert [int(one["span_id"], 16) for one in whole(store, "links")] == list(range(1, 60_000))
    assert [int(one["time_ns"]) for one in whole(store, "events")] == list(range(5_000))
    with store.reader.snapshot() as snapshot:
        linking = snapshot.links(only_trace(store), 10)
    assert linking.more
    assert sum(len(one.links) for one in linking.spans) <= SLICE_CHARACTERS + 2


def test_an_event_that_is_too_large_alone_shows_its_first_attributes(
    store: Store, writer: Writer
) -> None:
    """And the next one is whole."""
    span = make_span(1, 1)
    many = {f"key{n}": "x" * 3_000 for n in range(1_600)}
    span.events = [Event("large", 1, many, 0), Event("small", 2, {"a": 1}, 0)]
    commit(writer, [span])
    large, small = whole(store, "events")
    assert (large["name"], large["cut"], "cut" in small) == ("large", True, False)
    assert 0 < len(large["attributes"]) < 1_600


def test_resources_and_names_are_cut_visibly(store: Store, writer: Writer) -> None:
    """A page names the resources of which not everything is there."""
    resource = Resource({f"key{n}": "x" * 3_000 for n in range(1_600)})
    span = make_span(1, 1, name="n" * 100_000, resource=resource)
    commit(writer, [span])
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        page = snapshot.spans(trace, limit=1)
        skeleton = snapshot.skeletons(trace, limit=1).spans[0]
    (shown,) = page.resources.values()
    assert (len(page.spans[0].name), len(skeleton.name)) == (65_536, 2_049)
    assert page.cut == {shown.resource_id}
    assert page.marks == {(NOW_NS, span_id(1)): {"text_cut"}}
    assert 0 < len(orjson.loads(shown.attributes)) < 1_600


def test_a_place_inside_a_member_is_refused_where_it_is_checked(
    store: Store, writer: Writer
) -> None:
    """A forged cursor must not turn the inside of a value into an attribute."""
    commit(writer, [make_span(1, 1, attributes={"a": '","b":"c', "d": "e"})])
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot, pytest.raises(MisplacedSlice):
        snapshot.span_part(trace, WHERE, "attributes", 8, checked=True)


def test_a_span_that_is_not_there_has_no_parts(store: Store, writer: Writer) -> None:
    """Not an empty part: the caller answers 404."""
    commit(writer, [make_span(1, 1)])
    with store.reader.snapshot() as snapshot:
        position = SpanPosition(NOW_NS, span_id(9))
        found = snapshot.span_part(only_trace(store), position, "attributes", 1, checked=False)
    assert found is None


def test_a_text_of_exactly_the_limit_is_not_cut(store: Store, writer: Writer) -> None:
    """The mark is there where something is missing, and nowhere else."""
    commit(writer, [make_span(1, 1, name="n" * 65_536)])
    with store.reader.snapshot() as snapshot:
        page = snapshot.spans(only_trace(store), limit=1)
    assert (len(page.spans[0].name), page.marks) == (65_536, {})


def test_fields_that_are_left_out_are_marked(store: Store, writer: Writer) -> None:
    """A field that cannot be shown in part, and an attribute larger than any slice."""
    huge = "x" * (SLICE_CHARACTERS + 1)
    span = make_span(1, 1, attributes={"huge": huge})
    span.trace_state = huge
    commit(writer, [span, make_span(1, 2, start=1)])
    with store.reader.snapshot() as snapshot:
        page = snapshot.spans(only_trace(store), limit=2)
    assert (page.spans[0].extra, page.spans[0].attributes) == (None, "{}")
    assert page.marks == {(NOW_NS, span_id(1)): {"fields_left_out"}}
