"""Contents put back: what the offload stage took out comes back equal."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from samples import make_log, make_span
from strategies import attribute_values, logs, spans
from tracefoundry.model.attributes import type_name
from tracefoundry.model.contents import decode_value, encode_value, restore_log, restore_span
from tracefoundry.model.genai.content import content_slot
from tracefoundry.model.payload import PayloadEntry, ref_of
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Span
from tracefoundry.payloads.offload import Offloader

CONTENT_KEYS = ["gen_ai.input.messages", "input.value", "llm.input_messages.0.message.content"]
CONTENT_PAIRS = st.lists(st.tuples(st.sampled_from(CONTENT_KEYS), attribute_values()), max_size=3)


def contents_of(record: Span | LogRecord) -> dict[str, bytes]:
    """What the payload store would hold, by ref."""
    return {content.ref: content.value for content in record.contents}


def references(payloads: tuple[PayloadEntry, ...]) -> tuple[PayloadEntry, ...]:
    """References of the sender: their attributes never leave."""
    return tuple(entry for entry in payloads if entry.state == "reference")


@given(attribute_values())
def test_a_value_and_its_bytes_are_the_same_thing(value: Any) -> None:
    """Whatever its type, the bytes give it back."""
    content, _ = encode_value(value)
    assert value == decode_value(content, type_name(value))


@given(spans(), CONTENT_PAIRS)
def test_a_span_comes_back_equal(span: Span, more: list[tuple[str, Any]]) -> None:
    """No content stays behind in the attributes, and refs are hashes of the contents."""
    span.attributes = {**span.attributes, **dict(more)}
    before = copy.deepcopy(span)
    Offloader().offload_span(span)
    for key, value in span.attributes.items():
        assert content_slot(key) is None or value is None
    contents = contents_of(span)
    assert list(contents) == [ref_of(value) for value in contents.values()]
    whole = restore_span(span, contents)
    expected = msgspec.structs.replace(
        before, payloads=references(span.payloads), encoded_attributes=whole.encoded_attributes
    )
    assert expected == whole


@given(logs(), CONTENT_PAIRS)
def test_a_log_record_comes_back_equal(log: LogRecord, more: list[tuple[str, Any]]) -> None:
    """With its body."""
    log.attributes = {**log.attributes, **dict(more)}
    before = copy.deepcopy(log)
    Offloader().offload_log(log)
    whole = restore_log(log, contents_of(log))
    assert msgspec.structs.replace(before, payloads=references(log.payloads)) == whole


def test_a_body_and_an_attribute_called_body_are_distinguished() -> None:
    """Both have the place ``log`` and the key ``body``; the body is the last one listed."""
    log = make_log(body="hello")
    log.attributes = {"body": "x" * 5_000}
    before = copy.deepcopy(log)
    Offloader().offload_log(log)
    assert before == restore_log(log, contents_of(log))


@given(spans(), CONTENT_PAIRS, st.randoms())
def test_what_is_missing_stays_listed_and_the_rest_comes_back(
    span: Span, more: list[tuple[str, Any]], random: Any
) -> None:
    """A second call with the missing contents gives the whole span."""
    span.attributes = {**span.attributes, **dict(more)}
    Offloader().offload_span(span)
    contents = contents_of(span)
    some = {ref: value for ref, value in contents.items() if random.random() < 0.5}
    partly = restore_span(span, some)
    assert partly.payloads == tuple(
        entry for entry in span.payloads if entry.state == "reference" or entry.ref not in some
    )
    assert restore_span(span, contents) == restore_span(partly, contents)


def test_a_shared_resource_is_not_changed() -> None:
    """Other spans of the envelope, and the store's dictionary, refer to the same object."""
    resource = Resource({"service.name": "a", "log": "x" * 5_000})
    span = make_span(resource=resource)
    Offloader().offload_span(span)
    whole = restore_span(span, contents_of(span))
    assert {"service.name": "a"} == span.resource.attributes == resource.attributes
    assert {"service.name": "a", "log": "x" * 5_000} == whole.resource.attributes


def test_missing_refs_stand_where_their_values_stood() -> None:
    """The OTLP form without contents: a ref for each key at its place, and one for each slot."""
    attributes = {"gen_ai.input.messages": "hi", "gen_ai.prompt": "ho", "note": "x" * 5_000, "n": 1}
    span = make_span(attributes=dict(attributes))
    span.events = [Event("retry", 1, {"n": 1}), Event("exception", 2, {"trace": "y" * 5_000})]
    span.links = [Link(b"1" * 16, b"2" * 8, {"why": "z" * 5_000})]
    Offloader().offload_span(span)
    named = restore_span(span, {}, name_missing_refs=True)
    hi, ho, note = ref_of(b"hi"), ref_of(b"ho"), ref_of(b"x" * 5_000)
    assert {
        "n": 1,
        "tracefoundry.payload.ref.gen_ai.input.messages": hi,
        "tracefoundry.payload.ref.gen_ai.prompt": ho,
        "tracefoundry.payload.ref.note": note,
        "tracefoundry.payload.input_messages_ref": hi,
        "tracefoundry.payload.attribute_ref": note,
    } == named.attributes
    assert [{"n": 1}, {"tracefoundry.payload.ref.trace": ref_of(b"y" * 5_000)}] == [
        event.attributes for event in named.events
    ]
    assert {"tracefoundry.payload.ref.why": ref_of(b"z" * 5_000)} == named.links[0].attributes
    assert span.payloads == named.payloads


def test_the_missing_body_of_a_log_is_named_among_its_attributes() -> None:
    """A log record has no other place for it."""
    log = make_log(body={"content": "hello"})
    Offloader().offload_log(log)
    (entry,) = log.payloads
    named = restore_log(log, {}, name_missing_refs=True)
    assert named.body is None
    assert {**log.attributes, "tracefoundry.payload.ref.body": entry.ref} == named.attributes


def test_a_reference_of_the_sender_is_never_replaced() -> None:
    """Its attribute stays, and no content is put in its place even if it names one of ours."""
    ref = ref_of(b"hello")
    attributes = {"gen_ai.input.messages_ref": ref}
    span = make_span(attributes=dict(attributes))
    Offloader().offload_span(span)
    whole = restore_span(span, {ref: b"hello"}, name_missing_refs=True)
    assert (attributes, span.payloads) == (whole.attributes, whole.payloads)


def test_expired_content_is_named_and_comes_back_where_another_copy_has_it() -> None:
    """The ref of an expired value is known; redacted and withheld values have none."""
    span = make_span(attributes={"gen_ai.input.messages": "hello"})
    Offloader().offload_span(span, store=False)
    ref = ref_of(b"hello")
    named = restore_span(span, {}, name_missing_refs=True)
    assert ref == named.attributes["tracefoundry.payload.ref.gen_ai.input.messages"]
    assert {"gen_ai.input.messages": "hello"} == restore_span(span, {ref: b"hello"}).attributes
