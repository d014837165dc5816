"""The spans of one trace, over every store: pages, what they refer to, links, usage."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from samples import NOW_NS, RESOURCE, SCOPE, llm, make_log, make_span, span_id, trace_id
from store.answers import add_projects, commit, only_trace
from tracefoundry.model.attributes import double
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import Event, Link, Resource, Scope, Span
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.records import LOGS_LIMIT, PAGE_BYTES, SpanPage, SpanPosition, StoredTrace


def family() -> list[Span]:
    """A root with two children, of which the first has one itself; two start at one time."""
    return [
        make_span(1, 1, start=0, duration=100),
        make_span(1, 2, 1, start=10, name="first"),
        make_span(1, 3, 1, start=20, name="second"),
        make_span(1, 4, 2, start=20, name="grandchild"),
    ]


def ids(spans: Any) -> list[int]:
    """Span ids as small numbers."""
    return [int.from_bytes(span.span_id, "big") for span in spans]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(("parent", "expected"), [(None, [1, 2, 3, 4]), (1, [2, 3]), (4, [])])
def test_pages_of_a_trace_or_of_one_parents_children(
    store: Store, writer: Writer, whole: bool, limit: int, parent: int | None, expected: list[int]
) -> None:
    """Every span once, by start, then span id, as skeletons or whole."""
    add_projects(store, "other")
    commit(writer, [*family(), make_span(2, 9)])
    commit(writer, [make_span(1, 8)], project=2)
    trace = only_trace_of(store)
    parent_id = None if parent is None else span_id(parent)
    found: list[int] = []
    after: SpanPosition | None = None
    with store.reader.snapshot() as snapshot:
        while True:
            one = (snapshot.spans if whole else snapshot.skeletons)(
                trace, after=after, parent_id=parent_id, limit=limit
            )
            assert len(one.spans) <= limit
            found += ids(one.spans)
            if one.following is None:
                break
            after = one.following
    assert found == expected


def only_trace_of(store: Store, trace: int = 1) -> StoredTrace:
    """A trace of the default project."""
    with store.reader.snapshot() as snapshot:
        (found,) = snapshot.find_traces([1], trace_id(trace))
        return found


def first_page(store: Store, limit: int = 100) -> SpanPage:
    """The first page of the only trace's spans."""
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        return snapshot.spans(trace, limit=limit)


def test_a_skeleton_says_what_a_tree_needs(store: Store, writer: Writer) -> None:
    """Unknown is None, never 0."""
    commit(writer, [make_span(1, 1), make_span(1, 2, 1, start=5, status=2, attributes=llm(7, 0))])
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        root, child = snapshot.skeletons(trace, limit=10).spans
    assert root == (span_id(1), None, NOW_NS, NOW_NS + 1_000, "work", 1, 0, None, None, None, None)
    assert child == (
        *(span_id(2), span_id(1), NOW_NS + 5, NOW_NS + 1_005),
        *("work", 1, 2, "llm", 7, 0, None),
    )


def test_a_whole_span_holds_everything_that_was_sent(store: Store, writer: Writer) -> None:
    """JSON as it is stored, in tagged form; empty parts are None; resource and scope by id."""
    entry = PayloadEntry("tool_result", "span", "k", "string", None, None, None, "withheld")
    sent = make_span(
        attributes={"n": 1, "nan": double(float("nan")), **llm(3, 4)},
        events=[Event("e", NOW_NS, {"a": 1}, 2)],
        links=[Link(b"\x01\x02", b"", {"l": True}, "s", 1, 3)],
        flags=257,
        trace_state="k=v",
        dropped_events_count=9,
        redactions=(("aws_key", 2),),
        payloads=(entry,),
    )
    sent.status_message = "because"
    commit(writer, [sent])
    page = first_page(store)
    (span,) = page.spans
    assert orjson.loads(span.attributes) == {"n": 1, "nan": {"$double": "NaN"}, **llm(3, 4)}
    assert orjson.loads(span.events or "") == [
        {
            "name": "e",
            "time_ns": str(NOW_NS),
            "attributes": {"a": 1},
            "dropped_attributes_count": 2,
        }
    ]
    assert orjson.loads(span.links or "") == [
        {
            "trace_id": "0102",
            "span_id": "",
            "attributes": {"l": True},
            "trace_state": "s",
            "flags": 1,
            "dropped_attributes_count": 3,
        }
    ]
    assert orjson.loads(span.extra or "") == {"trace_state": "k=v", "dropped_events_count": 9}
    assert orjson.loads(span.redactions or "") == [{"rule": "aws_key", "count": 2}]
    (shown,) = orjson.loads(span.payloads or "")
    assert (shown["slot"], shown["key"], shown["state"]) == ("tool_result", "k", "withheld")
    assert (span.flags, span.policy_version, span.status_message) == (257, 2, "because")
    assert (span.genai_kind, span.request_model, span.input_tokens) == ("llm", "m-large", 3)
    assert orjson.loads(span.genai or "")["operation"] == "chat"
    resource, scope = page.resources[span.resource_id], page.scopes[span.scope_id]
    assert (resource.service, resource.environment) == ("agent", "test")
    assert orjson.loads(resource.attributes) == RESOURCE.attributes
    assert (scope.name, scope.version, scope.extra) == (SCOPE.name, SCOPE.version, None)


