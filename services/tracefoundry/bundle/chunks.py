"""Members that grow item by item and are closed before they pass 8 MiB.

OTLP chunks are put together from encoded records by hand: a request is the concatenation of its
parts, so the size of a chunk is known exactly before a record goes in, and the order of records is
kept. Consecutive records of one resource and scope share their envelope; where another resource
stands between, it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tracefoundry.bundle.members import CHUNK_BYTES, MemberKind, numbered
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.otlp import byte_strings, encode_protobuf
from tracefoundry.otlp.encode_wire import SpanEncoder, varint

Emit = Callable[[str, bytes], None]
"""Takes the name and the bytes of a finished member."""

_FIRST: Final = b"\x0a"
_SECOND: Final = b"\x12"
"""Tags of the fields 1 and 2, both length-delimited."""
_KNOWN_ENVELOPES: Final = 1_000


class LineChunks:
    """Lines of JSON."""

    def __init__(self, kind: MemberKind, emit: Emit) -> None:
        self._kind: MemberKind = kind
        self._emit = emit
        self._lines: list[bytes] = []
        self._size = 0
        self._number = 0

    def add(self, line: bytes) -> None:
        """Add a line, given without its newline."""
        if self._lines and self._size + len(line) + 1 > CHUNK_BYTES:
            self.close()
        self._lines.append(line)
        self._size += len(line) + 1

    def close(self) -> None:
        """Emit what has gathered."""
        if self._lines:
            self._emit(numbered(self._kind, self._number), b"\n".join(self._lines) + b"\n")
            self._number += 1
            self._lines, self._size = [], 0


class OtlpChunks:
    """``ExportTraceServiceRequest`` or ``ExportLogsServiceRequest`` messages."""

    def __init__(self, kind: MemberKind, emit: Emit) -> None:
        self._kind: MemberKind = kind
        self._emit = emit
        self._encoder = _LogEncoder() if kind == "logs" else _SpanEncoder()
        self._number = 0
        self._resource: _Envelope | None = None
        self._scope: _Envelope | None = None
        self._closed: list[bytes] = []
        self._closed_bytes = 0

    def add(self, record: Span | LogRecord) -> None:
        """Add a record; see :mod:`.payload_refs` for the form that it must have."""
        self.add_encoded(record.resource, record.scope, self._encoder.record(record))

    def add_encoded(self, resource: Resource, scope: Scope, encoded: bytes) -> None:
        """Add a record whose message is encoded already (:meth:`encode`)."""
        resource_key = self._encoder.resource(resource)
        scope_key = self._encoder.scope(scope)
        part = _SECOND + varint(len(encoded)) + encoded
        if self._size_with(resource_key, scope_key, len(part)) > CHUNK_BYTES:
            self.close()
        if self._resource is None or self._resource.key != resource_key:
            self._close_resource()
            self._resource = _Envelope(resource_key)
        if self._scope is None or self._scope.key != scope_key:
            self._close_scope()
            self._scope = _Envelope(scope_key)
        self._scope.add(part)

    def encode(self, record: Span | LogRecord) -> bytes:
        """The message of a record."""
        return self._encoder.record(record)

    def close(self) -> None:
        """Emit what has gathered."""
        self._close_resource()
        if self._closed:
            self._emit(numbered(self._kind, self._number), b"".join(self._closed))
            self._number += 1
            self._closed, self._closed_bytes = [], 0

    def _size_with(self, resource: _Key, scope: _Key, part: int) -> int:
        """The size of the chunk if this record went in; 0 if it is empty now."""
        if self._resource is None or self._scope is None:
            return 0
        new_scope = _framed(len(scope[0]) + len(scope[1]) + part)
        if self._resource.key != resource:
            open_bytes = _framed(self._resource.size + _framed(self._scope.size))
            open_bytes += _framed(len(resource[0]) + len(resource[1]) + new_scope)
        elif self._scope.key != scope:
            open_bytes = _framed(self._resource.size + _framed(self._scope.size) + new_scope)
        else:
            open_bytes = _framed(self._resource.size + _framed(self._scope.size + part))
        return self._closed_bytes + open_bytes

    def _close_scope(self) -> None:
        if self._scope is not None and self._resource is not None:
            self._resource.add(self._scope.framed(_SECOND))
        self._scope = None

    def _close_resource(self) -> None:
        self._close_scope()
        if self._resource is not None:
            framed = self._resource.framed(_FIRST)
            self._closed.append(framed)
            self._closed_bytes += len(framed)
        self._resource = None


_Key = tuple[bytes, bytes]
"""What stands before and after the members of an envelope: its field 1, and its schema URL."""


class _Envelope:
    """A resource or scope that is open for more members."""

    __slots__ = ("key", "parts", "size")

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.parts: list[bytes] = []
        self.size = len(key[0]) + len(key[1])

    def add(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)

    def framed(self, tag: bytes) -> bytes:
        return b"".join((tag, varint(self.size), self.key[0], *self.parts, self.key[1]))


class _Encoder:
    """Encodes the parts of a request. Envelopes are remembered by identity."""

    def __init__(self, request: Any, fields: tuple[str, str, str]) -> None:
        self._envelopes: dict[int, tuple[Resource | Scope, _Key]] = {}
        resource_message = getattr(request, fields[0]).add()
        scope_message = getattr(resource_message, fields[1]).add()
        self._resource_class = type(resource_message)
        self._scope_class = type(scope_message)
        self._record_class: Any = type(getattr(scope_message, fields[2]).add())

    def resource(self, resource: Resource) -> _Key:
        known = self._envelopes.get(id(resource))
        if known is None:
            message = self._resource_class()
            encode_protobuf.put_resource(resource, message)
            known = self._remember(resource, message)
        return known[1]

    def scope(self, scope: Scope) -> _Key:
        known = self._envelopes.get(id(scope))
        if known is None:
            message = self._scope_class()
            encode_protobuf.put_scope(scope, message)
            known = self._remember(scope, message)
        return known[1]

    def _remember(self, part: Resource | Scope, message: Any) -> tuple[Resource | Scope, _Key]:
        tail = type(message)(schema_url=message.schema_url).SerializeToString()
        message.ClearField("schema_url")
        key = (message.SerializeToString(deterministic=True), tail)
        if len(self._envelopes) >= _KNOWN_ENVELOPES:
            self._envelopes.clear()
        # The object is kept too, so that no other object can get its id.
        known = self._envelopes[id(part)] = (part, key)
        return known


class _SpanEncoder(_Encoder):
    def __init__(self) -> None:
        request = byte_strings.ExportTraceServiceRequest()
        super().__init__(request, ("resource_spans", "scope_spans", "spans"))
        self._spans = SpanEncoder()

    def record(self, record: Any) -> bytes:
        return self._spans.encode(record)


class _LogEncoder(_Encoder):
    def __init__(self) -> None:
        request = byte_strings.ExportLogsServiceRequest()
        super().__init__(request, ("resource_logs", "scope_logs", "log_records"))

    def record(self, record: Any) -> bytes:
        message = self._record_class()
        encode_protobuf.put_log(record, message)
        encoded: bytes = message.SerializeToString(deterministic=True)
        return encoded


def _framed(size: int) -> int:
    """The bytes of a length-delimited field of this size."""
    return 1 + max(1, -(-size.bit_length() // 7)) + size
