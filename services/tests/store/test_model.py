"""Spans and logs read back as the model has them: what was stored is what is read."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples import NOW_NS, llm, make_log, make_span, trace_id
from store.answers import add_projects, commit, logs_of, spans_of
from strategies import logs, spans
from tracefoundry.model.genai import plain
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import Link, LogRecord, Span
from tracefoundry.store.api import Store, Writer

_projects = itertools.count()
_REF = "sha256:" + "0" * 64
_WHOLE = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


TIMES = st.integers(NOW_NS, NOW_NS + 3_600_000_000_000)
"""Times for which every store has a place."""


@_WHOLE
@given(sent=spans(trace_id=st.just(trace_id(1))), start=TIMES, end=TIMES)
def test_any_span_comes_back_as_it_was_stored(
    store: Store, writer: Writer, sent: Span, start: int, end: int
) -> None:
    """Types, order, tags and counts of what was dropped included."""
    (project,) = add_projects(store, f"p{next(_projects)}")
    sent = msgspec.structs.replace(
        sent,
        start_time_ns=start,
        end_time_ns=end,
        genai=plain.derive(sent.attributes),
        policy_version=2,
        redactions=(("rule", 2),),
    )
    assert not commit(writer, [sent], project=project).refused_spans
    assert spans_of(store, project=project) == [sent]


@_WHOLE
@given(sent=logs(), at=TIMES)
def test_any_log_record_comes_back_as_it_was_stored(
    store: Store, writer: Writer, sent: LogRecord, at: int
) -> None:
    """Its body too, whatever it is."""
    (project,) = add_projects(store, f"p{next(_projects)}")
    sent = msgspec.structs.replace(sent, trace_id=trace_id(1), time_ns=at, policy_version=2)
    assert not commit(writer, [], [sent], project=project).refused_logs
    assert logs_of(store, project=project) == [sent]


def test_the_derived_view_comes_back(store: Store, writer: Writer) -> None:
    """Fields without a column of their own too."""
    sent = make_span(
        attributes=llm(1, 2, **{"gen_ai.response.finish_reasons": ["stop"]}),
        links=[Link(b"", b"\xff" * 20, flags=2**32 - 1)],
    )
    commit(writer, [sent])
    (found,) = spans_of(store)
    assert found.genai is not None
    assert found == sent


def test_spans_come_by_start_in_chunks(store: Store, writer: Writer) -> None:
    """Of at most so many spans, and about so many bytes; a large one is a chunk of its own."""
    texts = {3: "x" * 5_000}
    sent = [
        make_span(1, number, start=10 - number, attributes={"t": texts.get(number, "")})
        for number in range(1, 8)
    ]
    commit(writer, sent)
    with store.reader.snapshot() as snapshot:
        (trace,) = snapshot.find_traces([1], trace_id(1))
        by_number = list(snapshot.model_spans(trace, chunk_spans=3))
        by_size = list(snapshot.model_spans(trace, chunk_bytes=4_000))
    assert [len(chunk) for chunk in by_number] == [3, 3, 1]
    assert [span for chunk in by_number for span in chunk] == sent[::-1]
    assert [span for chunk in by_size for span in chunk] == sent[::-1]
    alone = [chunk for chunk in by_size if any(span.attributes["t"] for span in chunk)]
    assert [len(chunk) for chunk in alone] == [1]


def test_logs_come_by_time_in_chunks(store: Store, writer: Writer) -> None:
    """Also those of a trace without spans."""
    sent = [make_log(1, number, time_offset=10 - number) for number in range(1, 6)]
    commit(writer, [], [*sent, make_log(2, 1)])
    with store.reader.snapshot() as snapshot:
        chunks = list(snapshot.model_logs(1, trace_id(1), chunk_logs=2))
        assert list(snapshot.model_logs(1, trace_id(9))) == []
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [log for chunk in chunks for log in chunk] == sent[::-1]


def test_payloads_say_what_stood_where(store: Store, writer: Writer) -> None:
    """Nothing is put back where nobody reads contents."""
    entries = (
        PayloadEntry("tool_result", "span", "k", "string", _REF, 3, None, "present"),
        PayloadEntry("attribute", "events/0", "l", "array", None, None, None, "withheld"),
    )
    commit(writer, [make_span(payloads=entries)], [make_log(payloads=entries[:1])])
    (span,) = spans_of(store)
    (log,) = logs_of(store)
    assert (span.payloads, log.payloads) == (entries, entries[:1])
