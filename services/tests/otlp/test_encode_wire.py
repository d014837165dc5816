"""Spans encoded by hand are the bytes of the protobuf runtime."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import strategies
from samples import make_span
from tracefoundry.model.span import Span
from tracefoundry.otlp import byte_strings, encode_protobuf
from tracefoundry.otlp.encode_wire import KNOWN_PAIRS, SpanEncoder


def by_the_runtime(span: Span) -> bytes:
    """The message as protobuf writes it."""
    message = byte_strings.Span()
    encode_protobuf.put_span(span, message)
    return message.SerializeToString(deterministic=True)


@given(spans=st.lists(strategies.spans(), max_size=4))
def test_any_span_has_the_bytes_of_the_protobuf_runtime(spans: list[Span]) -> None:
    """Also with an encoder that remembers keys of the spans before."""
    encoder = SpanEncoder()
    assert [by_the_runtime(span) for span in spans] == [encoder.encode(span) for span in spans]


def test_attributes_that_come_again_have_the_same_bytes() -> None:
    """Short texts are remembered with their key, and only as texts."""
    encoder = SpanEncoder()
    for attributes in ({"a": "1", "b": "1"}, {"a": 1, "b": "1"}, {"b": "1", "a": "1", "": ""}):
        span = make_span(1, 1, attributes=attributes)
        assert by_the_runtime(span) == encoder.encode(span)


def test_what_is_remembered_of_attributes_has_a_bound() -> None:
    """Senders choose keys and texts."""
    encoder = SpanEncoder()
    for number in range(2 * KNOWN_PAIRS):
        encoder.encode(make_span(1, 1, attributes={f"key {number}": f"text {number}"}))
    assert encoder.known_pairs <= KNOWN_PAIRS