def test_a_bare_span_has_nothing_in_its_optional_parts(store: Store, writer: Writer) -> None:
    """None, not empty lists."""
    commit(writer, [make_span()])
    (span,) = first_page(store).spans
    assert (span.attributes, span.parent_span_id, span.status_message) == ("{}", None, None)
    assert {span.events, span.links, span.extra, span.payloads, span.redactions, span.genai} == {
        None
    }


def test_logs_are_joined_to_their_spans_in_the_order_of_their_time(
    store: Store, writer: Writer
) -> None:
    """Those of spans that are not on the page stay away."""
    logs = [
        make_log(1, 1, time_offset=5, name="late", body={"b": 1}),
        make_log(1, 1, time_offset=1, name="early"),
        make_log(1, 2, name="other"),
        make_log(2, 1, name="of another trace"),
    ]
    commit(writer, [make_span(1, 1), make_span(1, 2, start=1)], logs)
    page = first_page(store, limit=1)
    assert [log.name for log in page.logs[span_id(1)]] == ["early", "late"]
    assert (page.logs.keys(), page.logs_truncated) == ({span_id(1)}, False)
    early, late = page.logs[span_id(1)]
    assert (early.body, orjson.loads(late.body or "")) == (None, {"b": 1})
    assert (early.severity_number, early.severity_text, early.policy_version) == (9, "INFO", 2)
    assert early.resource_id in page.resources
    assert early.scope_id in page.scopes


def test_one_span_is_read_by_its_id_however_often_it_is_there(store: Store, writer: Writer) -> None:
    """By start; an id that is not there is an empty page."""
    commit(writer, [make_span(1, 1, start=9), make_span(1, 1, start=0), make_span(1, 2)])
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        page = snapshot.span(trace, span_id(1))
        assert [span.start_time_ns - NOW_NS for span in page.spans] == [0, 9]
        assert (page.following, len(page.resources)) == (None, 1)
        assert snapshot.span(trace, span_id(3)).spans == []


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of 2,500 bytes and 10 logs: the real limits take minutes to reach."""
    assert (PAGE_BYTES, LOGS_LIMIT) == (32 * 1024 * 1024, 100_000)
    for module in ("sql.reader.page_size", "memory.spans"):
        monkeypatch.setattr(f"tracefoundry.store.{module}.PAGE_BYTES", 2_500)
        monkeypatch.setattr(f"tracefoundry.store.{module}.LOGS_LIMIT", 10)


def pages_of(store: Store) -> list[SpanPage]:
    """All pages of the only trace, however many spans are asked for."""
    trace = only_trace(store)
    pages: list[SpanPage] = []
    with store.reader.snapshot() as snapshot:
        while not pages or pages[-1].following is not None:
            after = pages[-1].following if pages else None
            pages.append(snapshot.spans(trace, after=after, limit=1_000))
    assert not any(page.logs_truncated for page in pages if len(page.spans) > 1)
    return pages


def sizes(pages: list[SpanPage]) -> list[int]:
    """Spans on each page."""
    return [len(page.spans) for page in pages]


def large(kind: str, number: int) -> Span:
    """A span whose answer has more than 1,000 bytes, because of one part of it."""
    text = "x" * 1_000
    whole: dict[str, Any] = {"start": number}
    if kind == "attributes":
        whole["attributes"] = {"t": text}
    elif kind == "name":
        whole["name"] = text
    elif kind == "wide characters":
        whole["attributes"] = {"t": "\N{GRINNING FACE}" * 250}
    elif kind == "resource":
        whole["resource"] = Resource({"service.name": "agent", "t": text})
    elif kind == "previews":
        entry = PayloadEntry("attribute", "span", "k", "string", None, None, None, "withheld")
        whole["payloads"] = (entry,)
    span = make_span(1, number, **whole)
    if kind == "scope":
        span.scope = Scope("tests", "1.0", {"t": text})
    if kind == "message":
        span.status_message = text
    return span


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "kind",
    ["attributes", "name", "message", "wide characters", "resource", "scope", "previews"],
)
def test_a_page_of_whole_spans_ends_where_its_answer_would_be_too_large(
    store: Store, writer: Writer, kind: str
) -> None:
    """Counted in bytes, and as shown: what is stored once counts with every span that shows it."""
    commit(writer, [large(kind, number) for number in range(1, 6)])
    pages = pages_of(store)
    assert sizes(pages) == [2, 2, 1]
    assert [number for page in pages for number in ids(page.spans)] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("small_pages")
def test_logs_count_with_the_span_they_are_shown_in(store: Store, writer: Writer) -> None:
    """The second span's logs make the page too large; none of them is lost."""
    logs = [make_log(1, n, time_offset=m, body="b" * 200) for n in (1, 2, 3) for m in range(5)]
    commit(writer, [make_span(1, n, start=n) for n in (1, 2, 3)], logs)
    pages = pages_of(store)
    assert sizes(pages) == [1, 1, 1]
    assert [len(page.logs[page.spans[0].span_id]) for page in pages] == [5, 5, 5]
    assert not any(page.logs_truncated for page in pages)


