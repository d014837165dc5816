"""Spans encoded by hand are the bytes of the protobuf runtime."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import strategies
from tracefoundry.model.span import Span
from tracefoundry.otlp import byte_strings, encode_protobuf
from tracefoundry.otlp.encode_wire import SpanEncoder


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
