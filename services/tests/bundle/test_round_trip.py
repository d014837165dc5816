"""What is written into a bundle is what is read from it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import bundles
import strategies
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.record_writer import Standing
from tracefoundry.bundle.verification import verify
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.payload import PayloadEntry, ref_of
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.otlp import protobuf

KEYS = strategies.labels(12) | st.sampled_from(
    ["body", "tracefoundry.payload.ref.x", "gen_ai.input.messages", "tracefoundry.payload.x"]
)
SLOTS = st.sampled_from(["input_messages", "tool_result", "attribute"])
QUICK = [Phase.explicit, Phase.reuse, Phase.generate]
"""No shrinking: it takes minutes with records as large as these."""
VALUES = [b"", b"a", b"long " * 9]
STATES = st.sampled_from(["present", "redacted", "withheld", "expired"])


@st.composite
def entries(draw: st.DrawFn, places: Sequence[str]) -> PayloadEntry:
    """An entry whose content is in the store if it is present."""
    state = draw(STATES)
    value = draw(st.sampled_from(VALUES))
    stored = state in ("present", "expired")
    return PayloadEntry(
        draw(SLOTS), draw(st.sampled_from(places)), draw(KEYS), "string",
        ref_of(value) if stored else None, len(value) if stored else None, None, state,
    )  # fmt: skip


@st.composite
def stored_spans(draw: st.DrawFn) -> Span:
    """A span as a store gives it, with entries at its places and forged refs of the sender."""
    span = draw(strategies.spans(trace_id=st.sampled_from([bundles.TRACE_ID, b"\xff" * 16])))
    places = ["span", "resource", "scope"]
    places += [f"events/{i}" for i in range(len(span.events))]
    places += [f"links/{i}" for i in range(len(span.links))]
    found = draw(st.lists(entries(places), max_size=4, unique_by=lambda e: (e.place, e.key)))
    forged = draw(st.dictionaries(KEYS, st.just("sha256:" + "0" * 64), max_size=2))
    return msgspec.structs.replace(
        span,
        attributes={**span.attributes, **forged},
        payloads=tuple(found),
        redactions=draw(st.just(()) | st.just((("email", 2),))),
        mended_strings=draw(st.integers(0, 2)),
    )


@st.composite
def stored_logs(draw: st.DrawFn) -> LogRecord:
    """A log record as a store gives it."""
    log = draw(strategies.logs())
    found = draw(st.lists(entries(["log", "resource"]), max_size=3, unique_by=lambda e: e.key))
    if found and draw(st.booleans()):
        log.body = None
    return msgspec.structs.replace(log, trace_id=bundles.TRACE_ID, payloads=tuple(found))


def read_back(file: bytes) -> tuple[list[Span], list[LogRecord]]:
    """All spans and logs of a bundle."""
    with Bundle(io.BytesIO(file)) as bundle:
        spans = [span for chunk in bundle.spans() for span in chunk]
        logs = [log for chunk in bundle.logs() for log in chunk]
    return spans, logs


def in_order(spans: list[Span]) -> list[Span]:
    """The order of a bundle."""
    return sorted(spans, key=lambda s: (s.trace_id, s.start_time_ns, s.span_id))


def unique(records: Sequence[Any]) -> list[Any]:
    """Records without repeated keys, as a store has them."""
    seen: dict[Any, Any] = {}
    for record in records:
        time_ns = record.start_time_ns if isinstance(record, Span) else record.time_ns
        seen.setdefault((record.trace_id, record.span_id, time_ns), record)
    return list(seen.values())


@settings(max_examples=40, deadline=None, phases=QUICK)
@given(st.lists(stored_spans(), max_size=5), st.lists(stored_logs(), max_size=4))
def test_spans_and_logs_come_back_equal(spans: list[Span], logs: list[LogRecord]) -> None:
    """Attributes, entries, redactions, mended strings and order survive."""
    spans, logs = unique(spans), unique(logs)
    file = bundles.written(spans, logs, contents=bundles.Contents(VALUES))
    assert verify(io.BytesIO(file)).reason is None
    found_spans, found_logs = read_back(file)
    assert in_order(spans) == found_spans
    assert sorted(logs, key=lambda log: (log.time_ns, log.span_id)) == found_logs


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(st.lists(stored_spans(), max_size=6), st.data())
def test_order_of_keys_and_batches_change_nothing(spans: list[Span], data: st.DataObject) -> None:
    """Databases keep keys in different orders; the bytes are equal all the same."""
    spans = unique(spans)
    contents = bundles.Contents(VALUES)
    shuffled = [
        msgspec.structs.replace(
            span, attributes=dict(data.draw(st.permutations(list(span.attributes.items()))))
        )
        for span in spans
    ]
    first = bundles.written(spans, contents=contents, batch=1)
    assert first == bundles.written(shuffled, contents=contents, batch=7)


def test_logs_of_one_moment_are_in_the_order_of_their_bytes() -> None:
    """No database has an order for them."""
    logs = [bundles.log(1, body={"index": number}) for number in range(5)]
    file = bundles.written([], logs)
    assert file == bundles.written([], list(reversed(logs)))
    assert logs == read_back(file)[1]


def test_refs_stand_where_the_values_were() -> None:
    """Other readers of OTLP find each ref at its place, and the first of each slot on the span."""
    values = [b"question", b"document", b"event"]
    span = bundles.span(
        1,
        events=[bundles.Event("e", 1, {})],
        payloads=(
            bundles.entry(values[0]),
            bundles.entry(values[1], key="doc", place="resource"),
            bundles.entry(values[2], key="data", place="events/0"),
        ),
    )
    file = bundles.written([span], contents=bundles.Contents(values))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        sent = protobuf.decode_traces(archive.read("spans.otlp.000000.pb")).spans[0]
    ref = ref_of(values[0])
    assert ref == sent.attributes["tracefoundry.payload.ref.gen_ai.input.messages"]
    assert ref == sent.attributes["tracefoundry.payload.input_messages_ref"]
    assert ref_of(values[1]) == sent.resource.attributes["tracefoundry.payload.ref.doc"]
    assert {"tracefoundry.payload.ref.data": ref_of(values[2])} == sent.events[0].attributes


def test_body_of_a_log_is_named_apart() -> None:
    """``tracefoundry.log.body_ref``: an attribute may be called ``body`` too."""
    log = bundles.log(1, body=None, payloads=(bundles.entry(b"x", key="body", place="log"),))
    file = bundles.written([], [log], contents=bundles.Contents([b"x"]))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        sent = protobuf.decode_logs(archive.read("logs.otlp.000000.pb")).logs[0]
    assert {"tracefoundry.log.body_ref": ref_of(b"x")} == sent.attributes
    assert [log] == read_back(file)[1]


def test_refs_that_a_sender_wrote_are_set_apart() -> None:
    """They are never resolved, and come back as they were sent."""
    forged = {"tracefoundry.payload.ref.x": ref_of(b"x"), "tracefoundry.payload.sent.y": "z"}
    span = bundles.span(1, attributes=forged)
    file = bundles.written([span])
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        sent = protobuf.decode_traces(archive.read("spans.otlp.000000.pb")).spans[0]
    assert {
        "tracefoundry.payload.sent.ref.x": ref_of(b"x"),
        "tracefoundry.payload.sent.sent.y": "z",
    } == sent.attributes
    assert [span] == read_back(file)[0]


def test_without_payloads_present_becomes_excluded() -> None:
    """The ref is a keyed hash, the line of the trace counts what was left out."""
    keyed = msgspec.structs.replace(bundles.entry(b"x"), ref="hmac-sha256:" + "1" * 64)
    file = bundles.written([bundles.span(1, payloads=(keyed,))])
    with Bundle(io.BytesIO(file)) as bundle:
        assert [{"excluded": 1}] == [trace.payloads for trace in bundle.traces()]
        (span,) = next(bundle.spans())
        assert msgspec.structs.replace(keyed, state="excluded") == span.payloads[0]
        assert [] == list(bundle.payloads())


def test_without_payloads_plain_hashes_are_refused() -> None:
    """A short text could be guessed from its plain hash."""
    with pytest.raises(ValueError, match="keyed refs"):
        bundles.written([bundles.span(1, payloads=(bundles.entry(b"x"),))])


def test_states_and_expiry_are_those_at_the_export() -> None:
    """The store is asked through ``standing``; content that is not present is not read."""
    out, contents = io.BytesIO(), bundles.Contents()
    writer = BundleWriter(out, contents=contents, redaction=bundles.STANDARD)
    writer.add_trace(
        bundles.facts(),
        [[bundles.span(1, payloads=(bundles.entry(b"x"),))]],
        [],
        standing=lambda _record, _entry: Standing("deleted", "2026-01-01T00:00:00Z"),
    )
    writer.finish()
    with Bundle(out) as bundle:
        ((_, facts),) = next(bundle.spans_with_facts())
    assert facts is not None
    assert ("deleted", "2026-01-01T00:00:00Z") == (
        facts.payloads[0].state,
        facts.payloads[0].expired_at,
    )
    assert [] == contents.asked


def test_content_that_has_gone_is_an_error() -> None:
    """A bundle never says ``present`` of what it does not hold."""
    with pytest.raises(BundleError, match="not there any more"):
        bundles.written(
            [bundles.span(1, payloads=(bundles.entry(b"x"),))], contents=bundles.Contents()
        )


def test_json_copies_are_plain_otlp_json() -> None:
    """Also where an attribute is no valid UTF-8."""
    spans = [
        bundles.span(1, attributes={"broken": {"$text": "/w=="}}),
        bundles.span(2),
        bundles.span(3, scope=bundles.Scope("other")),
        bundles.span(4, resource=bundles.Resource({"service.name": "b"})),
    ]
    file = bundles.written(spans, json_copies=True)
    assert verify(io.BytesIO(file)).valid
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        copy = json.loads(archive.read("spans.otlp.000000.json"))
    names = [
        [[span["name"] for span in scope["spans"]] for scope in resource["scopeSpans"]]
        for resource in copy["resourceSpans"]
    ]
    assert [[["step 1", "step 2"], ["step 3"]], [["step 4"]]] == names


@pytest.mark.parametrize("wrong", ["spans", "logs", "traces", "other trace"])
def test_wrong_order_is_refused(wrong: str) -> None:
    """The writer streams, so it cannot sort."""
    writer = BundleWriter(io.BytesIO(), contents=None, redaction=bundles.STANDARD)
    first = bundles.facts()
    spans, logs = [bundles.span(1), bundles.span(2)], [bundles.log(1), bundles.log(2)]
    if wrong == "spans":
        spans.reverse()
    elif wrong == "logs":
        logs.reverse()
    elif wrong == "other trace":
        spans = [bundles.span(1, trace_id=b"\x01" * 16)]
    else:
        writer.add_trace(first, [], [])
        spans = logs = []
    with pytest.raises(BundleError):
        writer.add_trace(first, [spans], [logs])
    writer.close()
