"""Spans straight to the wire form of OTLP's ``Span`` message.

Exports write each span as a message of its own, and building protobuf messages attribute by
attribute from Python takes most of that time. Here common values are written as bytes by hand, in
the order of the field numbers, as the protobuf runtime does: the bytes are the same, which tests
compare. Rare parts (nested values, events, links) are left to the runtime.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from tracefoundry.model.span import Attributes, Span
from tracefoundry.otlp import byte_strings, encode_protobuf

_INT64: Final = 2**64 - 1
_LARGEST_INT64: Final = 2**63 - 1
_SMALLEST_INT64: Final = -(2**63)
_TIMES: Final = struct.Struct("<cQcQ")
_DOUBLE: Final = struct.Struct("<cd")
_FLAGS: Final = struct.Struct("<2sI")
_KNOWN_KEYS: Final = 4_096
"""Attribute keys whose encoded form is remembered."""
KNOWN_PAIRS: Final = 2_048
"""Attributes with a short text whose encoded form is remembered: names of models and servers come
again with each span."""
_SHORT_TEXT: Final = 48
"""Characters of such a text."""


def varint(value: int) -> bytes:
    """A number of 0 or more as protobuf's varint."""
    if value < len(_VARINTS):
        return _VARINTS[value]
    return _long_varint(value)


def _long_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_VARINTS: Final = tuple(_long_varint(value) for value in range(2_048))


class SpanEncoder:
    """Encodes spans. One instance serves one thread."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._pairs: dict[tuple[str, str], bytes] = {}

    @property
    def known_pairs(self) -> int:
        """How many attributes are remembered, at most :data:`KNOWN_PAIRS`."""
        return len(self._pairs)

    def encode(self, span: Span) -> bytes:
        """The ``Span`` message of a span, without its tag and length."""
        parts: list[bytes] = []
        _put_bytes(parts, b"\x0a", span.trace_id)
        _put_bytes(parts, b"\x12", span.span_id)
        if span.trace_state:
            _put_bytes(parts, b"\x1a", span.trace_state.encode())
        _put_bytes(parts, b"\x22", span.parent_span_id)
        _put_bytes(parts, b"\x2a", span.name.encode())
        _put_number(parts, b"\x30", span.kind)
        start, end = span.start_time_ns, span.end_time_ns
        if start and end:
            parts.append(_TIMES.pack(b"\x39", start, b"\x41", end))
        else:
            parts += [struct.pack("<cQ", b"\x39", start)] if start else []
            parts += [struct.pack("<cQ", b"\x41", end)] if end else []
        self._put_attributes(parts, span.attributes)
        _put_number(parts, b"\x50", span.dropped_attributes_count)
        if span.events:
            _put_events(parts, span)
        _put_number(parts, b"\x60", span.dropped_events_count)
        if span.links:
            _put_links(parts, span)
        _put_number(parts, b"\x70", span.dropped_links_count)
        if span.status_code or span.status_message:
            status: list[bytes] = []
            _put_bytes(status, b"\x12", span.status_message.encode())
            _put_number(status, b"\x18", span.status_code)
            joined = b"".join(status)
            parts += (b"\x7a", varint(len(joined)), joined)
        if span.flags:
            parts.append(_FLAGS.pack(b"\x85\x01", span.flags))
        return b"".join(parts)

    def _put_attributes(self, parts: list[bytes], attributes: Attributes) -> None:
        keys, pairs = self._keys, self._pairs
        for key, value in attributes.items():
            kind = type(value)
            short = kind is str and len(value) <= _SHORT_TEXT
            if short:
                known = pairs.get((key, value))
                if known is not None:
                    parts.append(known)
                    continue
            encoded_key = keys.get(key)
            if encoded_key is None:
                encoded_key = self._encoded_key(key)
            if kind is str:
                raw = value.encode()
                content = b"\x0a" + varint(len(raw)) + raw
            elif kind is int and _SMALLEST_INT64 <= value <= _LARGEST_INT64:
                # A negative number is its two's complement.
                content = b"\x18" + varint(value & _INT64)
            elif kind is bool:
                content = b"\x10\x01" if value else b"\x10\x00"
            elif kind is float:
                content = _DOUBLE.pack(b"\x21", value)
            else:
                content = encode_protobuf.value_bytes(value)
            size = varint(len(content))
            length = len(encoded_key) + 1 + len(size) + len(content)
            pair = (b"\x4a", varint(length), encoded_key, b"\x12", size, content)
            if short:
                if len(pairs) >= KNOWN_PAIRS:
                    pairs.clear()
                pairs[key, value] = known = b"".join(pair)
                parts.append(known)
            else:
                parts += pair

    def _encoded_key(self, key: str) -> bytes:
        """The field of a key, which an empty one does not have."""
        raw = key.encode()
        encoded = b"\x0a" + varint(len(raw)) + raw if raw else b""
        if len(self._keys) >= _KNOWN_KEYS:
            self._keys.clear()
        self._keys[key] = encoded
        return encoded


def _put_bytes(parts: list[bytes], tag: bytes, value: bytes) -> None:
    if value:
        parts += (tag, varint(len(value)), value)


def _put_number(parts: list[bytes], tag: bytes, value: int) -> None:
    if value:
        parts += (tag, varint(value))


def _put_events(parts: list[bytes], span: Span) -> None:
    message: Any = byte_strings.Span()
    encode_protobuf.put_events(span.events, message)
    parts.append(message.SerializeToString(deterministic=True))


def _put_links(parts: list[bytes], span: Span) -> None:
    message: Any = byte_strings.Span()
    encode_protobuf.put_links(span.links, message)
    parts.append(message.SerializeToString(deterministic=True))
