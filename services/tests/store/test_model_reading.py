"""Spans and logs come back from every store as the model had them, in order and in chunks."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import strategies
from samples import NOW_NS, RESOURCE, make_log, make_span, span_id, trace_id
from tracefoundry.model.genai import registry
from tracefoundry.model.payload import Content, ref_of
from tracefoundry.model.span import LogRecord, Resource, Span
from tracefoundry.model.times import day_of
from tracefoundry.payloads.offload import Offloader
from tracefoundry.store.api import Store, Writer

CONTENT_KEYS = ("gen_ai.input.messages", "gen_ai.tool.call.arguments", "input.value")

_traces = itertools.count(1_000_000)
_Model = TypeVar("_Model", Span, LogRecord)

PROPERTY = settings(
    # Shrinking would commit thousands of times, and end at the time limit of a test.
    phases=[Phase.explicit, Phase.generate],
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def keep(writer: Writer, spans: Sequence[Span], logs: Sequence[LogRecord] = ()) -> None:
    """Store spans and logs in the default project."""
    result = writer.commit(
        [writer.prepare_span(1, span) for span in spans],
        [writer.prepare_log(1, log) for log in logs],
    )
    assert (result.refused_spans, result.refused_logs) == ([], [])


class Payloads:
    """A source of contents, which notes what it was asked for."""

    def __init__(self, contents: Sequence[Content]) -> None:
        self.values = {content.ref: content.value for content in contents}
        self.asked: list[tuple[int, int, frozenset[str]]] = []

    def __call__(self, project_id: int, day: int, refs: Collection[str]) -> Mapping[str, bytes]:
        self.asked.append((project_id, day, frozenset(refs)))
        return {ref: self.values[ref] for ref in refs if ref in self.values}


def span_chunks(store: Store, trace: bytes, **options: Any) -> list[list[Span]]:
    """The chunks of a trace's spans."""
    with store.reader.snapshot() as snapshot:
        (found,) = snapshot.find_traces([1], trace)
        return list(snapshot.model_spans(found, **options))


def log_chunks(store: Store, trace: bytes, **options: Any) -> list[list[LogRecord]]:
    """The chunks of a trace's logs."""
    with store.reader.snapshot() as snapshot:
        return list(snapshot.model_logs(1, trace, **options))


def flat(chunks: Sequence[list[_Model]]) -> list[_Model]:
    """All of the chunks, none of which is empty."""
    assert all(chunks)
    return [one for chunk in chunks for one in chunk]


def as_read(models: Sequence[_Model]) -> list[_Model]:
    """What a stored row says of spans or logs: not the values that left it."""
    plain = []
    for model in models:
        plain.append(msgspec.structs.replace(model, contents=()))
        if isinstance(plain[-1], Span):
            plain[-1].encoded_attributes = b""
    return plain


def exact(models: Sequence[_Model]) -> list[bytes]:
    """For comparing: 3 is not 3.0 here, and the order of keys does not matter."""
    return [msgspec.json.encode(model, order="sorted") for model in models]


def in_window(draw: st.DrawFn, model: _Model, trace: bytes) -> _Model:
    """As a writer may get it today: in a trace, at a time that has a partition, after redaction."""
    model.trace_id = trace
    model.policy_version = draw(st.integers(1, 2**31 - 1))
    model.redactions = tuple(
        draw(st.lists(st.tuples(strategies.labels(), st.integers(1, 2**40)), max_size=2))
    )
    for key in draw(st.lists(st.sampled_from(CONTENT_KEYS), max_size=2)):
        model.attributes[key] = draw(strategies.attribute_values())
    return model


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """The spans of a trace, by start and span id, with their views derived."""
    trace = trace_id(next(_traces))
    resources = [draw(strategies.resources()) for _ in range(2)]
    spans = draw(
        st.lists(
            strategies.spans(resource=st.sampled_from(resources)),
            min_size=1,
            max_size=4,
            unique_by=lambda span: span.span_id,
        )
    )
    for span in spans:
        in_window(draw, span, trace)
        span.start_time_ns = NOW_NS + draw(st.integers(0, 3))
        if draw(st.booleans()):
            span.attributes["gen_ai.operation.name"] = "chat"
        span.genai = registry.derive(span.attributes, span.events, span.scope.name)
    return sorted(spans, key=lambda span: (span.start_time_ns, span.span_id))


@st.composite
def lone_logs(draw: st.DrawFn) -> list[LogRecord]:
    """Logs of a trace, by time and span id."""
    trace = trace_id(next(_traces))
    logs = draw(
        st.lists(strategies.logs(), min_size=1, max_size=4, unique_by=lambda log: log.span_id)
    )
    for log in logs:
        in_window(draw, log, trace).time_ns = NOW_NS + draw(st.integers(0, 3))
    return sorted(logs, key=lambda log: (log.time_ns, log.span_id))


def offload(records: Sequence[Span] | Sequence[LogRecord]) -> None:
    """The offload stage. Each record gets a resource and scope of its own first: in an OTLP body
    the spans that share them follow each other, and the stage relies on it."""
    offloader = Offloader()
    for record in records:
        record.resource = copy.deepcopy(record.resource)
        record.scope = copy.deepcopy(record.scope)
        if isinstance(record, Span):
            offloader.offload_span(record)
        else:
            offloader.offload_log(record)