@pytest.mark.usefixtures("small_pages")
def test_a_page_ends_before_its_logs_are_too_many(store: Store, writer: Writer) -> None:
    """By their number, however small they are."""
    logs = [make_log(1, n, time_offset=m) for n in (1, 2, 3) for m in range(5)]
    commit(writer, [make_span(1, n, start=n) for n in (1, 2, 3)], logs[:12])
    pages = pages_of(store)
    assert [[len(page.logs[span.span_id]) for span in page.spans] for page in pages] == [
        [5, 5],
        [2],
    ]


@pytest.mark.usefixtures("small_pages")
def test_two_spans_with_one_id_each_count_its_logs(store: Store, writer: Writer) -> None:
    """Both show the same logs."""
    logs = [make_log(1, 1, time_offset=m, body="b" * 200) for m in range(5)]
    commit(writer, [make_span(1, 1, start=n) for n in range(3)], logs)
    assert sizes(pages_of(store)) == [1, 1, 1]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("number", "bytes_each", "shown"), [(6, 1_000, 2), (12, 1, 10), (1, 5_000, 1)]
)
def test_logs_that_one_span_cannot_show_are_left_out_visibly(
    store: Store, writer: Writer, number: int, bytes_each: int, shown: int
) -> None:
    """The latest ones, by size or number; one that is too large alone is shown."""
    logs = [make_log(1, 1, time_offset=m, body="b" * bytes_each) for m in range(number)]
    commit(writer, [make_span(1, 1), make_span(1, 2, start=1)], logs)
    first = pages_of(store)[0]
    assert [log.time_ns - NOW_NS for log in first.logs[span_id(1)]] == list(range(shown))
    assert first.logs_truncated == (shown < number)


@pytest.mark.usefixtures("small_pages")
def test_spans_of_one_id_that_are_too_large_together_are_cut_visibly(
    store: Store, writer: Writer
) -> None:
    """The rest is in the pages of the trace."""
    text = "x" * 1_000
    commit(writer, [make_span(1, 1, start=n, attributes={"t": text}) for n in range(4)])
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        page = snapshot.span(trace, span_id(1))
    assert len(page.spans) == 2
    assert page.following == SpanPosition(page.spans[-1].start_time_ns, span_id(1))


def test_usage_counts_once_in_a_trace(store: Store, writer: Writer) -> None:
    """The fields that count, by start and span id: here both of the call, none of the agent above
    it."""
    agent = {**llm(30, 12), "gen_ai.operation.name": "invoke_agent"}
    commit(
        writer,
        [
            make_span(1, 1, attributes=agent),
            make_span(1, 2, 1, start=5, attributes=llm(30, 12)),
            make_span(1, 3, 1, start=6),
        ],
    )
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        counting = snapshot.counting_spans(trace)
    assert counting == {(NOW_NS, span_id(1)): 0, (NOW_NS + 5, span_id(2)): 3}


def test_links_are_listed_by_start(store: Store, writer: Writer) -> None:
    """Of spans that have some, up to a limit."""
    link = Link(trace_id(7), span_id(7))
    commit(
        writer,
        [
            make_span(1, 1, start=9, links=[link, link]),
            make_span(1, 2, start=5),
            make_span(1, 3, start=1, links=[link]),
        ],
    )
    trace = only_trace(store)
    with store.reader.snapshot() as snapshot:
        found = snapshot.links(trace, 10)
        assert (ids(found.spans), ids(snapshot.links(trace, 1).spans)) == ([3, 1], [3])
    assert [len(orjson.loads(one.links)) for one in found.spans] == [1, 2]
    assert orjson.loads(found.spans[0].links)[0]["trace_id"] == trace_id(7).hex()