@PROPERTY
@given(spans=traces(), size=st.integers(1, 5))
def test_spans_come_back_as_they_were_stored(
    writer: Writer, store: Store, spans: list[Span], size: int
) -> None:
    """Without contents: what stood where is in ``payloads``. In chunks of any size."""
    offload(spans)
    keep(writer, spans)
    chunks = span_chunks(store, spans[0].trace_id, chunk_spans=size)
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert flat(chunks) == as_read(spans)
    assert exact(flat(chunks)) == exact(as_read(spans))


@PROPERTY
@given(spans=traces())
def test_spans_come_back_with_their_contents(
    writer: Writer, store: Store, spans: list[Span]
) -> None:
    """As they were before the offload stage, with the refs that a sender wrote."""
    originals = copy.deepcopy(spans)
    offload(spans)
    keep(writer, spans)
    source = Payloads([content for span in spans for content in span.contents])
    found = flat(span_chunks(store, spans[0].trace_id, contents=source))
    for original, span in zip(originals, spans, strict=True):
        original.payloads = tuple(one for one in span.payloads if one.state == "reference")
    assert exact(found) == exact(originals)
    assert {(project, day) for project, day, _ in source.asked} <= {(1, day_of(NOW_NS))}


@PROPERTY
@given(logs=lone_logs(), size=st.integers(1, 5))
def test_logs_come_back_as_they_were_stored_and_with_their_contents(
    writer: Writer, store: Store, logs: list[LogRecord], size: int
) -> None:
    """Also logs that came without spans."""
    originals = copy.deepcopy(logs)
    offload(logs)
    keep(writer, [], logs)
    trace = logs[0].trace_id
    chunks = log_chunks(store, trace, chunk_logs=size)
    assert exact(flat(chunks)) == exact(as_read(logs))
    source = Payloads([content for log in logs for content in log.contents])
    for original, log in zip(originals, logs, strict=True):
        original.payloads = tuple(one for one in log.payloads if one.state == "reference")
    assert exact(flat(log_chunks(store, trace, contents=source))) == exact(originals)


def test_a_content_that_is_gone_keeps_its_entry(writer: Writer, store: Store) -> None:
    """Its span is whole otherwise."""
    span = make_span(attributes={"input.value": "gone", "output.value": "there", "n": 1})
    Offloader().offload_span(span)
    keep(writer, [span])
    source = Payloads([content for content in span.contents if content.value == b"there"])
    ((found,),) = span_chunks(store, span.trace_id, contents=source)
    assert found.attributes == {"output.value": "there", "n": 1}
    assert [entry.ref for entry in found.payloads] == [ref_of(b"gone")]


def test_a_chunk_ends_before_it_is_too_large(writer: Writer, store: Store) -> None:
    """Counted in bytes; a span that is too large alone is a chunk of its own."""
    sizes = (100, 100, 5_000, 100, 100, 100)
    spans = [
        make_span(span=n, start=n, attributes={"text": "é" * (size // 2)})
        for n, size in enumerate(sizes, 1)
    ]
    keep(writer, spans)
    chunks = span_chunks(store, spans[0].trace_id, chunk_bytes=1_000)
    assert [len(chunk) for chunk in chunks] == [2, 1, 3]
    assert flat(chunks) == as_read(spans)


def test_resources_count_once_and_are_shared(writer: Writer, store: Store) -> None:
    """A chunk that needs a new large one ends before it; equal ones are one object."""
    large = [Resource({"service.name": f"agent {n}", "text": "x" * 600}) for n in range(3)]
    spans = [make_span(span=n, start=n, resource=large[n // 4]) for n in range(12)]
    keep(writer, spans)
    chunks = span_chunks(store, spans[0].trace_id, chunk_bytes=1_200)
    assert flat(chunks) == as_read(spans)
    assert [sorted({span.resource.service or "" for span in chunk}) for chunk in chunks] == [
        ["agent 0"],
        ["agent 1"],
        ["agent 2"],
    ]
    chunks = span_chunks(store, spans[0].trace_id, chunk_spans=1)
    shared = {id(span.resource) for span in flat(chunks)}
    assert len(shared) == 3
    assert len({id(span.scope) for span in flat(chunks)}) == 1


def test_contents_count_where_they_are_put_back(writer: Writer, store: Store) -> None:
    """A chunk of a thousand small rows could stand for gigabytes."""
    spans = [
        make_span(span=n, start=n, attributes={"input.value": f"{n}" + "x" * 3_000})
        for n in range(1, 4)
    ]
    offload(spans)
    keep(writer, spans)
    source = Payloads([content for span in spans for content in span.contents])
    options: dict[str, Any] = {"chunk_bytes": 5_000}
    assert [len(chunk) for chunk in span_chunks(store, spans[0].trace_id, **options)] == [3]
    options["contents"] = source
    assert [len(chunk) for chunk in span_chunks(store, spans[0].trace_id, **options)] == [1, 1, 1]
    assert [len(refs) for _, _, refs in source.asked] == [1, 1, 1]


def test_logs_of_a_trace_are_read_by_their_time(writer: Writer, store: Store) -> None:
    """Of all its spans together, and of no other trace."""
    times = (5, 3, 4, 1, 2)
    logs = [
        make_log(1, n % 2 + 1, time_offset=time, body=f"{time}") for n, time in enumerate(times)
    ]
    keep(writer, [make_span(1, 1)], [*logs, make_log(2, 1)])
    chunks = log_chunks(store, trace_id(1), chunk_logs=2)
    assert [[log.body for log in chunk] for chunk in chunks] == [["1", "2"], ["3", "4"], ["5"]]
    assert {log.resource == RESOURCE for log in flat(chunks)} == {True}
    assert log_chunks(store, trace_id(3)) == []
    assert flat(span_chunks(store, trace_id(1)))[0].span_id == span_id(1)
